//! The bookkeeping all optimisers share: parameters, what is remembered of each, steps.

use std::cell::{Cell, RefCell, RefMut};
use std::collections::HashSet;
use std::rc::Rc;

use gobelin_kernels::cuda::optimiser::{Table, Tensors};
use gobelin_kernels::cuda::{self, Device, DeviceBuffer, Plain};

use super::state::{State, StateError};
use crate::parameter::Parameter;
use crate::profile;
use crate::replay::each_time;
use crate::tensor::Tensor;
use crate::values::expect;

/// Parameters, and for each of them one tensor of its shape for every slot.
pub(super) struct Slots {
    /// The slots' names, and their places among those of a device's kernel.
    names: Vec<(&'static str, usize)>,
    entries: Vec<Entry>,
    /// Shared with what the host does before a recorded step.
    steps: Rc<Cell<u64>>,
}

struct Entry {
    name: String,
    parameter: Parameter,
    slots: Vec<Parameter>,
}

impl Slots {
    /// Slots of these `names` and places in a device's kernel, filled with `initial`.
    #[track_caller]
    pub fn new(
        parameters: Vec<(String, Parameter)>,
        names: Vec<(&'static str, usize)>,
        initial: f32,
    ) -> Self {
        assert_distinct("optimiser", parameters.iter().map(|(name, _)| name));
        let entry = |(name, parameter): (String, Parameter)| {
            let slots = names
                .iter()
                .map(|_| Parameter::new(Tensor::full(parameter.borrow().shape(), initial)))
                .collect();
            Entry { name, parameter, slots }
        };
        let entries = parameters.into_iter().map(entry).collect();
        Self { names, entries, steps: Rc::default() }
    }

    /// Counts a step and goes through the parameters by the rule of that step, which `rule` makes of the number of steps before:
    /// `update` gets it and each parameter's values, gradient and slots; `launch` updates all at once on the device where the
    /// first of them lies.
    #[track_caller]
    pub fn step<R: Copy, D: Plain + From<R>>(
        &mut self,
        gradients: &[Tensor],
        rule: impl Fn(u64) -> R + 'static,
        update: impl Fn(R, &mut [f32], &[f32], &mut [RefMut<Tensor>]),
        launch: impl FnOnce(&DeviceBuffer<D>, &Table) -> cuda::Result<()>,
    ) {
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
        if let Some(place) = place {
            self.step_on(&place, gradients, rule, launch);
            return;
        }
        let rule = rule(self.steps.get());
        self.steps.set(self.steps.get() + 1);
        for (entry, gradient) in self.entries.iter().zip(gradients) {
            let mut slots: Vec<RefMut<Tensor>> = entry.slots.iter().map(Parameter::borrow_mut).collect();
            entry.parameter.update(|values| update(rule, values, gradient.data(), &mut slots));
            let read = slots.iter().map(|slot| slot.shape()).chain([gradient.shape(), gradient.shape()]);
            profile::charge("optimiser", read, gradient.shape());
        }
    }

    /// One launch for all parameters; what of them is not on the device moves there.
    fn step_on<R, D: Plain + From<R>>(
        &self,
        place: &Device,
        gradients: &[Tensor],
        rule: impl Fn(u64) -> R + 'static,
        launch: impl FnOnce(&DeviceBuffer<D>, &Table) -> cuda::Result<()>,
    ) {
        let numbers = Rc::new(RefCell::new(expect(DeviceBuffer::lasting(place, 1))));
        let (to, steps) = (Rc::clone(&numbers), Rc::clone(&self.steps));
        each_time(move || {
            expect(to.borrow_mut().write(&[rule(steps.get()).into()]));
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
        expect(launch(&numbers.borrow(), &table));
        profile::charge("optimiser", gradients.iter().map(Tensor::shape), &[]);
    }

    pub fn state(&self) -> State {
        let of = |entry: &Entry| {
            let named = self.names.iter().zip(&entry.slots);
            named
                .map(|((slot, _), held)| (format!("{}.{slot}", entry.name), held.value()))
                .collect::<Vec<_>>()
        };
        State { steps: self.steps.get(), tensors: self.entries.iter().flat_map(of).collect() }
    }

    pub fn load_state(&mut self, state: &State) -> Result<(), StateError> {
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
