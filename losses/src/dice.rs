//! The soft Dice loss: how little two regions overlap, whatever their size.
//!
//! `1 - (2 I + s) / (P + T + s)` of each class, with `I = sum p t`, `P = sum p`, `T = sum t`.
//!
//! What it is for: segmentation of small structures: the background's millions of right pixels count for nothing. Minus
//! one, it is the Dice score that is reported.
//!
//! When it fails: the gradient of a pixel depends on all others, and is noisy on small batches: add [`crate::bce`]. On an
//! empty mask only `smooth` keeps a gradient: the loss then asks for `P` well below `smooth`. Where misses are worse than false
//! alarms: [`crate::tversky`]. It counts pixels, so a broken road costs no more than a narrow one: clDice.
//!
//! Shapes, targets and sums: as [`crate::tversky`], of which it is the case `alpha = beta = 1/2` with half its smooth term.
//! `smooth` 1 by default. Smooth. Unit: none, 0 to 1.
//! Source: Milletari et al. 2016 (V-Net), with plain instead of squared sums below, as Sudre et al. 2017.

use gobelin_autograd::Var;

use crate::catalogue::{LossEntry, OptionSpec};
use crate::classes::IGNORE_INDEX;
use crate::reduction::Reduction;
use crate::tversky::{PER_SAMPLE, SMOOTH, TENSORS, Tversky};

/// The soft Dice loss.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Dice {
    /// Added above and below: 1.
    pub smooth: f32,
    /// Each picture alone, instead of all as one: off.
    pub per_sample: bool,
    /// Over classes, and pictures where each stands alone.
    pub reduction: Reduction,
}

impl Default for Dice {
    fn default() -> Self {
        Self { smooth: 1.0, per_sample: false, reduction: Reduction::Mean }
    }
}

impl Dice {
    /// As [`Tversky::of_masks`].
    ///
    /// # Panics
    /// If the shapes differ.
    #[track_caller]
    pub fn of_masks(&self, logits: &Var, target: &Var) -> Var {
        self.as_tversky().of_masks(logits, target)
    }

    /// As [`Tversky::of_classes`].
    ///
    /// # Panics
    /// If the shapes do not fit, or a class is neither ignored nor below C.
    #[track_caller]
    pub fn of_classes(&self, logits: &Var, target: &[i64], ignored: i64) -> Var {
        self.as_tversky().of_classes(logits, target, ignored)
    }

    fn as_tversky(self) -> Tversky {
        let Self { smooth, per_sample, reduction } = self;
        Tversky { alpha: 0.5, beta: 0.5, smooth: smooth / 2.0, per_sample, reduction }
    }
}

pub(crate) const ENTRY: LossEntry = LossEntry {
    name: "dice",
    about: "soft Dice: 1 - (2 I + s) / (P + T + s) of each class",
    paper: "Milletari et al. 2016; Sudre et al. 2017",
    tensors: TENSORS,
    options: &[SMOOTH, PER_SAMPLE, IGNORE_INDEX, OptionSpec::REDUCTION],
    vgg: false,
    run: |call| {
        let loss = Dice {
            smooth: call.number("smooth"),
            per_sample: call.flag("per-sample"),
            reduction: call.reduction(),
        };
        Ok(loss.as_tversky().in_call(call)?.into())
    },
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::numbers;
    use gobelin_autograd::check::GradientCheck;
    use gobelin_autograd::{Tensor, random};

    #[test]
    fn gradients() {
        let masks = random::uniform(&[2, 3, 2], 0.0, 1.0, &mut random::generator(1, 0));
        for per_sample in [false, true] {
            let loss = Dice { per_sample, ..Dice::default() };
            let inputs = [numbers(&[2, 3, 2], 1), masks.clone()];
            GradientCheck::default().assert(&inputs, |x| loss.of_masks(&x[0], &x[1]));
            GradientCheck::default().assert(&inputs[..1], |x| loss.of_classes(&x[0], &[0, 1, 7, 1, 1, 0], 7));
        }
    }

    #[test]
    fn a_class_that_is_nowhere_costs_nothing() {
        let logits = Tensor::full(&[1, 4, 1], -1e4).into();
        let loss = Dice { smooth: 0.0, ..Dice::default() };
        assert_eq!(loss.of_masks(&logits, &Tensor::zeros(&[1, 4, 1]).into()).item(), 0.0);
    }
}
