//! Activations as layers, so that they count in a sequence as PyTorch's do.

use gobelin_autograd::{Var, ops};

use crate::module::{Entry, Module};
use crate::pass::Pass;

/// An element-wise function without parameters.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Activation {
    /// `max(x, 0)`.
    Relu,
    /// `x` where positive, this slope times `x` elsewhere.
    LeakyRelu(f32),
    /// The hyperbolic tangent.
    Tanh,
}

impl Activation {
    /// The slope left of 0, where that is all there is to it.
    pub(crate) fn slope(self) -> Option<f32> {
        match self {
            Self::Relu => Some(0.0),
            Self::LeakyRelu(slope) => Some(slope),
            Self::Tanh => None,
        }
    }
}

impl Module for Activation {
    fn forward(&self, _: &Pass, x: &Var) -> Var {
        match *self {
            Self::Relu => ops::relu(x),
            Self::LeakyRelu(slope) => ops::leaky_relu(x, slope),
            Self::Tanh => ops::tanh(x),
        }
    }

    fn as_activation(&self) -> Option<Activation> {
        Some(*self)
    }

    fn list(&self, _: &str, _: &mut Vec<Entry>) {}
}
