//! What all optimisers share that remember tensors of each parameter: parameters, slots, steps, rates.

use std::cell::{Cell, RefCell, RefMut};
use std::collections::HashSet;
use std::rc::Rc;

use gobelin_kernels::cuda::optimiser::{Table, Tensors};
use gobelin_kernels::cuda::{self, Device, DeviceBuffer, Plain};

use super::Optimiser;
use super::state::{State, StateError};
use crate::parameter::Parameter;
use crate::profile;
use crate::replay::each_time;
use crate::tensor::Tensor;
use crate::values::expect;

/// What is an optimiser's own: its options.
pub trait Rule: Copy + 'static {
    /// What the host's kernel is told of a step.
    type Numbers: Copy;
    /// What a device's kernel is told of it.
    type OnDevice: Plain + From<Self::Numbers>;

    /// What is kept of each parameter: PyTorch's name for it, and its place among what a device's kernel takes.
    fn slots(&self) -> Vec<(&'static str, usize)>;

    /// What the slots begin with.
    fn initial(&self) -> f32 {
        0.0
    }

    /// Panics if an option is outside its range.
    fn check(&self);

    /// The learning rate.
    fn rate(&mut self) -> &mut f64;

    /// Of the step after as many.
    fn numbers(&self, steps: u64) -> Self::Numbers;

    /// Updates a parameter's values on the host.
    fn update(numbers: Self::Numbers, values: &mut [f32], gradient: &[f32], slots: SlotsOfOne);

    /// Updates all parameters on a device.
    fn launch(numbers: &DeviceBuffer<Self::OnDevice>, table: &Table) -> cuda::Result<()>;
}

/// A parameter's slots, by their place among what a device's kernel takes.
pub type SlotsOfOne<'a> = [Option<&'a mut [f32]>; 3];

/// An optimiser by the rule that its options are, with one tensor of each parameter's shape for every slot.
pub struct ByRule<R> {
    /// Shared with what the host does before a recorded step.
    rule: Rc<Cell<R>>,
    /// The slots' names, and their places among those of a device's kernel.
    names: Vec<(&'static str, usize)>,
    entries: Vec<Entry>,
    /// Shared likewise.
    steps: Rc<Cell<u64>>,
}

struct Entry {
    name: String,
    parameter: Parameter,
    slots: Vec<Parameter>,
}

impl<R: Rule> ByRule<R> {
    /// Over these parameters.
    ///
    /// # Panics
    /// If an option is outside its range, or two parameters have one name.
    #[track_caller]
    pub fn new(parameters: Vec<(String, Parameter)>, mut options: R) -> Self {
        assert_rate(*options.rate());
        options.check();
        assert_distinct("optimiser", parameters.iter().map(|(name, _)| name));
        let names = options.slots();
        let entry = |(name, parameter): (String, Parameter)| {
            let slot = |_| Parameter::new(Tensor::full(parameter.borrow().shape(), options.initial()));
            Entry { slots: names.iter().map(slot).collect(), name, parameter: parameter.clone() }
        };
        let entries = parameters.into_iter().map(entry).collect();
        Self { rule: Rc::new(Cell::new(options)), names, entries, steps: Rc::default() }
    }

    fn step_here(&self, gradients: &[Tensor]) {
        let numbers = self.rule.get().numbers(self.steps.get());
        self.steps.set(self.steps.get() + 1);
        for (entry, gradient) in self.entries.iter().zip(gradients) {
            let mut held: Vec<RefMut<Tensor>> = entry.slots.iter().map(Parameter::borrow_mut).collect();
            let mut slots = [None, None, None];
            for (&(_, position), slot) in self.names.iter().zip(&mut held) {
                slots[position] = Some(slot.data_mut());
            }
            entry.parameter.update(|values| R::update(numbers, values, gradient.data(), slots));
            let read = held.iter().map(|slot| slot.shape()).chain([gradient.shape(), gradient.shape()]);
            profile::charge("optimiser", read, gradient.shape());
        }
    }

    /// One launch for all parameters; what of them is not on the device moves there.
    fn step_on(&self, place: &Device, gradients: &[Tensor]) {
        let numbers = Rc::new(RefCell::new(expect(DeviceBuffer::lasting(place, 1))));
        let (to, rule, steps) = (Rc::clone(&numbers), Rc::clone(&self.rule), Rc::clone(&self.steps));
        each_time(move || {
            expect(to.borrow_mut().write(&[rule.get().numbers(steps.get()).into()]));
            steps.set(steps.get() + 1);
        });
        let on_place = |parameter| Parameter::buffer_mut(parameter, place);
        let mut values: Vec<(RefMut<DeviceBuffer>, Vec<RefMut<DeviceBuffer>>)> = self
            .entries
            .iter()
            .map(|entry| (on_place(&entry.parameter), entry.slots.iter().map(on_place).collect()))
            .collect();
        let tensors = values.iter_mut().zip(gradients).map(|((parameter, own), gradient)| {
            let mut slots = [None, None, None];
            for (&(_, position), slot) in self.names.iter().zip(own) {
                slots[position] = Some(&mut **slot);
            }
            Tensors { parameter, gradient: gradient.buffer(place), slots }
        });
        let table = expect(Table::new(place, tensors.collect()));
        expect(R::launch(&numbers.borrow(), &table));
        profile::charge("optimiser", gradients.iter().map(Tensor::shape), &[]);
    }
}

impl<R: Rule> Optimiser for ByRule<R> {
    #[track_caller]
    fn step(&mut self, gradients: &[Tensor]) {
        assert!(
            gradients.len() == self.entries.len(),
            "optimiser: {} gradients for {} parameters",
            gradients.len(),
            self.entries.len()
        );
        for (entry, gradient) in self.entries.iter().zip(gradients) {
            assert!(
                entry.parameter.borrow().shape() == gradient.shape(),
                "optimiser: the gradient of `{}` has shape {:?}, expected {:?}",
                entry.name,
                gradient.shape(),
                entry.parameter.borrow().shape()
            );
        }
        let place = self.entries.first().and_then(|entry| entry.parameter.borrow().device().cloned());
        match place {
            Some(place) => self.step_on(&place, gradients),
            None => self.step_here(gradients),
        }
    }

    fn learning_rate(&self) -> f64 {
        *self.rule.get().rate()
    }

    #[track_caller]
    fn set_learning_rate(&mut self, rate: f64) {
        assert_rate(rate);
        let mut rule = self.rule.get();
        *rule.rate() = rate;
        self.rule.set(rule);
    }

    fn state(&self) -> State {
        let of = |entry: &Entry| {
            let named = self.names.iter().zip(&entry.slots);
            named
                .map(|((slot, _), held)| (format!("{}.{slot}", entry.name), held.value()))
                .collect::<Vec<_>>()
        };
        State { steps: self.steps.get(), tensors: self.entries.iter().flat_map(of).collect() }
    }

    fn load_state(&mut self, state: &State) -> Result<(), StateError> {
        let mut targets = Vec::new();
        for entry in &self.entries {
            for ((slot, _), held) in self.names.iter().zip(&entry.slots) {
                targets.push((format!("{}.{slot}", entry.name), held));
            }
        }
        state.restore(targets)?;
        self.steps.set(state.steps);
        Ok(())
    }
}

/// Names are the keys of the saved state.
#[track_caller]
pub(super) fn assert_distinct<'a>(what: &str, names: impl Iterator<Item = &'a String>) {
    let mut seen = HashSet::new();
    for name in names {
        assert!(seen.insert(name), "{what}: two parameters are named `{name}`");
    }
}

/// Rates are set by code; flags are checked where they are read.
#[track_caller]
pub(super) fn assert_rate(rate: f64) {
    assert!(
        rate >= 0.0 && rate.is_finite(),
        "optimiser: learning rate {rate}, expected a finite number >= 0"
    );
}
