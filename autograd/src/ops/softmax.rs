//! Softmax over the last axis, its logarithm, and the logarithm of its divisor.

use gobelin_kernels::cpu::softmax as kernel;
use gobelin_kernels::cuda::softmax as device;

use crate::ops;
use crate::tensor::Tensor;
use crate::var::Var;

/// `e^x / sum(e^x)` over the last axis; finite for every finite `x`. Derivative, from the output: `y (g - sum(y g))`.
///
/// # Panics
/// If `x` has no axis, or an empty last one.
#[track_caller]
pub fn softmax(x: &Var) -> Var {
    let row = last_axis("softmax", x);
    let y = Tensor::compute(
        x.shape(),
        [x.tensor()],
        |[x], y| kernel::softmax(x, row, y),
        |[x], y| device::softmax(x, row, y),
    );
    let saved = y.clone();
    Var::record("softmax", y, &[x], move |step| {
        if step.is_final() {
            let gradient = step.gradient.into_tensor().change(
                [&saved],
                |g, [y]| kernel::softmax_gradient(y, row, g),
                |g, [y]| device::softmax_gradient(y, row, g),
            );
            return vec![Some(gradient.into())];
        }
        let y = step.output(&saved);
        let weighted = ops::mul(&y, &step.gradient);
        vec![Some(ops::sub(&weighted, &ops::mul(&y, &sum_last(&weighted))))]
    })
}

/// `x - ln(sum(e^x))` over the last axis: the logarithm of [`softmax`], exact also where that rounds to 0. Derivative, from
/// the output: `g - e^y sum(g)`.
///
/// # Panics
/// As [`softmax`].
#[track_caller]
pub fn log_softmax(x: &Var) -> Var {
    let row = last_axis("log_softmax", x);
    let y = Tensor::compute(
        x.shape(),
        [x.tensor()],
        |[x], y| kernel::log_softmax(x, row, y),
        |[x], y| device::log_softmax(x, row, y),
    );
    let saved = y.clone();
    Var::record("log_softmax", y, &[x], move |step| {
        if step.is_final() {
            let gradient = step.gradient.into_tensor().change(
                [&saved],
                |g, [y]| kernel::log_softmax_gradient(y, row, g),
                |g, [y]| device::log_softmax_gradient(y, row, g),
            );
            return vec![Some(gradient.into())];
        }
        let shares = ops::mul(&ops::exp(&step.output(&saved)), &sum_last(&step.gradient));
        vec![Some(ops::sub(&step.gradient, &shares))]
    })
}

/// `ln(sum(e^x))` over the last axis, which stays with length 1; finite for every finite `x`. Derivative: the softmax of
/// `x`.
///
/// # Panics
/// As [`softmax`].
#[track_caller]
pub fn logsumexp(x: &Var) -> Var {
    let row = last_axis("logsumexp", x);
    let mut shape = x.shape().to_vec();
    shape[x.shape().len() - 1] = 1;
    let y = Tensor::compute(
        &shape,
        [x.tensor()],
        |[x], y| kernel::logsumexp(x, row, y),
        |[x], y| device::logsumexp(x, row, y),
    );
    let saved = (x.clone(), y.clone());
    Var::record("logsumexp", y, &[x], move |step| {
        let (x, y) = &saved;
        if step.is_final() {
            let gradient = Tensor::compute(
                x.shape(),
                [x.tensor(), y, step.gradient.tensor()],
                |[x, y, g], out| kernel::logsumexp_gradient(x, y, g, out),
                |[x, y, g], out| device::logsumexp_gradient(x, y, g, row, out),
            );
            return vec![Some(gradient.into())];
        }
        vec![Some(ops::mul(&ops::softmax(x), &step.gradient))]
    })
}

#[track_caller]
fn last_axis(op: &str, x: &Var) -> usize {
    let row = x.shape().last().copied().unwrap_or(0);
    assert!(row > 0, "{op}: shape {:?}, expected a last axis that is not empty", x.shape());
    row
}

fn sum_last(x: &Var) -> Var {
    ops::sum_axes(x, &[x.shape().len() - 1])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::GradientCheck;
    use crate::ops::testing::numbers;
    use crate::tape::Tape;

    #[test]
    fn gradients() {
        for shape in [&[2, 3, 4][..], &[5], &[3, 1]] {
            let check = GradientCheck::default();
            check.assert(&[numbers(shape, 1)], |x| softmax(&x[0]));
            check.assert(&[numbers(shape, 1)], |x| log_softmax(&x[0]));
            check.assert(&[numbers(shape, 1)], |x| logsumexp(&x[0]));
        }
    }

    #[test]
    fn large_scores_are_finite() {
        let tape = Tape::new();
        let x = tape.leaf(Tensor::new(&[2, 3], [1e4, -1e4, 1e4, 0.0, 1e4, -1e4]));
        let (p, log, total) = (softmax(&x), log_softmax(&x), logsumexp(&x));
        assert_eq!(p.tensor().data(), [0.5, 0.0, 0.5, 0.0, 1.0, 0.0]);
        assert_eq!(log.tensor().data()[3..], [-1e4, 0.0, -2e4]);
        assert_eq!((total.shape(), total.tensor().data()[1]), (&[2, 1][..], 1e4));
        for y in [p, log, total] {
            let gradient = tape.gradients(&ops::sum(&ops::square(&y)), &[&x]).remove(0);
            assert!(gradient.data().iter().all(|g| g.is_finite()));
        }
    }

    #[test]
    fn nan_spoils_its_own_row_only() {
        let x = Tensor::new(&[2, 2], [f32::NAN, 0.0, 0.0, 0.0]).into();
        for y in [softmax(&x), log_softmax(&x)] {
            assert_eq!(
                y.tensor().data().iter().map(|v| v.is_nan()).collect::<Vec<_>>(),
                [true, true, false, false]
            );
        }
    }
}
