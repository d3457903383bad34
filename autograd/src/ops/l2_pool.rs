//! Pooling by Euclidean length.

use gobelin_kernels::cpu::pool;

use super::conv2d::Window;
use super::pool::{describe, small_shape, spread};
use crate::ops;
use crate::tensor::Tensor;
use crate::var::Var;

/// The root of `epsilon` and the sum of the squares of each window of `x` `(N, H, W, C)`, for each channel; padding counts as
/// zeros. Without an `epsilon` above 0 the derivative is infinite where all is 0.
///
/// A device has no kernel of its own for it, but those of the ops that it stands for.
///
/// Derivative: `x` times the sum of `g / y` over the windows that it lies in.
///
/// # Panics
/// As [`ops::max_pool`].
#[track_caller]
pub fn l2_pool(x: &Var, window: Window, epsilon: f32) -> Var {
    let pool = describe("l2_pool", x.shape(), window);
    if x.tensor().device().is_some() {
        let sums = ops::scale(&ops::avg_pool(&ops::square(x), window), parts(window));
        return ops::sqrt(&ops::add_scalar(&sums, epsilon));
    }
    let y = Tensor::build(&small_shape(&pool), |y| {
        pool::length(&pool, x.tensor().data(), epsilon, y);
    });
    let saved = (x.clone(), y.clone());
    Var::record("l2_pool", y, &[x], move |step| {
        let (x, y) = &saved;
        if step.is_final() {
            let shares = step.gradient.into_tensor().zip_into(y, |g, y| g / y);
            let dx = Tensor::build(x.shape(), |dx| {
                pool::length_gradient(&pool, x.tensor().data(), shares.data(), dx);
            });
            return vec![Some(dx.into())];
        }
        let shares = ops::div(&step.gradient, &step.output(y));
        // The spread of a mean: each window's share goes to its pixels in equal parts.
        vec![Some(ops::mul(x, &ops::scale(&spread(&shares, pool), parts(window))))]
    })
}

/// The pixels of a window.
fn parts(window: Window) -> f32 {
    (window.kernel[0] * window.kernel[1]) as f32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::GradientCheck;
    use crate::ops::testing::numbers;
    use crate::tape::Tape;

    const WINDOWS: [Window; 3] = [
        Window { kernel: [3, 3], stride: [1, 1], padding: [1, 1], exact: false },
        Window { kernel: [3, 3], stride: [2, 2], padding: [1, 1], exact: false },
        Window { kernel: [2, 1], stride: [2, 1], padding: [0, 0], exact: false },
    ];

    #[test]
    fn values_and_gradients_are_those_of_the_ops_it_stands_for() {
        for window in WINDOWS {
            let run = |function: &dyn Fn(&Var) -> Var| {
                let tape = Tape::new();
                let x = tape.leaf(numbers(&[2, 6, 7, 21], 1));
                let y = function(&x);
                let loss = ops::sum(&ops::square(&ops::add_scalar(&y, 1.0)));
                (y.into_tensor(), tape.gradients(&loss, &[&x]).remove(0))
            };
            let (y, gradient) = run(&|x| l2_pool(x, window, 1e-3));
            let (expected, expected_gradient) = run(&|x| {
                let count = (window.kernel[0] * window.kernel[1]) as f32;
                let sum = ops::scale(&ops::avg_pool(&ops::square(x), window), count);
                ops::sqrt(&ops::add_scalar(&sum, 1e-3))
            });
            for (found, expected) in [(y, expected), (gradient, expected_gradient)] {
                assert_eq!(found.shape(), expected.shape());
                for (found, expected) in found.data().iter().zip(expected.data()) {
                    assert!((found - expected).abs() <= 1e-5 * expected.abs().max(1.0), "{found} {expected}");
                }
            }
        }
    }

    #[test]
    fn gradients() {
        for window in WINDOWS {
            GradientCheck::default().assert(&[numbers(&[2, 4, 5, 2], 1)], |x| l2_pool(&x[0], window, 0.1));
        }
    }
}
