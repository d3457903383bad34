//! The Lovász losses: the intersection over union itself, made differentiable.
//!
//! The errors `m` of a class are sorted, largest first; each is weighed by how much the Jaccard loss `1 - IoU` grows when the pixel joins
//! the wrong ones: `sum_i m_i (J_i - J_{i-1})`, a convex surrogate that equals the Jaccard loss where all errors are 0 or 1.
//!
//! - hinge, for masks: `m = max(0, 1 - z (2 t - 1))`, each channel alone, mean over channels;
//! - softmax, for class indices: `m = |onehot(t) - p|`, mean over the classes that are present in the target (or all).
//!
//! What it is for: fine-tuning a segmentation for the IoU that is reported, class by class, however small the class.
//!
//! When it fails: it is slow to begin with a fresh network: start with [`crate::cross_entropy`], or add it. The order is that of the whole
//! batch, which is not the IoU of each picture: `per-sample` is, at the price of small classes that come and
//! go. A class that only appears in the prediction is free of cost with `classes=present`.
//!
//! Shapes: logits (N, ..., C) in code, (N, C, ...) in files; masks of their shape or class indices (N, ...). Sorting
//! n pixels takes n log n steps a class; where logits lie on a card, it is done there. Piecewise smooth: the hinge's second derivative is 0. Unit: none.
//! Source: Berman et al. 2018, algorithm 1, equations 8 to 11.

use gobelin_autograd::{Tensor, Var, ops};
use rayon::prelude::*;

use crate::catalogue::{CallError, LossEntry, OptionKind, OptionSpec};
use crate::classes::{self, Classes, IGNORE_INDEX};
use crate::jaccard_order;
use crate::tversky::{PER_SAMPLE, TENSORS};

/// Lovász hinge of `logits` (N, ..., C) and as many masks of 0 and 1; the mean over channels, and over pictures if each stands alone.
///
/// # Panics
/// If the shapes differ.
#[track_caller]
pub fn lovasz_hinge(logits: &Var, target: &Tensor, per_sample: bool) -> Var {
    let (ours, theirs) = (logits.shape(), target.shape());
    assert!(ours == theirs && ours.len() >= 2, "lovasz: logits of {ours:?}, masks of {theirs:?}");
    let signs = ops::add_scalar(&ops::scale(&target.clone().into(), -2.0), 1.0);
    let errors = ops::add_scalar(&ops::mul(logits, &signs), 1.0);
    let weights = if errors.tensor().device().is_some() {
        jaccard_order::weights(errors.tensor(), target, None, per_sample, true)
    } else {
        let truth = |row: usize, class: usize, classes: usize| target.data()[row * classes + class] != 0.0;
        weights(errors.tensor(), per_sample, true, &|_| true, &truth)
    };
    ops::sum(&ops::mul(&ops::relu(&errors), &weights.into()))
}

/// Lovász softmax of `logits` (N, ..., C) and class indices (N, ...); the mean over the classes that are present in the target, or
/// over all. Pixels of the class `ignored` do not count; if none counts, the loss is 0 with a zero gradient.
///
/// # Panics
/// If the shapes do not fit, or a class is neither ignored nor below C.
#[track_caller]
pub fn lovasz_softmax(
    logits: &Var,
    target: &[i64],
    ignored: i64,
    all_classes: bool,
    per_sample: bool,
) -> Var {
    assert!(logits.shape().len() >= 2, "lovasz: logits of {:?}, expected (N, ..., C)", logits.shape());
    let classes = Classes::new("lovasz", logits, target, ignored);
    let counted = |row: usize| classes.counted.data()[row] != 0.0;
    let truth = |row: usize, class: usize, _: usize| classes.of_rows[row] as usize == class;
    let p = ops::softmax(logits);
    // |t - p|: 1 - p of the true class, p of the others.
    let number = logits.shape()[logits.shape().len() - 1];
    let own = Tensor::build(logits.shape(), |own| {
        own.iter_mut()
            .enumerate()
            .for_each(|(i, own)| *own = f32::from(truth(i / number, i % number, number)));
    });
    let signs = own.map(|own| 1.0 - 2.0 * own);
    let errors = ops::add(&ops::mul(&p, &signs.into()), &own.clone().into());
    let counts = Tensor::build(logits.shape(), |counts| {
        counts.iter_mut().enumerate().for_each(|(i, count)| *count = f32::from(counted(i / number)));
    });
    let weights = if errors.tensor().device().is_some() {
        jaccard_order::weights(errors.tensor(), &own, Some(&counts), per_sample, all_classes)
    } else {
        weights(errors.tensor(), per_sample, all_classes, &counted, &truth)
    };
    ops::sum(&ops::masked(&ops::mul(&errors, &weights.into()), &counts))
}

/// How much each of the `errors` (N, ..., C) counts: the growth of the Jaccard loss along their order, over the number of classes
/// that count and of pictures that stand alone.
fn weights(
    errors: &Tensor,
    per_sample: bool,
    all_classes: bool,
    counted: &(dyn Fn(usize) -> bool + Sync),
    truth: &(dyn Fn(usize, usize, usize) -> bool + Sync),
) -> Tensor {
    let shape = errors.shape();
    let classes = shape[shape.len() - 1];
    let rows = errors.len() / classes.max(1);
    let groups = if per_sample { shape[0] } else { 1 };
    let size = rows / groups.max(1);
    let mut weights = Tensor::zeros(shape);
    let pictures = weights.data_mut().par_chunks_mut((size * classes).max(1)).enumerate();
    pictures.for_each(|(group, weights)| {
        let rows: Vec<usize> = (group * size..(group + 1) * size).filter(|&row| counted(row)).collect();
        let of_class = |class: usize| -> Vec<f32> {
            let of = |row: usize| (errors.data()[row * classes + class], truth(row, class, classes));
            jaccard_growth(&rows.iter().map(|&row| of(row)).collect::<Vec<_>>())
        };
        let present = |&class: &usize| all_classes || rows.iter().any(|&row| truth(row, class, classes));
        let present: Vec<usize> = (0..classes).filter(present).collect();
        let growths: Vec<Vec<f32>> = present.par_iter().map(|&class| of_class(class)).collect();
        let share = 1.0 / (present.len() * groups) as f32;
        for (class, growth) in present.into_iter().zip(growths) {
            for (&row, growth) in rows.iter().zip(growth) {
                weights[(row - group * size) * classes + class] = growth * share;
            }
        }
    });
    weights
}

/// For each (error, truth) by how much the Jaccard loss grows when it joins those with larger errors.
fn jaccard_growth(pixels: &[(f32, bool)]) -> Vec<f32> {
    let mut order: Vec<u32> = (0..pixels.len() as u32).collect();
    // Stable: of equal errors the earlier pixel joins first.
    order.sort_by(|&i, &j| pixels[j as usize].0.total_cmp(&pixels[i as usize].0));
    let total = pixels.iter().filter(|pixel| pixel.1).count() as f64;
    let (mut missed, mut false_alarms, mut before) = (0.0, 0.0, 0.0);
    let mut growth = vec![0.0; pixels.len()];
    for place in order {
        if pixels[place as usize].1 {
            missed += 1.0;
        } else {
            false_alarms += 1.0;
        }
        let jaccard = 1.0 - (total - missed) / (total + false_alarms);
        growth[place as usize] = (jaccard - before) as f32;
        before = jaccard;
    }
    growth
}

pub(crate) const ENTRY: LossEntry = LossEntry {
    name: "lovasz",
    about: "Lovasz extension of 1 - IoU: hinge for masks, softmax for class indices",
    paper: "Berman et al. 2018, algorithm 1",
    tensors: &[TENSORS[0], TENSORS[1].constant()],
    options: &[
        OptionSpec {
            name: "classes",
            kind: OptionKind::Choice(&["present", "all"]),
            default: "present",
            help: "over which classes the softmax form is averaged: those in the target, or all",
        },
        PER_SAMPLE,
        IGNORE_INDEX,
    ],
    vgg: false,
    run: |call| {
        let (logits, per_sample) = (call.var("logits"), call.flag("per-sample"));
        if call.shape("target") == call.shape("logits") {
            let target = call.mask("target")?;
            if let Some(other) = target.tensor().data().iter().find(|&&t| t != 0.0 && t != 1.0) {
                return Err(CallError::tensor("target", format!("{other} among others"), "masks of 0 and 1"));
            }
            return Ok(lovasz_hinge(&logits, target.tensor(), per_sample).into());
        }
        let ignored = call.integer("ignore-index");
        let target = classes::in_call(call, ignored)?;
        Ok(lovasz_softmax(&logits, target, ignored, call.word("classes") == "all", per_sample).into())
    },
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::numbers;
    use gobelin_autograd::check::GradientCheck;
    use gobelin_autograd::random;

    #[test]
    fn gradients() {
        // Errors far apart: a small step leaves their order as it is.
        let apart = |shape: &[usize]| random::separated(shape, 0.7, &mut random::generator(2, 0));
        let check = GradientCheck::default().with_step(0.003).with_tolerance(5e-3);
        for per_sample in [false, true] {
            let masks = Tensor::new(&[2, 3, 2], [1.0, 0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0]);
            check.assert(&[apart(&[2, 3, 2])], |x| lovasz_hinge(&x[0], &masks, per_sample));
            let classes = [0, 2, 9, 1, 1, 2];
            check.assert(&[apart(&[2, 3, 3]).map(|x| 0.3 * x)], |x| {
                lovasz_softmax(&x[0], &classes, 9, false, per_sample)
            });
        }
    }

    #[test]
    fn errors_of_0_and_1_give_the_jaccard_loss() {
        // Predicted 0, 1, 2; true 1, 2, 3: the union has four pixels, the intersection two.
        let logits = Tensor::new(&[1, 5, 2], [9e3, 0., 9e3, 0., 9e3, 0., 0., 9e3, 0., 9e3]).into();
        let found = lovasz_softmax(&logits, &[1, 0, 0, 0, 1], -100, true, false).item();
        let (first, second) = (1.0 - 2.0 / 4.0, 1.0 - 1.0 / 3.0);
        assert!((found - f32::midpoint(first, second)).abs() < 1e-6, "{found}");
    }

    #[test]
    fn nan_is_not_hidden() {
        let mut logits = numbers(&[1, 4, 2], 1);
        logits.data_mut()[3] = f32::NAN;
        assert!(lovasz_hinge(&logits.clone().into(), &Tensor::zeros(&[1, 4, 2]), false).item().is_nan());
        assert!(lovasz_softmax(&logits.into(), &[0, 0, 0, 0], -100, false, false).item().is_nan());
    }
}
