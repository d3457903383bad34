//! The identity loss: a generator given a picture that is already of its target domain should leave it alone.
//!
//! `0.5 * lambda * mean |G(y) - y|`, with the `lambda` of [`crate::cycle`].
//!
//! What it is for: keeping colours in photo generation from paintings, where an adversarial loss does not mind day
//! becoming dusk. Off in the paper's other experiments.
//!
//! When it fails: it holds a generator back where the domains differ in colour on purpose.
//!
//! Shapes: `pred` = G(y) and `target` = y of any one shape. `lambda` 10 by default. Unit: that of the pictures.
//! Source: Zhu et al. 2017, section 5.2, after Taigman et al. 2017.

use gobelin_autograd::Var;

use crate::catalogue::{LossEntry, TensorSpec};
use crate::cycle::{LAMBDA, cycle};

/// `0.5 * lambda * mean |pred - target|`.
///
/// # Panics
/// If the shapes differ.
#[track_caller]
pub fn identity(pred: &Var, target: &Var, lambda: f32) -> Var {
    cycle(pred, target, 0.5 * lambda)
}

pub(crate) const ENTRY: LossEntry = LossEntry {
    name: "identity",
    about: "identity: 0.5 * lambda * mean |G(y) - y|",
    paper: "Zhu et al. 2017, section 5.2",
    tensors: &[TensorSpec::float("pred", "(...)"), TensorSpec::float("target", "(...)")],
    options: &[LAMBDA],
    vgg: false,
    run: |call| Ok(identity(&call.var("pred"), &call.var("target"), call.number("lambda")).into()),
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::numbers_away_from;
    use gobelin_autograd::Tensor;
    use gobelin_autograd::check::GradientCheck;

    #[test]
    fn gradients() {
        let zeros = Var::constant(Tensor::zeros(&[4, 5]));
        let inputs = [numbers_away_from(&[0.0], &[4, 5], 1)];
        GradientCheck::default().assert(&inputs, |x| identity(&x[0], &zeros, 10.0));
    }
}
