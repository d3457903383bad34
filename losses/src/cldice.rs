//! Soft clDice: do the centre lines of one mask lie in the other?
//!
//! A soft skeleton `S` is what openings take away while a mask is thinned `iterations` times. With `p = sigmoid(logits)` and `t`
//! the target: precision `(sum S(p) t + s) / (sum S(p) + s)`, sensitivity `(sum S(t) p + s) / (sum S(t) + s)`, and the loss
//! is 1 less their harmonic mean, of each picture with all its channels.
//!
//! What it is for: thin structures that must stay connected (vessels, roads, membranes): a break costs as much as the line it
//! cuts is long, whatever the line's width. Used beside [`crate::dice`] (the paper: half each), which it does not replace:
//! widths do not count here.
//!
//! When it fails: structures wider than twice `iterations` pixels have no thin skeleton; each iteration takes a pass of
//! pooling, so with wide ones it is slow. It is piecewise: most gradients of the pooling go to single pixels.
//!
//! Shapes: `logits`, `target` (N, H, W, C), the target from 0 to 1. Reduced over pictures. Defaults: 3 iterations, `smooth` 1.
//! An empty target: the precision is `s / (sum S(p) + s)`, the sensitivity 1. First derivatives only mean something: the
//! second are those of a product of piecewise linear functions.
//! Source: Shit et al. 2021, algorithms 1 and 2.

use gobelin_autograd::ops::Window;
use gobelin_autograd::{Var, ops};

use crate::catalogue::{Domain, LossEntry, OptionKind, OptionSpec, TensorSpec};
use crate::reduction::Reduction;

/// The soft clDice loss of each picture, reduced.
///
/// # Panics
/// If the shapes differ or are no batches of pictures, or `smooth` is not above 0.
#[track_caller]
pub fn cldice(logits: &Var, target: &Var, iterations: usize, smooth: f32, reduction: Reduction) -> Var {
    assert!(
        logits.shape() == target.shape() && logits.shape().len() == 4,
        "cldice: logits of {:?} and a target of {:?}, expected (N, H, W, C) twice",
        logits.shape(),
        target.shape()
    );
    assert!(smooth > 0.0, "cldice: smooth {smooth}, expected a number above 0");
    let predicted = ops::sigmoid(logits);
    let share = |lines: &Var, mask: &Var| {
        let sum = |x: &Var| ops::reshape(&ops::sum_axes(x, &[1, 2, 3]), &[x.shape()[0]]);
        let inside = ops::add_scalar(&sum(&ops::mul(lines, mask)), smooth);
        ops::div(&inside, &ops::add_scalar(&sum(lines), smooth))
    };
    let precision = share(&skeleton(&predicted, iterations), target);
    let sensitivity = share(&skeleton(target, iterations), &predicted);
    let mean = ops::div(&ops::mul(&precision, &sensitivity), &ops::add(&precision, &sensitivity));
    reduction.of(&ops::add_scalar(&ops::scale(&mean, -2.0), 1.0))
}

/// The soft skeleton of masks from 0 to 1 (N, H, W, C), by the paper's algorithm 1: what an opening takes away, at the start
/// and after each of `iterations` erosions.
///
/// # Panics
/// If `masks` is no batch of pictures.
#[track_caller]
pub fn skeleton(masks: &Var, iterations: usize) -> Var {
    let opening_takes = |x: &Var, eroded: &Var| ops::relu(&ops::sub(x, &dilate(eroded)));
    let mut eroded = erode(masks);
    let mut found = opening_takes(masks, &eroded);
    for _ in 0..iterations {
        let thinner = erode(&eroded);
        let lines = opening_takes(&eroded, &thinner);
        found = ops::add(&found, &ops::relu(&ops::sub(&lines, &ops::mul(&found, &lines))));
        eroded = thinner;
    }
    found
}

/// The minimum over a cross of 3x3 pixels, as far as they are in the picture.
fn erode(x: &Var) -> Var {
    let along = |kernel: [usize; 2]| {
        let padding = kernel.map(|length| length / 2);
        ops::min_pool(x, Window { kernel, stride: [1, 1], padding, exact: false })
    };
    ops::minimum(&along([3, 1]), &along([1, 3]))
}

/// The maximum of 3x3 pixels.
fn dilate(x: &Var) -> Var {
    ops::max_pool(x, Window::square(3, 1, 1))
}

pub(crate) const ENTRY: LossEntry = LossEntry {
    name: "cldice",
    about: "soft clDice: 1 - the harmonic mean of how much of each mask's soft skeleton lies in the other mask",
    paper: "Shit et al. 2021, algorithms 1 and 2",
    tensors: &[TensorSpec::float("logits", "(N, C, H, W)"), TensorSpec::mask("target", "(N, C, H, W)")],
    options: &[
        OptionSpec {
            name: "iterations",
            kind: OptionKind::Integer { at_least: 0, at_most: 1000 },
            default: "3",
            help: "erosions of the skeleton: half the width of the widest structure in pixels",
        },
        OptionSpec {
            name: "smooth",
            kind: OptionKind::Number(Domain::Positive),
            default: "1",
            help: "added above and below in both shares",
        },
        OptionSpec::REDUCTION,
    ],
    vgg: false,
    run: |call| {
        let iterations = call.integer("iterations") as usize;
        let (logits, target) = (call.var("logits"), call.mask("target")?);
        Ok(cldice(&logits, &target, iterations, call.number("smooth"), call.reduction()).into())
    },
};

#[cfg(test)]
mod tests {
    use super::*;
    use gobelin_autograd::check::GradientCheck;
    use gobelin_autograd::{Tensor, random};

    fn bar(thick: usize) -> Tensor {
        Tensor::build(&[1, 9, 12, 1], |pixels| {
            for (i, pixel) in pixels.iter_mut().enumerate() {
                *pixel = f32::from(
                    (4 - thick / 2..4 - thick / 2 + thick).contains(&(i / 12)) && (1..11).contains(&(i % 12)),
                );
            }
        })
    }

    #[test]
    fn a_bar_has_a_line_as_skeleton() {
        let line = skeleton(&bar(5).into(), 3).into_tensor();
        let in_row = |row: usize| line.data()[row * 12..][..12].iter().sum::<f32>();
        assert!(in_row(4) >= 6.0 && in_row(1) + in_row(7) == 0.0, "{line:?}");
    }

    #[test]
    fn widths_do_not_count_but_breaks_do() {
        let certain = |mask: &Tensor| mask.map(|v| (v - 0.5) * 40.0).into();
        let of = |pred: &Tensor| cldice(&certain(pred), &bar(3).into(), 3, 1e-3, Reduction::Mean).item();
        let mut broken = bar(3);
        for row in 0..9 {
            broken.data_mut()[row * 12 + 5..row * 12 + 8].fill(0.0);
        }
        assert!(
            of(&bar(3)) < 1e-3 && of(&bar(5)) < 0.15 && of(&broken) > 0.1,
            "{} {}",
            of(&bar(5)),
            of(&broken)
        );
    }

    #[test]
    fn gradients() {
        // Far enough apart that no minimum or maximum changes within the differences' reach.
        let logits = random::separated(&[2, 4, 5, 1], 0.1, &mut random::generator(1, 0));
        let target = random::uniform(&[2, 4, 5, 1], 0.0, 1.0, &mut random::generator(1, 1));
        for reduction in [Reduction::Mean, Reduction::None] {
            GradientCheck::first_order()
                .with_step(2e-3)
                .with_tolerance(1e-2)
                .assert(std::slice::from_ref(&logits), |x| {
                    cldice(&x[0], &target.clone().into(), 2, 1.0, reduction)
                });
        }
    }

    #[test]
    fn nan_stays() {
        let nan = Tensor::full(&[1, 3, 3, 1], f32::NAN).into();
        assert!(cldice(&nan, &Tensor::ones(&[1, 3, 3, 1]).into(), 3, 1.0, Reduction::Mean).item().is_nan());
    }
}
