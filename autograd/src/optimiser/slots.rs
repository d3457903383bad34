//! The bookkeeping all optimisers share: parameters, what is remembered of each, steps.

use std::cell::RefMut;
use std::collections::HashSet;

use gobelin_kernels::cuda::optimiser::{Table, Tensors};
use gobelin_kernels::cuda::{self, Device, DeviceBuffer};

use super::state::{State, StateError};
use crate::parameter::Parameter;
use crate::profile;
use crate::tensor::Tensor;
use crate::values::expect;

/// Parameters, and for each of them one tensor of its shape for every slot.
pub(super) struct Slots {
    /// The slots' names, and their places among those of a device's kernel.
    names: Vec<(&'static str, usize)>,
    entries: Vec<Entry>,
    steps: u64,
}

struct Entry {
    name: String,
    parameter: Parameter,
    slots: Vec<Tensor>,
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
            let slots = names.iter().map(|_| Tensor::full(parameter.borrow().shape(), initial)).collect();
            Entry { name, parameter, slots }
        };
        let entries = parameters.into_iter().map(entry).collect();
        Self { names, entries, steps: 0 }
    }

    /// Steps taken so far.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// Counts a step and goes through the parameters: `update` gets each one's values, gradient and slots; `launch` updates all at
    /// once on the device where the first of them lies.
    #[track_caller]
    pub fn step(
        &mut self,
        gradients: &[Tensor],
        update: impl Fn(&mut [f32], &[f32], &mut [Tensor]),
        launch: impl FnOnce(&Device, &Table) -> cuda::Result<()>,
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
        self.steps += 1;
        let place = self.entries.first().and_then(|entry| entry.parameter.borrow().device().cloned());
        if let Some(place) = place {
            self.step_on(&place, gradients, launch);
            return;
        }
        for (entry, gradient) in self.entries.iter_mut().zip(gradients) {
            entry.parameter.update(|values| update(values, gradient.data(), &mut entry.slots));
            let read = entry.slots.iter().map(Tensor::shape).chain([gradient.shape(), gradient.shape()]);
            profile::charge("optimiser", read, gradient.shape());
        }
    }

    /// One launch for all parameters; what of them is not on the device moves there.
    fn step_on(
        &mut self,
        place: &Device,
        gradients: &[Tensor],
        launch: impl FnOnce(&Device, &Table) -> cuda::Result<()>,
    ) {
        let parameters: Vec<Parameter> = self.entries.iter().map(|entry| entry.parameter.clone()).collect();
        let mut values: Vec<RefMut<DeviceBuffer>> =
            parameters.iter().map(|parameter| parameter.buffer_mut(place)).collect();
        let each = self.entries.iter_mut().zip(&mut values).zip(gradients);
        let tensors = each.map(|((entry, values), gradient)| {
            let mut slots = [None, None, None];
            for (&(_, position), slot) in self.names.iter().zip(&mut entry.slots) {
                slots[position] = Some(slot.buffer_mut(place));
            }
            Tensors { parameter: values, gradient: gradient.buffer(place), slots }
        });
        let table = expect(Table::new(place, tensors.collect()));
        expect(launch(place, &table));
        profile::charge("optimiser", gradients.iter().map(Tensor::shape), &[]);
    }

    pub fn state(&self) -> State {
        let of = |entry: &Entry| {
            let named = self.names.iter().zip(&entry.slots);
            named
                .map(|((slot, _), tensor)| (format!("{}.{slot}", entry.name), tensor.clone()))
                .collect::<Vec<_>>()
        };
        State { steps: self.steps, tensors: self.entries.iter().flat_map(of).collect() }
    }

    pub fn load_state(&mut self, state: &State) -> Result<(), StateError> {
        let mut targets = Vec::new();
        for entry in &mut self.entries {
            for ((slot, _), tensor) in self.names.iter().zip(&mut entry.slots) {
                targets.push((format!("{}.{slot}", entry.name), tensor));
            }
        }
        state.restore(targets)?;
        self.steps = state.steps;
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
