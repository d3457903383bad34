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

impl Module for Activation {
    fn forward(&self, _: &Pass, x: &Var) -> Var {
        match *self {
            Self::Relu => ops::relu(x),
            Self::LeakyRelu(slope) => ops::leaky_relu(x, slope),
            Self::Tanh => ops::tanh(x),
        }
    }

    fn list(&self, _: &str, _: &mut Vec<Entry>) {}
}
