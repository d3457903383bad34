//! Tensors side by side.

use gobelin_kernels::cpu::layout;
use gobelin_kernels::cuda::{DeviceBuffer, layout as device};

use crate::ops;
use crate::tensor::Tensor;
use crate::var::Var;

/// `parts` one after the other along `axis`. Derivative: each part's part of the gradient.
///
/// # Panics
/// If there are no parts, or their shapes differ elsewhere than along `axis`.
#[track_caller]
pub fn concat(parts: &[&Var], axis: usize) -> Var {
    let first = parts.first().expect("concat: no parts").shape();
    let outside = |shape: &[usize]| -> Vec<usize> {
        assert!(axis < shape.len(), "concat: axis {axis} of shape {shape:?}");
        [&shape[..axis], &shape[axis + 1..]].concat()
    };
    for part in parts {
        let fits = outside(part.shape()) == outside(first);
        assert!(fits, "concat along axis {axis}: shapes {first:?} and {:?} differ elsewhere", part.shape());
    }
    let lengths: Vec<usize> = parts.iter().map(|part| part.shape()[axis]).collect();
    let mut shape = first.to_vec();
    shape[axis] = lengths.iter().sum();
    let tensors: Vec<&Tensor> = parts.iter().map(|part| part.tensor()).collect();
    let piece = |tensor: &Tensor| tensor.shape()[axis..].iter().product();
    let y = match Tensor::common_device(&tensors) {
        None => {
            let inputs: Vec<(&[f32], usize)> = tensors.iter().map(|t| (t.data(), piece(t))).collect();
            Tensor::build(&shape, |out| layout::interleave(&inputs, out))
        }
        Some(place) => {
            let inputs: Vec<(&DeviceBuffer, usize)> =
                tensors.iter().map(|t| (t.buffer(place), piece(t))).collect();
            Tensor::build_on(place, &shape, |out| device::interleave(&inputs, out))
        }
    };
    Var::record("concat", y, parts, move |step| {
        let mut start = 0;
        let part = |(input, &length): (usize, &usize)| {
            let from = start;
            start += length;
            step.needs(input).then(|| ops::narrow(&step.gradient, axis, from, length))
        };
        lengths.iter().enumerate().map(part).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::GradientCheck;
    use crate::ops::testing::numbers;

    #[test]
    fn values_along_each_axis() {
        let (a, b) = (Tensor::new(&[2, 1], [1.0, 2.0]), Tensor::new(&[2, 2], [3.0, 4.0, 5.0, 6.0]));
        let y = concat(&[&a.into(), &b.clone().into()], 1);
        assert_eq!((y.shape(), y.tensor().data()), (&[2, 3][..], &[1.0, 3.0, 4.0, 2.0, 5.0, 6.0][..]));
        let y = concat(&[&b.clone().into(), &b.into()], 0);
        assert_eq!(y.tensor().data(), [3.0, 4.0, 5.0, 6.0, 3.0, 4.0, 5.0, 6.0]);
    }

    #[test]
    fn gradients() {
        GradientCheck::default().assert(&[numbers(&[2, 1, 3], 1), numbers(&[2, 4, 3], 2)], |x| {
            ops::square(&concat(&[&x[0], &x[1]], 1))
        });
    }
}
