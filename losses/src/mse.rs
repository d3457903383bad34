//! Mean squared error: `(pred - target)^2` of each element.
//!
//! What it is for: regression where errors are Gaussian, and pictures judged by PSNR, which it maximises directly:
//! `PSNR = 10 log10(range^2 / mse)`.
//!
//! When it fails: it prefers the mean of all plausible answers, so textures come out blurred; one outlier outweighs a
//! hundred good elements. Then: [`crate::charbonnier`] or [`crate::huber`] against outliers, [`crate::mae`] for medians,
//! a perceptual or adversarial loss for texture.
//!
//! Shapes: `pred` and `target` of any one shape. Unit: the square of theirs. Smooth everywhere.
//! Source: Gauss 1809; in networks since Rumelhart et al. 1986.

use gobelin_autograd::{Var, ops};

use crate::catalogue::{LossEntry, OptionSpec, TensorSpec};
use crate::reduction::Reduction;

/// `(pred - target)^2`, reduced.
///
/// # Panics
/// If the shapes differ.
#[track_caller]
pub fn mse(pred: &Var, target: &Var, reduction: Reduction) -> Var {
    match reduction {
        Reduction::Mean => ops::mean_squared_difference(pred, target),
        other => other.of(&ops::square(&ops::sub(pred, target))),
    }
}

pub(crate) const ENTRY: LossEntry = LossEntry {
    name: "mse",
    about: "mean squared error: (pred - target)^2",
    paper: "Gauss 1809",
    tensors: &[TensorSpec::float("pred", "(...)"), TensorSpec::float("target", "(...)")],
    options: &[OptionSpec::REDUCTION],
    vgg: false,
    run: |call| Ok(mse(&call.var("pred"), &call.var("target"), call.reduction()).into()),
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{numbers, reductions};
    use gobelin_autograd::check::GradientCheck;

    #[test]
    fn gradients() {
        for reduction in reductions() {
            let inputs = [numbers(&[2, 3, 5], 1), numbers(&[2, 3, 5], 2)];
            GradientCheck::default().assert(&inputs, |x| mse(&x[0], &x[1], reduction));
        }
    }
}
