//! What is saved of an optimiser or an average, and taken back.

use std::collections::HashMap;

use crate::parameter::Parameter;
use crate::tensor::Tensor;

/// The state of an optimiser or an average: steps taken and named tensors.
#[derive(Clone, Debug)]
pub struct State {
    /// How many steps were taken.
    pub steps: u64,
    /// Everything remembered, in a fixed order.
    pub tensors: Vec<(String, Tensor)>,
}

/// A saved state that does not fit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StateError {
    /// A tensor is not there.
    #[error(
        "saved state: no entry `{name}` (expected with shape {expected:?}); it was saved for another net or with other \
         options: resume with the configuration it was saved with"
    )]
    Missing {
        /// The entry.
        name: String,
        /// Its shape here.
        expected: Vec<usize>,
    },
    /// A tensor has another shape.
    #[error(
        "saved state: `{name}` has shape {found:?}, expected {expected:?}; it was saved for another net: resume with \
         the configuration it was saved with"
    )]
    Shape {
        /// The entry.
        name: String,
        /// Its saved shape.
        found: Vec<usize>,
        /// Its shape here.
        expected: Vec<usize>,
    },
    /// A tensor belongs to nothing here.
    #[error(
        "saved state: entry `{name}` belongs to nothing here; it was saved for another net or with other options: \
         resume with the configuration it was saved with"
    )]
    Unexpected {
        /// The entry.
        name: String,
    },
}

/// What a saved tensor is put in the place of.
pub(crate) trait Target {
    fn shape(&self) -> Vec<usize>;
    fn put(self, value: Tensor);
}

impl Target for &mut Tensor {
    fn shape(&self) -> Vec<usize> {
        Tensor::shape(self).to_vec()
    }

    fn put(self, value: Tensor) {
        *self = value;
    }
}

impl Target for &Parameter {
    fn shape(&self) -> Vec<usize> {
        Parameter::shape(self)
    }

    fn put(self, value: Tensor) {
        self.set(value);
    }
}

impl State {
    /// Puts the saved tensors in the place of `targets`, all of them or, on an error, none.
    pub(crate) fn restore(&self, targets: Vec<(String, impl Target)>) -> Result<(), StateError> {
        let mut saved: HashMap<&str, &Tensor> =
            self.tensors.iter().map(|(name, tensor)| (name.as_str(), tensor)).collect();
        let mut pairs = Vec::with_capacity(targets.len());
        for (name, target) in targets {
            let Some(tensor) = saved.remove(name.as_str()) else {
                return Err(StateError::Missing { name, expected: target.shape() });
            };
            if *tensor.shape() != *target.shape() {
                let (found, expected) = (tensor.shape().to_vec(), target.shape());
                return Err(StateError::Shape { name, found, expected });
            }
            pairs.push((target, tensor));
        }
        // The smallest name, since a map's order changes from run to run.
        if let Some(name) = saved.into_keys().min() {
            return Err(StateError::Unexpected { name: name.to_owned() });
        }
        for (target, tensor) in pairs {
            target.put(tensor.clone());
        }
        Ok(())
    }
}
