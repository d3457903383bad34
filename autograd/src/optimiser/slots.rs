//! The bookkeeping all optimisers share: parameters, what is remembered of each, steps.

use std::collections::HashSet;

use super::state::{State, StateError};
use crate::parameter::Parameter;
use crate::profile;
use crate::tensor::Tensor;

/// Parameters, and for each of them one tensor of its shape for every slot.
pub(super) struct Slots {
    names: Vec<&'static str>,
    entries: Vec<Entry>,
    steps: u64,
}

struct Entry {
    name: String,
    parameter: Parameter,
    slots: Vec<Tensor>,
}

impl Slots {
    /// Slots of these `names`, filled with `initial`.
    #[track_caller]
    pub fn new(parameters: Vec<(String, Parameter)>, names: Vec<&'static str>, initial: f32) -> Self {
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

    /// Counts a step and goes through the parameters: `update` gets each one's values, gradient and slots.
    #[track_caller]
    pub fn step(&mut self, gradients: &[Tensor], update: impl Fn(&mut [f32], &[f32], &mut [Tensor])) {
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
        for (entry, gradient) in self.entries.iter_mut().zip(gradients) {
            entry.parameter.update(|values| update(values, gradient.data(), &mut entry.slots));
            let read = entry.slots.iter().map(Tensor::shape).chain([gradient.shape(), gradient.shape()]);
            profile::charge("optimiser", read, gradient.shape());
        }
    }

    pub fn state(&self) -> State {
        let of = |entry: &Entry| {
            let named = self.names.iter().zip(&entry.slots);
            named.map(|(slot, tensor)| (format!("{}.{slot}", entry.name), tensor.clone())).collect::<Vec<_>>()
        };
        State { steps: self.steps, tensors: self.entries.iter().flat_map(of).collect() }
    }

    pub fn load_state(&mut self, state: &State) -> Result<(), StateError> {
        let mut targets = Vec::new();
        for entry in &mut self.entries {
            for (slot, tensor) in self.names.iter().zip(&mut entry.slots) {
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
