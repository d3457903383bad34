//! The Charbonnier loss: `sqrt((pred - target)^2 + eps^2)` of each element, an absolute error without its kink.
//!
//! What it is for: restoring pictures (super-resolution, flow), where it keeps the robustness of [`crate::mae`] and a
//! curvature at 0.
//!
//! When it fails: `eps` larger than the errors that count makes it [`crate::mse`] over `2 eps`; the value at a perfect answer is
//! `eps`, not 0, which matters when losses are compared.
//!
//! Shapes: `pred` and `target` of any one shape. `eps` is in their unit, 1e-3 by default (for pictures in [0, 1]).
//! Smooth everywhere.
//! Source: Charbonnier et al. 1994; in networks Lai et al. 2017 (LapSRN).

use gobelin_autograd::{Var, ops};

use crate::catalogue::{Domain, LossEntry, OptionKind, OptionSpec, TensorSpec};
use crate::reduction::Reduction;

/// `sqrt((pred - target)^2 + eps^2)`, reduced.
///
/// # Panics
/// If the shapes differ.
#[track_caller]
pub fn charbonnier(pred: &Var, target: &Var, eps: f32, reduction: Reduction) -> Var {
    let squares = ops::square(&ops::sub(pred, target));
    reduction.of(&ops::sqrt(&ops::add_scalar(&squares, eps * eps)))
}

pub(crate) const ENTRY: LossEntry = LossEntry {
    name: "charbonnier",
    about: "Charbonnier: sqrt((pred - target)^2 + eps^2)",
    paper: "Charbonnier et al. 1994; Lai et al. 2017",
    tensors: &[TensorSpec::float("pred", "(...)"), TensorSpec::float("target", "(...)")],
    options: &[
        OptionSpec {
            name: "eps",
            kind: OptionKind::Number(Domain::NonNegative),
            default: "0.001",
            help: "the error below which the loss is nearly squared",
        },
        OptionSpec::REDUCTION,
    ],
    vgg: false,
    run: |call| {
        let loss = charbonnier(&call.var("pred"), &call.var("target"), call.number("eps"), call.reduction());
        Ok(loss.into())
    },
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{numbers, reductions};
    use gobelin_autograd::check::GradientCheck;

    #[test]
    fn gradients() {
        for reduction in reductions() {
            let inputs = [numbers(&[4, 5], 1), numbers(&[4, 5], 2)];
            GradientCheck::default().assert(&inputs, |x| charbonnier(&x[0], &x[1], 0.5, reduction));
        }
    }
}
