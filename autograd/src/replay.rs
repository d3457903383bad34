//! Work on a device that is recorded once and replayed from then on.
//!
//! A small step is bound by what it costs to launch its kernels. Recorded as a CUDA graph, all of them are one launch.

use std::cell::RefCell;
use std::collections::HashMap;

use gobelin_kernels::cuda::{Device, Graph};

use crate::parameter::Parameter;
use crate::tensor::Tensor;
use crate::values::expect;

/// What holds tensors: the inputs of recorded work, or its results.
pub trait Bundle: Clone {
    /// Visits each tensor, always in the same order.
    fn each_tensor(&mut self, visit: &mut dyn FnMut(&mut Tensor));
}

/// Nothing.
impl Bundle for () {
    fn each_tensor(&mut self, _: &mut dyn FnMut(&mut Tensor)) {}
}

impl Bundle for Tensor {
    fn each_tensor(&mut self, visit: &mut dyn FnMut(&mut Tensor)) {
        visit(self);
    }
}

impl<T: Bundle> Bundle for Option<T> {
    fn each_tensor(&mut self, visit: &mut dyn FnMut(&mut Tensor)) {
        if let Some(some) = self {
            some.each_tensor(visit);
        }
    }
}

impl<T: Bundle, const N: usize> Bundle for [T; N] {
    fn each_tensor(&mut self, visit: &mut dyn FnMut(&mut Tensor)) {
        for one in self {
            one.each_tensor(visit);
        }
    }
}

impl<A: Bundle, B: Bundle> Bundle for (A, B) {
    fn each_tensor(&mut self, visit: &mut dyn FnMut(&mut Tensor)) {
        self.0.each_tensor(visit);
        self.1.each_tensor(visit);
    }
}

/// A part of a step that is all the device's: on the host it is simply done. On a device it is done once (kernels are loaded,
/// constants sent), then recorded, and from then on replayed; the inputs' values are copied to where those of the recording lay.
///
/// What the work reads and writes beside its inputs must be [`Parameter`]s, optimisers, averages, random
/// [`Stream`](crate::random::Stream)s, and constants. What differs from one
/// step to the next must be an input, a parameter's value, or an optimiser's learning rate: any other number of the host's is recorded as
/// it is. What the host reads must be a result. Inside, reading values of the device, and sending it values of the host, ends the recording
/// with an error of the device that says so.
///
/// Inputs of other shapes are recorded beside those before. Where a parameter was given another tensor since (a state was loaded), or
/// somebody still holds the values that the work would change, it is done and recorded anew.
pub struct Replay<I, O> {
    device: Option<Device>,
    ways: Vec<(Shapes, Way<I, O>)>,
}

/// Of all tensors of the inputs.
type Shapes = Vec<Vec<usize>>;

enum Way<I, O> {
    /// Done once; the parameters that it changed.
    Rehearsed(Vec<Parameter>),
    Recorded(Recorded<I, O>),
}

impl<I, O> Default for Replay<I, O> {
    /// On the host.
    fn default() -> Self {
        Self { device: None, ways: Vec::new() }
    }
}

impl<I: Bundle, O: Bundle> Replay<I, O> {
    /// On a device.
    pub fn on(device: &Device) -> Self {
        Self { device: Some(device.clone()), ways: Vec::new() }
    }

    /// Does the work, or replays it. The results are the caller's: a later replay does not change them.
    ///
    /// # Panics
    /// If the work changes a parameter that lies on the host, or returns what lies there.
    pub fn run(&mut self, inputs: I, work: impl FnOnce(I) -> O) -> O {
        let Some(device) = self.device.clone() else { return work(inputs) };
        let shapes = shapes_of(&inputs);
        let known = self.ways.iter().position(|(known, _)| *known == shapes);
        let (results, way) = match known.map(|known| self.ways.swap_remove(known).1) {
            Some(Way::Recorded(mut recorded)) if recorded.fits() => {
                (recorded.replay(inputs), Way::Recorded(recorded))
            }
            Some(Way::Rehearsed(changed)) => {
                let mut recorded = Recorded::new(&device, inputs.clone(), &changed, work);
                (recorded.replay(inputs), Way::Recorded(recorded))
            }
            _ => {
                let mut moved = inputs;
                moved.each_tensor(&mut |tensor| *tensor = tensor.to_device(&device));
                let (results, notes) = noting(false, || work(moved));
                let changed = notes.cells.into_iter().filter(|cell| cell.is_changed);
                (results, Way::Rehearsed(changed.map(|cell| cell.parameter).collect()))
            }
        };
        self.ways.push((shapes, way));
        results
    }

    /// The kernels and copies of each recording that there is.
    pub fn nodes(&self) -> Vec<usize> {
        let recorded = self.ways.iter().filter_map(|(_, way)| match way {
            Way::Recorded(recorded) => Some(recorded.graph.nodes()),
            Way::Rehearsed(_) => None,
        });
        recorded.collect()
    }
}

fn shapes_of(bundle: &impl Bundle) -> Shapes {
    let mut shapes = Vec::new();
    bundle.clone().each_tensor(&mut |tensor| shapes.push(tensor.shape().to_vec()));
    shapes
}

struct Recorded<I, O> {
    graph: Graph,
    /// Where the inputs lie.
    inputs: I,
    /// Where the results lie until the next replay.
    results: O,
    /// The parameters that the work uses.
    cells: Vec<Cell>,
    /// What the host does before each replay.
    each_time: Vec<Box<dyn FnMut()>>,
}

/// A parameter that recorded work uses.
struct Cell {
    parameter: Parameter,
    /// The buffer of its values.
    buffer: Option<u64>,
    is_changed: bool,
    /// The values that it had, where the work gave it others in other memory.
    before: Option<Tensor>,
}

impl<I: Bundle, O: Bundle> Recorded<I, O> {
    fn new(device: &Device, mut inputs: I, changed: &[Parameter], work: impl FnOnce(I) -> O) -> Self {
        inputs.each_tensor(&mut |tensor| *tensor = tensor.copy_on(device));
        for parameter in changed {
            parameter.own(device);
        }
        let (graph, (results, notes)) = expect(device.record(|| {
            let (mut results, mut notes) = noting(true, || work(inputs.clone()));
            notes.cells.iter_mut().for_each(|cell| cell.settle(device));
            results.each_tensor(&mut |tensor| {
                assert!(
                    tensor.device() == Some(device),
                    "replay: a result lies on the host, and would stay as it is"
                );
                if !tensor.is_unique() {
                    *tensor = tensor.copy_on(device);
                }
            });
            Ok((results, notes))
        }));
        Self { graph, inputs, results, cells: notes.cells, each_time: notes.each_time }
    }

    /// Whether all parameters lie where they lay, and nobody else holds what will be changed.
    fn fits(&self) -> bool {
        self.cells.iter().all(|cell| {
            cell.parameter.buffer_number() == cell.buffer && (!cell.is_changed || cell.parameter.is_unique())
        })
    }

    fn replay(&mut self, mut inputs: I) -> O {
        self.each_time.iter_mut().for_each(|action| action());
        let mut given = Vec::new();
        inputs.each_tensor(&mut |tensor| given.push(tensor.clone()));
        let mut given = given.iter();
        self.inputs
            .each_tensor(&mut |tensor| tensor.overwrite(given.next().expect("as many, of the same shapes")));
        expect(self.graph.replay());
        self.cells.iter().filter(|cell| cell.is_changed).for_each(|cell| cell.parameter.rewritten());
        let mut results = self.results.clone();
        results.each_tensor(&mut |tensor| {
            *tensor = tensor.copy_on(tensor.device().expect("checked when recorded"));
        });
        results
    }
}

impl Cell {
    /// Brings values that were changed back to where they lay when the recording began.
    fn settle(&mut self, device: &Device) {
        if let Some(mut before) = self.before.take() {
            assert!(before.is_unique(), "replay: the work holds old values of what it changes");
            before.overwrite(&self.parameter.unnoted());
            self.parameter.put_back(before);
        }
        let now = self.parameter.buffer_number();
        assert!(
            !self.is_changed || now == self.buffer,
            "replay: a parameter of shape {:?} was moved on {device:?}",
            self.parameter.unnoted().shape()
        );
        self.buffer = now;
    }
}

/// What happens to parameters while work is rehearsed or recorded.
#[derive(Default)]
struct Notes {
    is_recording: bool,
    places: HashMap<*const (), usize>,
    cells: Vec<Cell>,
    each_time: Vec<Box<dyn FnMut()>>,
}

thread_local! {
    static NOTES: RefCell<Option<Notes>> = const { RefCell::new(None) };
}

/// Ends when it is dropped, also by a panic.
struct Noting;

impl Drop for Noting {
    fn drop(&mut self) {
        NOTES.take();
    }
}

fn noting<R>(is_recording: bool, work: impl FnOnce() -> R) -> (R, Notes) {
    let before = NOTES.replace(Some(Notes { is_recording, ..Notes::default() }));
    assert!(before.is_none(), "replay: recorded work inside of another's");
    let ends = Noting;
    let result = work();
    let notes = NOTES.take().unwrap_or_default();
    drop(ends);
    (result, notes)
}

/// Says that a parameter is used or, from now on, changed.
pub(crate) fn note(parameter: &Parameter, is_changed: bool) {
    NOTES.with_borrow_mut(|notes| {
        let Some(notes) = notes else { return };
        let place = *notes.places.entry(parameter.address()).or_insert_with(|| {
            let buffer = parameter.buffer_number();
            notes.cells.push(Cell { parameter: parameter.clone(), buffer, is_changed: false, before: None });
            notes.cells.len() - 1
        });
        let cell = &mut notes.cells[place];
        cell.is_changed |= is_changed;
        if is_changed && notes.is_recording {
            let value = parameter.unnoted();
            assert!(
                value.device().is_some(),
                "replay: a parameter of shape {:?} that the work changes lies on the host",
                value.shape()
            );
            drop(value);
            // In place, if nobody else holds the values; otherwise what holds them now is the first place.
            if cell.before.is_none() && parameter.buffer_number() == cell.buffer && !parameter.is_unique() {
                cell.before = Some(parameter.unnoted());
            }
        }
    });
}

/// Says that a parameter was given another tensor in place of this one.
pub(crate) fn note_replaced(parameter: &Parameter, old: Tensor) {
    NOTES.with_borrow_mut(|notes| {
        let Some(notes) = notes.as_mut().filter(|notes| notes.is_recording) else { return };
        let cell = &mut notes.cells[notes.places[&parameter.address()]];
        if cell.before.is_none() && old.buffer_number() == cell.buffer {
            cell.before = Some(old);
        }
    });
}

/// Does what the host must do each time: now, and where work is recorded, before each replay instead.
pub(crate) fn each_time(mut action: impl FnMut() + 'static) {
    let is_recording = NOTES.with_borrow(|notes| notes.as_ref().is_some_and(|notes| notes.is_recording));
    if !is_recording {
        return action();
    }
    NOTES.with_borrow_mut(|notes| notes.as_mut().expect("just seen").each_time.push(Box::new(action)));
}

#[cfg(test)]
mod tests {
    // Each test has a card of its own: while one records, nobody reads.
    use super::*;
    use crate::ops::testing::numbers;
    use crate::optimiser::{Adam, AdamOptions, Descent};
    use crate::values::attempt;
    use crate::{Tape, ops};

    /// Learns to shrink products with ever other numbers, at ever other rates, and tells each loss.
    struct Learner {
        weight: Parameter,
        descent: Descent,
        replay: Replay<Tensor, Tensor>,
    }

    impl Learner {
        fn new(card: &Device, replay: Replay<Tensor, Tensor>) -> Self {
            let weight = Parameter::new(numbers(&[4], 3));
            weight.to_device(card);
            let descent = Descent::new(vec![("weight".into(), weight.clone())], |weights| {
                Box::new(Adam::new(weights, AdamOptions::default()))
            });
            Self { weight, descent, replay }
        }

        /// One step, with three rows of numbers or with two.
        fn step(&mut self, card: &Device, step: u64) -> Tensor {
            self.descent.optimiser.set_learning_rate(0.1 / (step + 1) as f64);
            let rows = if step % 3 == 2 { 2 } else { 3 };
            let x = numbers(&[rows, 4], step).to_device(card);
            let Self { weight, descent, replay } = self;
            replay.run(x, |x| {
                let tape = Tape::new();
                let loss = ops::mean(&ops::square(&ops::mul(&tape.parameter(weight), &x.into())));
                let told = loss.tensor().clone();
                descent.update(tape, &loss);
                told
            })
        }
    }

    #[test]
    fn what_is_replayed_is_what_would_be_done() {
        let Some(card) = gobelin_emulation::asked_for() else { return };
        let [mut eager, mut replayed] =
            [Replay::default(), Replay::on(&card)].map(|replay| Learner::new(&card, replay));
        let mut told = Vec::new();
        for step in 0..12 {
            if step == 8 {
                // As when a state is loaded.
                for learner in [&eager, &replayed] {
                    learner.weight.set(numbers(&[4], 9));
                }
            }
            told.push([eager.step(&card, step), replayed.step(&card, step)]);
            let [expected, found] = [&eager, &replayed].map(|learner| learner.weight.value().data().to_vec());
            assert_eq!(found, expected, "weights after step {step}");
        }
        // Both shapes were recorded, with as many nodes: they do the same.
        let nodes = replayed.replay.nodes();
        assert!(nodes.len() == 2 && nodes[0] == nodes[1] && nodes[0] > 3, "{nodes:?}");
        // A later replay has not changed what an earlier one told.
        for (step, [expected, found]) in told.iter().enumerate() {
            assert_eq!(found.data(), expected.data(), "loss of step {step}");
        }
    }

    #[test]
    fn values_that_are_held_are_not_changed() {
        let Some(card) = gobelin_emulation::asked_for() else { return };
        let mut learner = Learner::new(&card, Replay::on(&card));
        let mut held = Vec::new();
        for step in [0, 1, 3, 4, 6] {
            learner.step(&card, step);
            let value = learner.weight.value();
            held.push((value.data().to_vec(), value));
        }
        for (was, value) in held {
            assert_eq!(value.to_device(&card).data(), was);
        }
    }

    #[test]
    fn one_value_everywhere_is_made_on_the_device() {
        let Some(card) = gobelin_emulation::asked_for() else { return };
        let mut replay = Replay::on(&card);
        for step in 0..3 {
            let x = numbers(&[4], step);
            let y = replay.run(x.clone(), |x| {
                let share = ops::add_scalar(&ops::neg(&Tensor::full(&[4], 0.25).into()), 1.0);
                ops::mul(&share, &x.into()).into_tensor()
            });
            assert_eq!(y.data(), x.map(|x| 0.75 * x).data(), "step {step}");
        }
    }

    #[test]
    fn what_the_host_reads_or_sends_inside_is_an_error() {
        let Some(card) = gobelin_emulation::asked_for() else { return };
        let reads = |x: Tensor| ops::scale(&x.clone().into(), x.data()[0]).into_tensor();
        let sends = |x: Tensor| ops::mul(&x.into(), &numbers(&[4], 1).into()).into_tensor();
        for work in [&reads as &dyn Fn(Tensor) -> Tensor, &sends] {
            let mut replay = Replay::on(&card);
            let x = || ops::scale(&numbers(&[4], 2).to_device(&card).into(), 2.0).into_tensor();
            assert!(attempt(|| replay.run(x(), work)).is_ok());
            let error = attempt(|| replay.run(x(), work)).expect_err("a recording").to_string();
            assert!(error.contains("record"), "{error}");
            // The device goes on.
            assert_eq!(x().len(), 4);
        }
    }
}
