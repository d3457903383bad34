//! Cross-entropy with a weight for each pixel, which teaches a U-Net the gaps between touching cells.
//!
//! With the weights `m` of a map and class weights `w`: `-m w_t ln softmax(logits)_t` of each pixel of class `t`; the mean
//! divides by the summed `m w_t` of the counted pixels.
//!
//! What it is for: instances of one class that touch, where a few pixels decide between one object and two.
//! [`crate::weight_map::UnetWeightMap`] makes the paper's map from a label image.
//!
//! When it fails: the map knows distances, not topology: a thin wall that is crossed costs little if `sigma` does not
//! fit its width. Then: the topology loss or clDice. Since the mean divides by the weights, a map of one number is plain
//! [`crate::cross_entropy`].
//!
//! Shapes: as cross-entropy, and weights (N, ...). All weights 0: the loss is 0 with a zero gradient. Smooth in the
//! logits.
//! Source: Ronneberger et al. 2015 (U-Net), equations 1 and 2.

use gobelin_autograd::Var;

use crate::catalogue::{LossEntry, OptionSpec, TensorSpec};
use crate::classes::{self, IGNORE_INDEX, Truth};
use crate::cross_entropy::{CrossEntropy, LABEL_SMOOTHING};

/// The loss of `logits` (N, ..., C) where the true classes are `target` (N, ...), with a weight (N, ...) for each pixel and
/// class weights (C).
///
/// # Panics
/// If the shapes do not fit, or a class is neither ignored nor below C.
#[track_caller]
pub fn pixel_weight_cross_entropy<'a>(
    loss: CrossEntropy,
    logits: &Var,
    target: impl Into<Truth<'a>>,
    weight: &Var,
    class_weight: Option<&Var>,
) -> Var {
    let (pixels, expected) = (weight.shape(), &logits.shape()[..logits.shape().len() - 1]);
    assert!(pixels == expected, "pixel-weight-cross-entropy: weights of {pixels:?}, expected {expected:?}");
    loss.weighted(logits, target.into(), class_weight, Some(weight))
}

pub(crate) const ENTRY: LossEntry = LossEntry {
    name: "pixel-weight-cross-entropy",
    about: "cross-entropy with a weight a pixel: -m w_t ln softmax(logits)_t, the mean over the summed m w_t",
    paper: "Ronneberger et al. 2015, equation 1",
    tensors: &[
        TensorSpec::float("logits", "(N, C, ...)"),
        TensorSpec::integer("target", "(N, ...)"),
        TensorSpec::float("weight", "(N, ...)"),
        TensorSpec::float("class_weight", "(C)").optional(),
    ],
    options: &[IGNORE_INDEX, LABEL_SMOOTHING, OptionSpec::REDUCTION],
    vgg: false,
    run: |call| {
        let loss = CrossEntropy {
            ignore_index: call.integer("ignore-index"),
            label_smoothing: call.number("label-smoothing"),
            reduction: call.reduction(),
        };
        let target = classes::in_call(call, loss.ignore_index)?;
        let (logits, weight) = (call.var("logits"), call.var("weight"));
        let class_weight = call.optional_var("class_weight");
        Ok(pixel_weight_cross_entropy(loss, &logits, target, &weight, class_weight.as_ref()).into())
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
            let loss = CrossEntropy { ignore_index: 9, label_smoothing: 0.1, reduction };
            let positive = |shape: &[usize], stream| numbers(shape, stream).map(|x| x.abs() + 0.2);
            let inputs = [numbers(&[2, 2, 3], 1), positive(&[2, 2], 2), positive(&[3], 3)];
            GradientCheck::default().assert(&inputs, |x| {
                pixel_weight_cross_entropy(loss, &x[0], &[0, 2, 9, 1], &x[1], Some(&x[2]))
            });
        }
    }
}
