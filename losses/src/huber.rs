//! The Huber loss: squared near 0, linear beyond.
//!
//! With `d = pred - target`: `d^2 / 2` where `|d| <= delta`, else `delta (|d| - delta / 2)`, of each element.
//!
//! What it is for: regression with outliers, whose gradient it bounds by `delta`, while small errors are still weighed by
//! their size. PyTorch's `smooth_l1` with `beta` is this divided by `delta = beta`.
//!
//! When it fails: `delta` must be of the size of the errors that count: far too large it is half of [`crate::mse`], far too
//! small `delta` times [`crate::mae`]. Its second derivative jumps at `delta`; where one is needed:
//! [`crate::charbonnier`].
//!
//! Shapes: `pred` and `target` of any one shape. `delta` is in their unit, 1 by default.
//! Source: Huber 1964, Robust estimation of a location parameter.

use gobelin_autograd::{Var, ops};

use crate::catalogue::{Domain, LossEntry, OptionKind, OptionSpec, TensorSpec};
use crate::reduction::Reduction;

/// The Huber loss of each element, reduced.
///
/// # Panics
/// If the shapes differ or `delta` is not above 0.
#[track_caller]
pub fn huber(pred: &Var, target: &Var, delta: f32, reduction: Reduction) -> Var {
    assert!(delta > 0.0, "huber: delta {delta}, expected a number above 0");
    let difference = ops::sub(pred, target);
    // With the difference cut off at delta, c: c (d - c / 2) is both branches at once, and passes NaN on.
    let cut = ops::clamp(&difference, -delta, delta);
    let each = ops::mul(&cut, &ops::sub(&difference, &ops::scale(&cut, 0.5)));
    reduction.of(&each)
}

pub(crate) const ENTRY: LossEntry = LossEntry {
    name: "huber",
    about: "Huber: d^2 / 2 where |d| <= delta, else delta (|d| - delta / 2), d = pred - target",
    paper: "Huber 1964",
    tensors: &[TensorSpec::float("pred", "(...)"), TensorSpec::float("target", "(...)")],
    options: &[
        OptionSpec {
            name: "delta",
            kind: OptionKind::Number(Domain::Positive),
            default: "1",
            help: "the error beyond which the loss is linear",
        },
        OptionSpec::REDUCTION,
    ],
    vgg: false,
    run: |call| {
        Ok(huber(&call.var("pred"), &call.var("target"), call.number("delta"), call.reduction()).into())
    },
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{numbers_away_from, reductions};
    use gobelin_autograd::check::GradientCheck;
    use gobelin_autograd::{Tape, Tensor};

    #[test]
    fn gradients() {
        for reduction in reductions() {
            let zeros = Var::constant(Tensor::zeros(&[4, 5]));
            let inputs = [numbers_away_from(&[-0.7, 0.7], &[4, 5], 1)];
            GradientCheck::default().assert(&inputs, |x| huber(&x[0], &zeros, 0.7, reduction));
            GradientCheck::default().assert(&inputs, |x| huber(&zeros, &x[0], 0.7, reduction));
        }
    }

    #[test]
    fn the_gradient_is_bounded_by_delta() {
        let tape = Tape::new();
        let x = tape.leaf(Tensor::new(&[5], [-1e30, -0.5, 0.0, 0.5, 1e30]));
        let loss = huber(&x, &Tensor::zeros(&[5]).into(), 2.0, Reduction::Sum);
        assert_eq!(tape.gradients(&loss, &[&x])[0].data(), [-2.0, -0.5, 0.0, 0.5, 2.0]);
    }
}
