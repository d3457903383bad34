//! Nearest-neighbour upsampling by whole factors, and its adjoint.

use gobelin_kernels::cpu::resample;
use gobelin_kernels::cuda::resample as device;

use crate::tensor::Tensor;
use crate::var::Var;

/// Repeats each pixel of `x` `(N, H, W, C)` `factor` times down and across. Derivative: [`sum_blocks`].
///
/// # Panics
/// If `x` is no picture or the factor is 0.
#[track_caller]
pub fn upsample_nearest(x: &Var, factor: usize) -> Var {
    let &[n, h, w, c] = x.shape() else {
        panic!("upsample_nearest: shape {:?}, expected (N, H, W, C)", x.shape())
    };
    assert!(factor > 0, "upsample_nearest: factor 0");
    let y = Tensor::compute(
        &[n, h * factor, w * factor, c],
        [x.tensor()],
        |[x], y| resample::repeat(x, [n * h, w, c], factor, y),
        |[x], y| device::repeat(x, [n * h, w, c], factor, y),
    );
    Var::record("upsample_nearest", y, &[x], move |step| vec![Some(sum_blocks(&step.gradient, factor))])
}

/// Sums the `factor` by `factor` blocks of `x` `(N, H, W, C)`. Derivative: [`upsample_nearest`].
///
/// # Panics
/// If height or width are no multiples of the factor.
#[track_caller]
pub fn sum_blocks(x: &Var, factor: usize) -> Var {
    let &[n, h, w, c] = x.shape() else { panic!("sum_blocks: shape {:?}, expected (N, H, W, C)", x.shape()) };
    let fits = factor > 0 && h % factor == 0 && w % factor == 0;
    assert!(fits, "sum_blocks: {h} x {w} pixels are no multiples of {factor}");
    let small = [n * h / factor, w / factor, c];
    let y = Tensor::compute(
        &[n, h / factor, w / factor, c],
        [x.tensor()],
        |[x], y| resample::sum_blocks(x, small, factor, y),
        |[x], y| device::sum_blocks(x, small, factor, y),
    );
    Var::record("sum_blocks", y, &[x], move |step| vec![Some(upsample_nearest(&step.gradient, factor))])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::GradientCheck;
    use crate::ops;
    use crate::ops::testing::numbers;

    #[test]
    fn a_pixel_becomes_a_block() {
        let x = Tensor::new(&[1, 1, 2, 1], [1.0, 2.0]);
        let y = upsample_nearest(&x.into(), 2);
        assert_eq!(y.tensor().data(), [1.0, 1.0, 2.0, 2.0, 1.0, 1.0, 2.0, 2.0]);
        assert_eq!(sum_blocks(&y, 2).tensor().data(), [4.0, 8.0]);
    }

    #[test]
    fn gradients() {
        let check = GradientCheck::default();
        check.assert(&[numbers(&[2, 3, 2, 3], 1)], |x| ops::square(&upsample_nearest(&x[0], 2)));
        check.assert(&[numbers(&[2, 4, 6, 3], 1)], |x| ops::square(&sum_blocks(&x[0], 2)));
    }
}
