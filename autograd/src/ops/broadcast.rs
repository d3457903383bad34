//! Repeating a tensor along axes, and its adjoint, summing along them.

use gobelin_kernels::cpu::elementwise;
use gobelin_kernels::cuda::elementwise::{self as device, Zip};

use crate::ops;
use crate::tensor::Tensor;
use crate::var::Var;

/// Repeats `x` to `shape` by NumPy's rules. Derivative: the sum over what was repeated.
///
/// # Panics
/// If `x` does not broadcast to `shape`.
#[track_caller]
pub fn broadcast_to(x: &Var, shape: &[usize]) -> Var {
    if x.shape() == shape {
        return x.clone();
    }
    let fits = broadcast_shape("broadcast_to", x.shape(), shape) == shape;
    assert!(fits, "broadcast_to: shape {:?} does not broadcast to {shape:?}", x.shape());
    let (strides, none) = (strides_for(x.shape(), shape), vec![0; shape.len()]);
    let y = Tensor::compute(
        shape,
        [x.tensor()],
        |[x], out| elementwise::zip_strided(shape, (x, &strides), (&[0.0], &none), out, |x, _| x),
        |[x], out| device::zip_strided(shape, (x, &strides), (x, &none), out, Zip::First),
    );
    let from = x.shape().to_vec();
    Var::record("broadcast_to", y, &[x], move |step| vec![Some(sum_to(&step.gradient, &from))])
}

/// Sums `x` down to `shape`: the adjoint of [`broadcast_to`]. Derivative: repeats.
///
/// # Panics
/// If `shape` does not broadcast to that of `x`.
#[track_caller]
pub fn sum_to(x: &Var, shape: &[usize]) -> Var {
    if x.shape() == shape {
        return x.clone();
    }
    let missing = x.shape().len() - shape.len();
    let repeated = |axis: &usize| *axis < missing || (shape[axis - missing] == 1 && x.shape()[*axis] != 1);
    let axes: Vec<usize> = (0..x.shape().len()).filter(repeated).collect();
    ops::reshape(&ops::sum_axes(x, &axes), shape)
}

/// The shape two shapes broadcast to.
#[track_caller]
pub(super) fn broadcast_shape(op: &str, a: &[usize], b: &[usize]) -> Vec<usize> {
    let rank = a.len().max(b.len());
    let length =
        |shape: &[usize], axis: usize| (axis + shape.len()).checked_sub(rank).map_or(1, |i| shape[i]);
    let pick = |axis| match (length(a, axis), length(b, axis)) {
        (x, y) if x == y => x,
        (1, y) => y,
        (x, 1) => x,
        _ => panic!(
            "{op}: shapes {a:?} and {b:?} do not broadcast: axes must be equal or 1, counted from the last"
        ),
    };
    (0..rank).map(pick).collect()
}

/// The step of `from` along each axis of `to`: 0 where it is repeated.
pub(super) fn strides_for(from: &[usize], to: &[usize]) -> Vec<usize> {
    let missing = to.len() - from.len();
    let mut strides = vec![0; to.len()];
    let mut step = 1;
    for axis in (0..from.len()).rev() {
        strides[axis + missing] = if from[axis] == 1 { 0 } else { step };
        step *= from[axis];
    }
    strides
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::GradientCheck;
    use crate::ops::testing::numbers;

    #[test]
    fn gradients() {
        let check = GradientCheck::default();
        check.assert(&[numbers(&[3, 1], 1)], |x| broadcast_to(&x[0], &[2, 3, 4]));
        check.assert(&[numbers(&[2, 3, 4], 1)], |x| sum_to(&x[0], &[3, 1]));
        check.assert(&[numbers(&[2, 3, 4], 1)], |x| sum_to(&x[0], &[]));
    }
}
