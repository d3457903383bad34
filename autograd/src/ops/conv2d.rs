//! Convolution, its input gradient and its weight gradient: three ops, each bilinear, whose derivatives are the others.
//!
//! Pictures are `(N, H, W, C)`, weights `(kernel height, kernel width, channels in, channels out)`. The input gradient
//! of a convolution is the transposed convolution, so generators use the same kernels.

use gobelin_kernels::cpu::conv;
use gobelin_kernels::cuda::conv as device;
use gobelin_kernels::cuda::{DeviceBuffer, Precision};

use crate::profile;
use crate::tensor::Tensor;
use crate::var::Var;

/// The geometry of a convolution, seen from its larger side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Kernel height and width.
    pub kernel: [usize; 2],
    /// Steps down and across.
    pub stride: [usize; 2],
    /// Rows and columns of zeros around the input, on each side.
    pub padding: [usize; 2],
    /// Whether fast algorithms that round differently (Winograd's) are refused.
    pub exact: bool,
}

impl Window {
    /// A square window.
    pub fn square(kernel: usize, stride: usize, padding: usize) -> Self {
        Self { kernel: [kernel; 2], stride: [stride; 2], padding: [padding; 2], exact: false }
    }

    /// The size of the small side for a large side of `size` rows and columns.
    ///
    /// # Panics
    /// If the padded picture is smaller than the kernel.
    #[track_caller]
    pub fn output(&self, size: [usize; 2]) -> [usize; 2] {
        std::array::from_fn(|axis| {
            let padded = size[axis] + 2 * self.padding[axis];
            assert!(
                padded >= self.kernel[axis],
                "conv2d: a picture of {size:?} with padding {:?} is smaller than the kernel {:?}",
                self.padding,
                self.kernel
            );
            (padded - self.kernel[axis]) / self.stride[axis] + 1
        })
    }

    #[track_caller]
    pub(super) fn describe(&self, large: &[usize], channels_out: usize) -> conv::Conv2d {
        let &[batch, height, width, channels_in] = large else {
            panic!("conv2d: a picture of shape {large:?}, expected (N, H, W, C)")
        };
        let Self { kernel, stride, padding, exact } = *self;
        conv::Conv2d { batch, height, width, channels_in, channels_out, kernel, stride, padding, exact }
    }
}

/// Correlates `x` `(N, H, W, I)` with `weight` `(kh, kw, I, O)` to `(N, H', W', O)`.
///
/// # Panics
/// If the shapes do not fit.
#[track_caller]
pub fn conv2d(x: &Var, weight: &Var, window: Window) -> Var {
    check(x.shape(), weight.shape(), &window);
    let (shape, channels_out) = (x.shape().to_vec(), weight.shape()[3]);
    let geometry = window.describe(&shape, channels_out);
    let [height, width] = window.output([shape[1], shape[2]]);
    profile::count(geometry.operations());
    let y = Tensor::compute(
        &[shape[0], height, width, channels_out],
        [x.tensor(), weight.tensor()],
        |[x, w], y| conv::forward(&geometry, x, w, y),
        |[x, w], y| device::forward(&geometry, precision(&geometry, x), x, w, device::Epilogue::default(), y),
    );
    let saved = (x.clone(), weight.clone());
    Var::record("conv2d", y, &[x, weight], move |step| {
        let (x, weight) = &saved;
        let for_weight = step.needs(1).then(|| conv2d_weight_gradient(x, &step.gradient, window));
        let for_x = step
            .needs(0)
            .then(|| conv2d_input_gradient(&step.gradient, weight, window, [shape[1], shape[2]]));
        vec![for_x, for_weight]
    })
}

/// The transposed convolution: the adjoint of [`conv2d`] in `x`, from `dy` `(N, H', W', O)` and `weight`
/// `(kh, kw, I, O)` to `(N, H, W, I)` with `size = [H, W]`.
///
/// # Panics
/// If the shapes do not fit.
#[track_caller]
pub fn conv2d_input_gradient(dy: &Var, weight: &Var, window: Window, size: [usize; 2]) -> Var {
    let &[batch, _, _, channels_out] = dy.shape() else {
        panic!("conv2d_input_gradient: a picture of shape {:?}, expected (N, H, W, C)", dy.shape())
    };
    let channels_in = weight.shape().get(2).copied().unwrap_or(0);
    let large = [batch, size[0], size[1], channels_in];
    check(&large, weight.shape(), &window);
    let [height, width] = window.output(size);
    let expected = [batch, height, width, weight.shape()[3]];
    assert!(
        dy.shape() == expected,
        "conv2d_input_gradient: a picture of {:?} and weights of {:?}: expected {expected:?} to give size {size:?}",
        dy.shape(),
        weight.shape()
    );
    let geometry = window.describe(&large, channels_out);
    profile::count(geometry.operations());
    let dx = Tensor::compute(
        &large,
        [dy.tensor(), weight.tensor()],
        |[dy, w], dx| conv::input_gradient(&geometry, dy, w, dx),
        |[dy, w], dx| device::input_gradient(&geometry, precision(&geometry, dy), dy, w, dx),
    );
    let saved = (dy.clone(), weight.clone());
    Var::record("conv2d_input_gradient", dx, &[dy, weight], move |step| {
        let (dy, weight) = &saved;
        let for_weight = step.needs(1).then(|| conv2d_weight_gradient(&step.gradient, dy, window));
        let for_dy = step.needs(0).then(|| conv2d(&step.gradient, weight, window));
        vec![for_dy, for_weight]
    })
}

/// The adjoint of [`conv2d`] in its weight: from `x` `(N, H, W, I)` and `dy` `(N, H', W', O)` to `(kh, kw, I, O)`.
///
/// # Panics
/// If the shapes do not fit.
#[track_caller]
pub fn conv2d_weight_gradient(x: &Var, dy: &Var, window: Window) -> Var {
    let (x_shape, dy_shape) = (x.shape().to_vec(), dy.shape().to_vec());
    let channels_out = dy_shape.last().copied().unwrap_or(0);
    let geometry = window.describe(&x_shape, channels_out);
    let [height, width] = window.output([x_shape[1], x_shape[2]]);
    let expected = [x_shape[0], height, width, channels_out];
    assert!(
        dy_shape == expected,
        "conv2d_weight_gradient: pictures of {x_shape:?} and {dy_shape:?}, expected {expected:?}"
    );
    let shape = [window.kernel[0], window.kernel[1], x_shape[3], channels_out];
    profile::count(geometry.operations());
    let dw = Tensor::compute(
        &shape,
        [x.tensor(), dy.tensor()],
        |[x, dy], dw| conv::weight_gradient(&geometry, x, dy, dw),
        |[x, dy], dw| device::weight_gradient(&geometry, precision(&geometry, x), x, dy, dw),
    );
    let saved = (x.clone(), dy.clone());
    Var::record("conv2d_weight_gradient", dw, &[x, dy], move |step| {
        let (x, dy) = &saved;
        let for_dy = step.needs(1).then(|| conv2d(x, &step.gradient, window));
        let size = [x_shape[1], x_shape[2]];
        let for_x = step.needs(0).then(|| conv2d_input_gradient(dy, &step.gradient, window, size));
        vec![for_x, for_dy]
    })
}

/// How a device makes the products of a convolution.
pub(super) fn precision(geometry: &conv::Conv2d, x: &DeviceBuffer) -> Precision {
    if geometry.exact { Precision::F32 } else { x.device().precision() }
}

#[track_caller]
fn check(x: &[usize], weight: &[usize], window: &Window) {
    let fits = x.len() == 4 && weight.len() == 4 && weight[..2] == window.kernel && weight[2] == x[3];
    assert!(
        fits,
        "conv2d: a picture of {x:?} and weights of {weight:?}: expected (N, H, W, I) and ({}, {}, I, O)",
        window.kernel[0], window.kernel[1]
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::GradientCheck;
    use crate::ops::testing::numbers;

    #[test]
    fn gradients_of_the_whole_family() {
        let windows = [
            Window::square(3, 1, 1),
            Window::square(4, 2, 1),
            Window::square(1, 1, 0),
            Window { kernel: [2, 3], stride: [1, 2], padding: [0, 1], exact: true },
        ];
        for window in windows {
            let size = [6, 5];
            let x = numbers(&[2, 6, 5, 3], 1);
            let w = numbers(&[window.kernel[0], window.kernel[1], 3, 2], 2);
            let [height, width] = window.output(size);
            let dy = numbers(&[2, height, width, 2], 3);
            let check = GradientCheck::default();
            check.assert(&[x.clone(), w.clone()], |v| conv2d(&v[0], &v[1], window));
            check.assert(&[dy.clone(), w], |v| conv2d_input_gradient(&v[0], &v[1], window, size));
            check.assert(&[x, dy], |v| conv2d_weight_gradient(&v[0], &v[1], window));
        }
    }

    #[test]
    fn a_known_convolution() {
        let x = Tensor::new(&[1, 2, 2, 1], [1.0, 2.0, 3.0, 4.0]);
        let w = Tensor::new(&[2, 2, 1, 1], [1.0, 10.0, 100.0, 1000.0]);
        let y = conv2d(&x.into(), &w.into(), Window::square(2, 1, 0));
        assert_eq!((y.shape(), y.item()), (&[1, 1, 1, 1][..], 4321.0));
    }

    #[test]
    #[should_panic(expected = "expected (N, H, W, I) and (3, 3, I, O)")]
    fn shapes_that_do_not_fit_are_named() {
        let _ = conv2d(
            &numbers(&[1, 4, 4, 3], 1).into(),
            &numbers(&[3, 3, 2, 5], 2).into(),
            Window::square(3, 1, 1),
        );
    }
}
