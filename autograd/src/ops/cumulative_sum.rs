//! Running totals along the last axis.

use gobelin_kernels::cpu::scan::{self, From};
use gobelin_kernels::cuda::scan as device;

use crate::tensor::Tensor;
use crate::var::Var;

/// The sum of all values up to and including each, along the last axis. Derivative: [`cumulative_sum_reversed`].
///
/// # Panics
/// If `x` has no axis.
#[track_caller]
pub fn cumulative_sum(x: &Var) -> Var {
    let y = scanned("cumulative_sum", x, From::Start);
    Var::record("cumulative_sum", y, &[x], |step| vec![Some(cumulative_sum_reversed(&step.gradient))])
}

/// The sum of all values from each one on, along the last axis. Derivative: [`cumulative_sum`].
///
/// # Panics
/// If `x` has no axis.
#[track_caller]
pub fn cumulative_sum_reversed(x: &Var) -> Var {
    let y = scanned("cumulative_sum_reversed", x, From::End);
    Var::record("cumulative_sum_reversed", y, &[x], |step| vec![Some(cumulative_sum(&step.gradient))])
}

#[track_caller]
fn scanned(op: &str, x: &Var, from: From) -> Tensor {
    let Some(&row) = x.shape().last() else { panic!("{op}: a single number, expected an axis") };
    let row = row.max(1);
    Tensor::compute(
        x.shape(),
        [x.tensor()],
        |[x], y| scan::cumulative_sum(x, row, from, y),
        |[x], y| device::cumulative_sum(x, row, from, y),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::GradientCheck;
    use crate::ops;
    use crate::ops::testing::numbers;

    #[test]
    fn values() {
        let x = Tensor::new(&[2, 3], [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]).into();
        assert_eq!(cumulative_sum(&x).tensor().data(), [1.0, 3.0, 6.0, 4.0, 9.0, 15.0]);
        assert_eq!(cumulative_sum_reversed(&x).tensor().data(), [6.0, 5.0, 3.0, 15.0, 11.0, 6.0]);
    }

    #[test]
    fn gradients() {
        for shape in [&[2, 3, 4][..], &[1]] {
            GradientCheck::default().assert(&[numbers(shape, 1)], |x| ops::square(&cumulative_sum(&x[0])));
            GradientCheck::default()
                .assert(&[numbers(shape, 1)], |x| ops::square(&cumulative_sum_reversed(&x[0])));
        }
    }
}
