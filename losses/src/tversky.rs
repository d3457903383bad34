//! The Tversky loss: an overlap loss that weighs false alarms and misses apart.
//!
//! `1 - (I + s) / (I + alpha FP + beta FN + s)` of each class, with the soft counts of hits `I = sum p t`, false alarms
//! `FP = sum p (1 - t)` and misses `FN = sum (1 - p) t`.
//!
//! What it is for: small or rare structures where a miss is worse than a false alarm: `beta` above `alpha`. With both 1/2 it
//! is [`crate::dice`] with half its smooth term, with both 1 the soft Jaccard loss.
//!
//! When it fails: as [`crate::dice`].
//!
//! Shapes: logits (N, ..., C) in code, (N, C, ...) in files. A target of the logits' shape holds one mask in [0, 1] a channel
//! (sigmoid); one without the channel axis holds class indices (softmax). Sums run over pixels and the whole batch, or each
//! picture alone (`per-sample`); the reduction runs over classes (and pictures). A class that appears nowhere, with `smooth` 0, is
//! an index of 1: loss 0. Computed as `(alpha FP + beta FN) / (I + alpha FP + beta FN + s)`, so that small losses keep their
//! digits. Smooth. Unit: none, 0 to 1.
//! Source: Salehi et al. 2017 (alpha 0.3, beta 0.7).

use gobelin_autograd::{Tensor, Var, ops};

use crate::bce::complement;
use crate::catalogue::{Call, CallError, Domain, LossEntry, OptionKind, OptionSpec, TensorSpec};
use crate::classes::{self, Classes, IGNORE_INDEX};
use crate::reduction::Reduction;

/// The Tversky loss.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tversky {
    /// The weight of false alarms: 0.3.
    pub alpha: f32,
    /// The weight of misses: 0.7.
    pub beta: f32,
    /// Added above and below: 1.
    pub smooth: f32,
    /// Each picture alone, instead of all as one: off.
    pub per_sample: bool,
    /// Over classes, and pictures where each stands alone.
    pub reduction: Reduction,
}

impl Default for Tversky {
    fn default() -> Self {
        Self { alpha: 0.3, beta: 0.7, smooth: 1.0, per_sample: false, reduction: Reduction::Mean }
    }
}

impl Tversky {
    /// The loss of `logits` (N, ..., C) and as many masks in [0, 1]: one sigmoid a channel.
    ///
    /// # Panics
    /// If the shapes differ.
    #[track_caller]
    pub fn of_masks(&self, logits: &Var, target: &Var) -> Var {
        let (ours, theirs) = (logits.shape(), target.shape());
        assert!(ours == theirs && ours.len() >= 2, "tversky: logits of {ours:?}, masks of {theirs:?}");
        let (p, not_p) = (ops::sigmoid(logits), ops::sigmoid(&ops::neg(logits)));
        let hits = ops::mul(&p, target);
        let false_alarms = ops::mul(&p, &complement(target));
        self.of_counts(&hits, &false_alarms, &ops::mul(&not_p, target))
    }

    /// The loss of `logits` (N, ..., C) and class indices (N, ...): a softmax over the channels. Pixels of the class
    /// `ignored` do not count.
    ///
    /// # Panics
    /// If the shapes do not fit, or a class is neither ignored nor below C.
    #[track_caller]
    pub fn of_classes(&self, logits: &Var, target: &[i64], ignored: i64) -> Var {
        assert!(logits.shape().len() >= 2, "tversky: logits of {:?}, expected (N, ..., C)", logits.shape());
        let classes = Classes::new("tversky", logits, target, ignored);
        let number = logits.shape()[logits.shape().len() - 1];
        let mask = |of: &dyn Fn(usize, usize) -> bool| {
            Tensor::build(logits.shape(), |mask| {
                for (row, mask) in mask.chunks_exact_mut(number).enumerate() {
                    let counts = classes.counted.data()[row] != 0.0;
                    mask.iter_mut().enumerate().for_each(|(c, m)| *m = f32::from(counts && of(row, c)));
                }
            })
        };
        let own = mask(&|row, class| classes.of_rows[row] as usize == class);
        let other = mask(&|row, class| classes.of_rows[row] as usize != class);
        let p = ops::softmax(logits);
        self.of_counts(&ops::masked(&p, &own), &ops::masked(&p, &other), &ops::masked(&complement(&p), &own))
    }

    /// The loss of what each pixel adds to the three counts, all (N, ..., C).
    fn of_counts(&self, hits: &Var, false_alarms: &Var, misses: &Var) -> Var {
        let last = hits.shape().len() - 1;
        let axes: Vec<usize> = (usize::from(self.per_sample)..last).collect();
        let total = |x: &Var| ops::sum_axes(x, &axes);
        let wrong =
            ops::add(&ops::scale(&total(false_alarms), self.alpha), &ops::scale(&total(misses), self.beta));
        let divisor = ops::add_scalar(&ops::add(&total(hits), &wrong), self.smooth);
        let each = ops::mul(&wrong, &ops::reciprocal_or_zero(&divisor));
        let (pictures, number) = (hits.shape()[0], hits.shape()[last]);
        let shape = if self.per_sample { vec![pictures, number] } else { vec![number] };
        self.reduction.of(&ops::reshape(&each, &shape))
    }

    /// The loss of a call's `logits` and `target`.
    pub(crate) fn in_call(&self, call: &Call<'_>) -> Result<Var, CallError> {
        let logits = call.var("logits");
        if call.shape("target") == call.shape("logits") {
            return Ok(self.of_masks(&logits, &call.mask("target")?));
        }
        let ignored = call.integer("ignore-index");
        Ok(self.of_classes(&logits, classes::in_call(call, ignored)?, ignored))
    }
}

/// What the overlap losses take: masks, or class indices.
pub(crate) const TENSORS: &[TensorSpec] = &[
    TensorSpec::float("logits", "(N, C, ...)"),
    TensorSpec::mask("target", "(N, ...) class indices or (N, C, ...) masks"),
];

pub(crate) const SMOOTH: OptionSpec = OptionSpec {
    name: "smooth",
    kind: OptionKind::Number(Domain::NonNegative),
    default: "1",
    help: "added above and below the fraction",
};

pub(crate) const PER_SAMPLE: OptionSpec = OptionSpec {
    name: "per-sample",
    kind: OptionKind::Flag,
    default: "false",
    help: "each picture alone, instead of the batch as one picture",
};

pub(crate) const ENTRY: LossEntry = LossEntry {
    name: "tversky",
    about: "Tversky: 1 - (I + s) / (I + alpha FP + beta FN + s) of each class",
    paper: "Salehi et al. 2017",
    tensors: TENSORS,
    options: &[
        OptionSpec {
            name: "alpha",
            kind: OptionKind::Number(Domain::NonNegative),
            default: "0.3",
            help: "the weight of false alarms",
        },
        OptionSpec {
            name: "beta",
            kind: OptionKind::Number(Domain::NonNegative),
            default: "0.7",
            help: "the weight of misses",
        },
        SMOOTH,
        PER_SAMPLE,
        IGNORE_INDEX,
        OptionSpec::REDUCTION,
    ],
    vgg: false,
    run: |call| {
        let loss = Tversky {
            alpha: call.number("alpha"),
            beta: call.number("beta"),
            smooth: call.number("smooth"),
            per_sample: call.flag("per-sample"),
            reduction: call.reduction(),
        };
        Ok(loss.in_call(call)?.into())
    },
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{numbers, reductions};
    use gobelin_autograd::check::GradientCheck;
    use gobelin_autograd::random;

    #[test]
    fn gradients() {
        let masks = random::uniform(&[2, 3, 2], 0.0, 1.0, &mut random::generator(1, 0));
        for reduction in reductions() {
            for per_sample in [false, true] {
                let loss = Tversky { smooth: 0.5, per_sample, reduction, ..Tversky::default() };
                let inputs = [numbers(&[2, 3, 2], 1), masks.clone()];
                GradientCheck::default().assert(&inputs, |x| loss.of_masks(&x[0], &x[1]));
                let classes = [0, 1, 7, 1, 1, 0];
                GradientCheck::default().assert(&inputs[..1], |x| loss.of_classes(&x[0], &classes, 7));
            }
        }
    }
}
