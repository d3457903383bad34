//! Cross-entropy of class logits: minus the logarithm of the softmax probability of the true class.
//!
//! With `p = softmax(logits)`, class weights `w` and smoothing `s`, each pixel (or row) of class `t` has
//! `-(1 - s) w_t ln p_t - s / C * sum_c w_c ln p_c`. The mean divides by the summed weights `w_t` of the counted pixels,
//! and so is a weighted mean, as PyTorch's.
//!
//! What it is for: classification and segmentation with exclusive classes. Its gradient, `p - onehot(t)`, never fades
//! while a pixel is wrong.
//!
//! When it fails: with rare classes the network learns to say "background" (`class-weight`, or an overlap loss:
//! [`crate::dice`]); with easy pixels by the million the hard ones drown ([`crate::focal`]); thin gaps between
//! objects are a handful of pixels ([`crate::pixel_weight_cross_entropy`]). Trained long, it wants infinite logits:
//! `label-smoothing` 0.1 bounds them. Weighting with 0 for a class that one batch consists of leaves nothing to
//! count: the loss is then 0 with a zero gradient (PyTorch: NaN).
//!
//! Shapes: logits (N, ..., C) in code, (N, C, ...) in files; targets (N, ...); class weights (C). Logits of +-1e4 give
//! finite values and gradients. Smooth in the logits. Unit: nats.
//! Source: label smoothing is that of Szegedy et al. 2016, section 7.

use gobelin_autograd::ops::Indices;
use gobelin_autograd::{Var, ops};

use crate::catalogue::{Domain, LossEntry, OptionKind, OptionSpec, TensorSpec};
use crate::classes::{self, Classes, IGNORE_INDEX, IGNORED, Truth};
use crate::reduction::Reduction;

/// Cross-entropy of logits and class indices.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CrossEntropy {
    /// The class that does not count: -100.
    pub ignore_index: i64,
    /// The share of the truth given to all classes alike, 0 to 1: 0.
    pub label_smoothing: f32,
    /// Mean over the counted weights.
    pub reduction: Reduction,
}

impl Default for CrossEntropy {
    fn default() -> Self {
        Self { ignore_index: IGNORED, label_smoothing: 0.0, reduction: Reduction::Mean }
    }
}

impl CrossEntropy {
    /// The loss of `logits` (N, ..., C) where the true classes are `target` (N, ...), with class weights (C).
    ///
    /// # Panics
    /// If the shapes do not fit, or a class is neither ignored nor below C.
    #[track_caller]
    pub fn of<'a>(&self, logits: &Var, target: impl Into<Truth<'a>>, class_weight: Option<&Var>) -> Var {
        self.weighted(logits, target.into(), class_weight, None)
    }

    /// As [`CrossEntropy::of`] with a weight (N, ...) for each pixel.
    #[track_caller]
    pub(crate) fn weighted(
        &self,
        logits: &Var,
        target: Truth,
        class_weight: Option<&Var>,
        pixel_weight: Option<&Var>,
    ) -> Var {
        match target {
            Truth::Known(target) => {
                let known = Classes::new("cross-entropy", logits, target, self.ignore_index);
                self.of_rows(logits, (&known.of_rows).into(), Some(&known), class_weight, pixel_weight)
            }
            Truth::Numbers(numbers) => self.of_rows(logits, numbers.into(), None, class_weight, pixel_weight),
        }
    }

    /// The loss of logits whose rows have the classes `of_rows`; all of them count, where `known` does not tell otherwise.
    #[track_caller]
    fn of_rows(
        &self,
        logits: &Var,
        of_rows: Indices,
        known: Option<&Classes>,
        class_weight: Option<&Var>,
        pixel_weight: Option<&Var>,
    ) -> Var {
        let counted = |each: Var| match known {
            Some(known) => ops::masked(&each, &known.counted),
            None => each,
        };
        let log_p = ops::log_softmax(logits);
        let pixels = &logits.shape()[..logits.shape().len() - 1];
        let own = class_weight.map(|weight| ops::reshape(&ops::take(weight, of_rows), pixels));
        let truth = ops::neg(&ops::reshape(&ops::pick(&log_p, of_rows), pixels));
        let mut each = match &own {
            Some(own) => ops::mul(&truth, own),
            None => truth,
        };
        if self.label_smoothing > 0.0 {
            let spread = match class_weight {
                Some(weight) => ops::mul(&log_p, weight),
                None => log_p,
            };
            let spread = ops::reshape(&ops::mean_axes(&spread, &[pixels.len()]), pixels);
            let smooth = ops::scale(&spread, -self.label_smoothing);
            each = ops::add(&ops::scale(&each, 1.0 - self.label_smoothing), &smooth);
        }
        // What counts in the divisor of the mean: class weight times pixel weight.
        let weight = match (own, pixel_weight) {
            (Some(own), Some(pixel)) => Some(ops::mul(&own, pixel)),
            (own, pixel) => own.or(pixel.cloned()),
        };
        if let Some(pixel) = pixel_weight {
            each = ops::mul(&each, pixel);
        }
        let each = counted(each);
        if self.reduction != Reduction::Mean {
            return self.reduction.of(&each);
        }
        let count = known.map_or(pixels.iter().product(), |known| known.count);
        match weight.map(|weight| ops::sum(&counted(weight))) {
            Some(total) => over(&ops::sum(&each), &total),
            None if count > 0 => ops::scale(&ops::sum(&each), 1.0 / count as f32),
            // Nothing counts.
            None => ops::scale(&ops::sum(&each), 0.0),
        }
    }
}

/// A sum of weighted numbers over the sum of the weights, 0 where that is 0. The host reads neither, so both may be recorded.
fn over(sum: &Var, total: &Var) -> Var {
    let counts = ops::count_outside(total.tensor(), 0.0, 0.0);
    let nothing = ops::add_scalar(&ops::neg(&counts.clone().into()), 1.0);
    ops::masked(&ops::div(sum, &ops::add(total, &nothing)), &counts)
}

pub(crate) const LABEL_SMOOTHING: OptionSpec = OptionSpec {
    name: "label-smoothing",
    kind: OptionKind::Number(Domain::Share),
    default: "0",
    help: "the share of the truth that is given to all classes alike",
};

pub(crate) const ENTRY: LossEntry = LossEntry {
    name: "cross-entropy",
    about: "cross-entropy of classes: -w_t ln softmax(logits)_t, the mean over the summed w_t",
    paper: "label smoothing: Szegedy et al. 2016",
    tensors: &[
        TensorSpec::float("logits", "(N, C, ...)"),
        TensorSpec::integer("target", "(N, ...)"),
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
        Ok(loss.of(&call.var("logits"), target, call.optional_var("class_weight").as_ref()).into())
    },
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{numbers, reductions};
    use gobelin_autograd::check::GradientCheck;
    use gobelin_autograd::{Tape, Tensor};

    #[test]
    fn gradients() {
        for reduction in reductions() {
            for label_smoothing in [0.0, 0.2] {
                let loss = CrossEntropy { ignore_index: 9, label_smoothing, reduction };
                let inputs = [numbers(&[2, 2, 3], 1), numbers(&[3], 2).map(|x| x.abs() + 0.2)];
                let check = GradientCheck::default();
                check.assert(&inputs[..1], |x| loss.of(&x[0], &[0, 2, 9, 1], None));
                check.assert(&inputs, |x| loss.of(&x[0], &[0, 2, 9, 1], Some(&x[1])));
            }
        }
    }

    #[test]
    fn what_is_ignored_has_no_part_even_as_nan() {
        let tape = Tape::new();
        let logits = tape.leaf(Tensor::new(&[2, 2], [1.0, 2.0, f32::NAN, 0.0]));
        let loss = CrossEntropy::default().of(&logits, &[0, -100], None);
        assert!((loss.item() - (1.0 + 1f32.exp()).ln()).abs() < 1e-6);
        assert!(CrossEntropy::default().of(&logits, &[0, 1], None).item().is_nan());
    }

    #[test]
    fn numbers_in_a_tensor_are_the_same_classes() {
        let truth = Tensor::new(&[2, 2], [0.0, 2.0, 1.0, 1.0]);
        let weights = [[0.5, 2.0, 0.7], [0.0; 3]].map(|weights| Some(Tensor::new(&[3], weights)));
        for weights in [vec![None], weights.to_vec()].concat() {
            for reduction in reductions() {
                let loss = CrossEntropy { label_smoothing: 0.1, reduction, ..CrossEntropy::default() };
                let found = [Truth::Known(&[0, 2, 1, 1]), Truth::Numbers(&truth)].map(|truth| {
                    let tape = Tape::new();
                    let logits = tape.leaf(numbers(&[2, 2, 3], 1));
                    let weights = weights.clone().map(Into::into);
                    let loss = loss.of(&logits, truth, weights.as_ref());
                    let gradient = tape.gradients(&ops::sum(&loss), &[&logits]).remove(0);
                    [loss.tensor(), &gradient].map(|tensor| tensor.data().to_vec())
                });
                assert_eq!(found[0], found[1]);
                let is_nothing = weights.as_ref().is_some_and(|weights| weights.data() == [0.0; 3]);
                if reduction == Reduction::Mean && is_nothing {
                    assert!(found[0].iter().flatten().all(|&value| value == 0.0), "{found:?}");
                }
            }
        }
    }

    #[test]
    #[should_panic(expected = "class 3, expected 0 to 2 or -100")]
    fn a_class_that_does_not_exist_is_named() {
        let _ = CrossEntropy::default().of(&numbers(&[2, 3], 1).into(), &[0, 3], None);
    }
}
