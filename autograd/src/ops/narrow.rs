//! A part of a tensor along one axis, and its adjoint.

use gobelin_kernels::cpu::layout;
use gobelin_kernels::cuda::layout as device;

use crate::tensor::Tensor;
use crate::var::Var;

/// The `length` entries of `x` from `start` on along `axis`. Derivative: the gradient put back among zeros.
///
/// # Panics
/// If the part reaches beyond `x`.
#[track_caller]
pub fn narrow(x: &Var, axis: usize, start: usize, length: usize) -> Var {
    let shape = x.shape().to_vec();
    let fits = axis < shape.len() && start + length <= shape[axis];
    assert!(fits, "narrow: entries {start}..{} of axis {axis} of shape {shape:?}", start + length);
    let (mut size, mut from) = (shape.clone(), vec![0; shape.len()]);
    size[axis] = length;
    from[axis] = start;
    let y = Tensor::compute(
        &size,
        [x.tensor()],
        |[x], out| layout::block(x, &shape, &from, &size, out),
        |[x], out| device::block(x, &shape, &from, &size, out),
    );
    let whole = shape[axis];
    Var::record("narrow", y, &[x], move |step| vec![Some(embed(&step.gradient, axis, start, whole))])
}

/// `x` among zeros: along `axis` it starts at `start` and the result has `whole` entries. Derivative: that part of the
/// gradient.
///
/// # Panics
/// If `x` reaches beyond `whole`.
#[track_caller]
pub fn embed(x: &Var, axis: usize, start: usize, whole: usize) -> Var {
    let size = x.shape().to_vec();
    let fits = axis < size.len() && start + size[axis] <= whole;
    assert!(fits, "embed: shape {size:?} from {start} on along axis {axis} in {whole} entries");
    let (mut shape, mut from) = (size.clone(), vec![0; size.len()]);
    shape[axis] = whole;
    from[axis] = start;
    let y = Tensor::compute(
        &shape,
        [x.tensor()],
        |[x], out| layout::embed(x, &shape, &from, &size, out),
        |[x], out| device::embed(x, &shape, &from, &size, out),
    );
    let length = size[axis];
    Var::record("embed", y, &[x], move |step| vec![Some(narrow(&step.gradient, axis, start, length))])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::GradientCheck;
    use crate::ops;
    use crate::ops::testing::numbers;

    #[test]
    fn gradients() {
        let check = GradientCheck::default();
        check.assert(&[numbers(&[2, 5, 3], 1)], |x| ops::square(&narrow(&x[0], 1, 1, 3)));
        check.assert(&[numbers(&[2, 3, 3], 1)], |x| ops::square(&embed(&x[0], 1, 1, 5)));
    }
}
