//! Mean absolute error: `|pred - target|` of each element.
//!
//! What it is for: regression whose errors have heavy tails; its best constant answer is the median, not the mean, so
//! pictures come out sharper than with [`crate::mse`]. The reconstruction term of most image-to-image networks.
//!
//! When it fails: the gradient is as large next to the answer as far from it, so training wanders at the end; then lower
//! the rate, or take [`crate::charbonnier`] or [`crate::huber`]. There is no curvature for a second-order optimiser.
//!
//! Shapes: `pred` and `target` of any one shape. Unit: theirs. The gradient where they are equal is 0; the second
//! derivative is 0.
//! Source: Boscovich 1757, Laplace 1774; against mse in pictures: Zhao et al. 2017.

use gobelin_autograd::{Var, ops};

use crate::catalogue::{LossEntry, OptionSpec, TensorSpec};
use crate::reduction::Reduction;

/// `|pred - target|`, reduced.
///
/// # Panics
/// If the shapes differ.
#[track_caller]
pub fn mae(pred: &Var, target: &Var, reduction: Reduction) -> Var {
    match reduction {
        Reduction::Mean => ops::mean_absolute_difference(pred, target),
        other => other.of(&ops::abs(&ops::sub(pred, target))),
    }
}

pub(crate) const ENTRY: LossEntry = LossEntry {
    name: "mae",
    about: "mean absolute error: |pred - target|",
    paper: "Zhao et al. 2017",
    tensors: &[TensorSpec::float("pred", "(...)"), TensorSpec::float("target", "(...)")],
    options: &[OptionSpec::REDUCTION],
    vgg: false,
    run: |call| Ok(mae(&call.var("pred"), &call.var("target"), call.reduction()).into()),
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{numbers_away_from, reductions};
    use gobelin_autograd::Tensor;
    use gobelin_autograd::check::GradientCheck;

    #[test]
    fn gradients() {
        let zeros = Var::constant(Tensor::zeros(&[4, 5]));
        for reduction in reductions() {
            let inputs = [numbers_away_from(&[0.0], &[4, 5], 1)];
            GradientCheck::default().assert(&inputs, |x| mae(&x[0], &zeros, reduction));
            GradientCheck::default().assert(&inputs, |x| mae(&zeros, &x[0], reduction));
        }
    }
}
