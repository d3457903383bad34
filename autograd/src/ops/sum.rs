//! Sums and means.

use gobelin_kernels::cpu::reduce;
use gobelin_kernels::cuda::reduce as device;

use crate::ops;
use crate::tensor::Tensor;
use crate::var::Var;

/// The sum of all values, of shape `[]`. Derivative: 1 everywhere.
pub fn sum(x: &Var) -> Var {
    let shape = x.shape().to_vec();
    let y = Tensor::compute(
        &[],
        [x.tensor()],
        |[x], out| out[0] = reduce::sum(x) as f32,
        |[x], out| device::sum(x, 1.0, out),
    );
    Var::record("sum", y, &[x], move |step| vec![Some(ops::broadcast_to(&step.gradient, &shape))])
}

/// The mean of all values, of shape `[]`; NaN of no values.
pub fn mean(x: &Var) -> Var {
    ops::scale(&sum(x), 1.0 / x.tensor().len() as f32)
}

/// The sum over `axes` (in rising order), which stay with length 1. Derivative: 1 everywhere.
///
/// # Panics
/// If an axis does not exist or the axes do not rise.
#[track_caller]
pub fn sum_axes(x: &Var, axes: &[usize]) -> Var {
    let shape = x.shape().to_vec();
    let rising =
        axes.windows(2).all(|pair| pair[0] < pair[1]) && axes.last().is_none_or(|&last| last < shape.len());
    assert!(rising, "sum_axes: axes {axes:?} of shape {shape:?}, expected rising and below {}", shape.len());
    let mut kept = shape.clone();
    let mut y = x.tensor().clone();
    // Runs of neighbouring axes are summed at once, the last run first.
    let mut rest = axes;
    while let Some(&last) = rest.last() {
        let run = (0..rest.len()).take_while(|&i| i <= last && rest[rest.len() - 1 - i] == last - i).count();
        let first = last + 1 - run;
        let outer = kept[..first].iter().product();
        let middle = kept[first..=last].iter().product();
        let inner = kept[last + 1..].iter().product();
        kept[first..=last].fill(1);
        y = Tensor::compute(
            &kept,
            [&y],
            |[y], out| reduce::sum_middle(y, [outer, middle, inner], out),
            |[y], out| device::sum_middle(y, [outer, middle, inner], out),
        );
        rest = &rest[..rest.len() - run];
    }
    Var::record("sum_axes", y, &[x], move |step| vec![Some(ops::broadcast_to(&step.gradient, &shape))])
}

/// The mean over `axes` (in rising order), which stay with length 1.
///
/// # Panics
/// As [`sum_axes`].
#[track_caller]
pub fn mean_axes(x: &Var, axes: &[usize]) -> Var {
    let total = sum_axes(x, axes);
    let count: usize = axes.iter().map(|&axis| x.shape()[axis]).product();
    ops::scale(&total, 1.0 / count as f32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::GradientCheck;
    use crate::ops::testing::numbers;

    #[test]
    fn values_over_all_sets_of_axes() {
        let x = numbers(&[2, 3, 4, 5], 1);
        for set in 0..16 {
            let axes: Vec<usize> = (0..4).filter(|axis| set >> axis & 1 == 1).collect();
            let y = sum_axes(&x.clone().into(), &axes);
            let mut expected = vec![0.0f64; y.tensor().len()];
            for (i, &value) in x.data().iter().enumerate() {
                let places = [i / 60, i / 20 % 3, i / 5 % 4, i % 5];
                let at = (0..4).filter(|a| !axes.contains(a)).fold(0, |at, a| at * x.shape()[a] + places[a]);
                expected[at] += f64::from(value);
            }
            for (found, expected) in y.tensor().data().iter().zip(expected) {
                assert!((f64::from(*found) - expected).abs() < 1e-5, "{axes:?}");
            }
        }
    }

    #[test]
    fn gradients() {
        let check = GradientCheck::default();
        check.assert(&[numbers(&[2, 3, 4], 1)], |x| ops::square(&mean(&x[0])));
        check.assert(&[numbers(&[2, 3, 4], 1)], |x| ops::square(&mean_axes(&x[0], &[0, 2])));
    }
}
