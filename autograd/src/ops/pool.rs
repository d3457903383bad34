//! Pooling: maxima and means over windows.

use std::sync::Arc;

use gobelin_kernels::Bytes;
use gobelin_kernels::cpu::pool;
use gobelin_kernels::cuda::{DeviceBuffer, pool as device};

use super::conv2d::Window;
use crate::ops;
use crate::tensor::Tensor;
use crate::values::expect;
use crate::var::Var;

/// Which pixel of each window was chosen, where it was: there the ops that use it run.
pub(super) enum Taps {
    Host(Bytes),
    Device(DeviceBuffer<u8>),
}

/// The largest value of each window of `x` `(N, H, W, C)`, for each channel; NaN if there is one; padding is never chosen.
/// Derivative: all of it to the first of equal values (row by row), as in PyTorch.
///
/// # Panics
/// If `x` is no picture, smaller than the window, or the padding is not smaller than the window.
#[track_caller]
pub fn max_pool(x: &Var, window: Window) -> Var {
    let pool = describe("max_pool", x.shape(), window);
    let (y, taps) = match x.tensor().device() {
        None => {
            let mut taps = Bytes::new(pool.small());
            let y =
                Tensor::build(&small_shape(&pool), |y| pool::maximum(&pool, x.tensor().data(), y, &mut taps));
            (y, Taps::Host(taps))
        }
        Some(place) => {
            let mut taps = expect(DeviceBuffer::new(place, pool.small()));
            let x = x.tensor().buffer(place);
            let y = Tensor::build_on(place, &small_shape(&pool), |y| device::maximum(&pool, x, y, &mut taps));
            (y, Taps::Device(taps))
        }
    };
    let taps = Arc::new(taps);
    Var::record("max_pool", y, &[x], move |step| {
        vec![Some(put_back(&step.gradient, pool, Arc::clone(&taps)))]
    })
}

/// The smallest value of each window, as [`max_pool`].
///
/// # Panics
/// As [`max_pool`].
#[track_caller]
pub fn min_pool(x: &Var, window: Window) -> Var {
    ops::neg(&max_pool(&ops::neg(x), window))
}

/// The value of each window that its tap names. Derivative: [`put_back`].
fn chosen(x: &Var, pool: pool::Pool, taps: Arc<Taps>) -> Var {
    let shape = small_shape(&pool);
    let y = match &*taps {
        Taps::Host(taps) => Tensor::build(&shape, |y| pool::chosen(&pool, x.tensor().data(), taps, y)),
        Taps::Device(taps) => {
            let x = x.tensor().buffer(taps.device());
            Tensor::build_on(taps.device(), &shape, |y| device::chosen(&pool, x, taps, y))
        }
    };
    Var::record("max_pool_chosen", y, &[x], move |step| {
        vec![Some(put_back(&step.gradient, pool, Arc::clone(&taps)))]
    })
}

/// Each window's value added up where its tap lies. Derivative: [`chosen`].
pub(super) fn put_back(y: &Var, pool: pool::Pool, taps: Arc<Taps>) -> Var {
    let shape = large_shape(&pool);
    let x = match &*taps {
        Taps::Host(taps) => Tensor::build(&shape, |x| pool::put_back(&pool, y.tensor().data(), taps, x)),
        Taps::Device(taps) => {
            let y = y.tensor().buffer(taps.device());
            Tensor::build_on(taps.device(), &shape, |x| device::put_back(&pool, y, taps, x))
        }
    };
    Var::record("max_pool_put_back", x, &[y], move |step| {
        vec![Some(chosen(&step.gradient, pool, Arc::clone(&taps)))]
    })
}

/// The mean of each window of `x` `(N, H, W, C)`, for each channel; padding counts as zeros, as PyTorch has it by default.
/// Derivative: the gradient spread evenly over each window.
///
/// # Panics
/// As [`max_pool`].
#[track_caller]
pub fn avg_pool(x: &Var, window: Window) -> Var {
    mean(x, describe("avg_pool", x.shape(), window))
}

fn mean(x: &Var, pool: pool::Pool) -> Var {
    let y = Tensor::compute(
        &small_shape(&pool),
        [x.tensor()],
        |[x], y| pool::mean(&pool, x, y),
        |[x], y| device::mean(&pool, x, y),
    );
    Var::record("avg_pool", y, &[x], move |step| vec![Some(spread(&step.gradient, pool))])
}

pub(super) fn spread(y: &Var, pool: pool::Pool) -> Var {
    let x = Tensor::compute(
        &large_shape(&pool),
        [y.tensor()],
        |[y], x| pool::spread(&pool, y, x),
        |[y], x| device::spread(&pool, y, x),
    );
    Var::record("avg_pool_spread", x, &[y], move |step| vec![Some(mean(&step.gradient, pool))])
}

#[track_caller]
pub(super) fn describe(op: &str, shape: &[usize], window: Window) -> pool::Pool {
    let &[batch, height, width, channels] = shape else {
        panic!("{op}: shape {shape:?}, expected (N, H, W, C)")
    };
    let Window { kernel, stride, padding, .. } = window;
    let fits = (0..2)
        .all(|i| stride[i] > 0 && padding[i] < kernel[i] && kernel[i] <= [height, width][i] + 2 * padding[i]);
    assert!(
        fits && kernel[0] * kernel[1] <= 256,
        "{op}: a window of {kernel:?} with stride {stride:?} and padding {padding:?} over shape {shape:?}: expected \
         a padding below the window, a window within the padded picture, and at most 256 pixels in it"
    );
    pool::Pool { batch, height, width, channels, kernel, stride, padding }
}

pub(super) fn small_shape(pool: &pool::Pool) -> [usize; 4] {
    let [height, width] = pool.output();
    [pool.batch, height, width, pool.channels]
}

fn large_shape(pool: &pool::Pool) -> [usize; 4] {
    [pool.batch, pool.height, pool.width, pool.channels]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::GradientCheck;
    use crate::ops::testing::numbers;
    use crate::random;
    use crate::tape::Tape;

    const WINDOWS: [Window; 4] = [
        Window { kernel: [2, 2], stride: [2, 2], padding: [0, 0], exact: false },
        Window { kernel: [3, 3], stride: [2, 2], padding: [1, 1], exact: false },
        Window { kernel: [3, 3], stride: [1, 1], padding: [1, 1], exact: false },
        Window { kernel: [1, 2], stride: [2, 1], padding: [0, 1], exact: false },
    ];

    #[test]
    fn gradients() {
        let x = random::separated(&[2, 5, 7, 3], 0.1, &mut random::generator(1, 0));
        for window in WINDOWS {
            let check = GradientCheck::default().with_step(0.002).with_tolerance(5e-3);
            check.assert(std::slice::from_ref(&x), |x| ops::square(&max_pool(&x[0], window)));
            check.assert(std::slice::from_ref(&x), |x| ops::square(&min_pool(&x[0], window)));
            GradientCheck::default()
                .assert(&[numbers(&[2, 5, 7, 3], 1)], |x| ops::square(&avg_pool(&x[0], window)));
        }
    }

    /// Values and gradients of `torch.nn.functional.max_pool2d` and `avg_pool2d` over the same picture with ties.
    #[test]
    fn overlapping_windows_with_ties_match_pytorch() {
        let x = [1.0, 3.0, 3.0, 0.0, 3.0, 3.0, 2.0, 2.0, -1.0, 0.0, 2.0, 2.0];
        let window = Window { kernel: [3, 2], stride: [1, 2], padding: [1, 1], exact: false };
        let tape = Tape::new();
        let x = tape.leaf(Tensor::new(&[1, 3, 4, 1], x));
        let weights: Var = Tensor::new(&[1, 3, 3, 1], [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0]).into();
        let y = max_pool(&x, window);
        assert_eq!(y.tensor().data(), [3.0, 3.0, 2.0, 3.0, 3.0, 2.0, 3.0, 3.0, 2.0]);
        let gradient = tape.gradients(&ops::sum(&ops::mul(&y, &weights)), &[&x]).remove(0);
        assert_eq!(gradient.data(), [0., 7., 0., 0., 12., 8., 0., 18., 0., 0., 0., 0.]);
        let y = avg_pool(&x, window);
        let sixths: Vec<f32> = y.tensor().data().iter().map(|v| (v * 6.0).round()).collect();
        assert_eq!(sixths, [4.0, 11.0, 2.0, 3.0, 13.0, 4.0, 2.0, 7.0, 4.0]);
    }

    #[test]
    #[should_panic(expected = "max_pool: a window of [2, 2] with stride [2, 2] and padding [2, 2]")]
    fn windows_in_the_padding_are_named() {
        let _ = max_pool(&numbers(&[1, 4, 4, 1], 1).into(), Window::square(2, 2, 2));
    }
}
