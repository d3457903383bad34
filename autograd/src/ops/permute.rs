//! Axes in another order.

use gobelin_kernels::cpu::layout;
use gobelin_kernels::cuda::layout as device;

use crate::tensor::Tensor;
use crate::var::Var;

/// `x` with its axes in the order `axes`: axis `i` of the output is axis `axes[i]` of `x`. Derivative: the gradient in
/// the old order.
///
/// # Panics
/// If `axes` is no permutation of the axes of `x`.
#[track_caller]
pub fn permute(x: &Var, axes: &[usize]) -> Var {
    let mut back = vec![0; axes.len()];
    for (i, &axis) in axes.iter().enumerate() {
        assert!(axis < axes.len(), "permute: axes {axes:?} of shape {:?}", x.shape());
        back[axis] = i;
    }
    let y = permute_tensor(x.tensor(), axes);
    Var::record("permute", y, &[x], move |step| vec![Some(permute(&step.gradient, &back))])
}

/// [`permute`] of a plain tensor.
///
/// # Panics
/// As [`permute`].
#[track_caller]
pub fn permute_tensor(x: &Tensor, axes: &[usize]) -> Tensor {
    assert!(axes.len() == x.shape().len(), "permute: {} axes of shape {:?}", axes.len(), x.shape());
    let shape: Vec<usize> = axes.iter().map(|&axis| x.shape()[axis]).collect();
    Tensor::compute(
        &shape,
        [x],
        |[values], out| layout::permute(values, x.shape(), axes, out),
        |[values], out| device::permute(values, x.shape(), axes, out),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::GradientCheck;
    use crate::ops;
    use crate::ops::testing::numbers;

    #[test]
    fn gradients() {
        GradientCheck::default()
            .assert(&[numbers(&[2, 3, 4], 1)], |x| ops::square(&permute(&x[0], &[2, 0, 1])));
    }
}
