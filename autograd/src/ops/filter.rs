//! Separable filters.

use std::sync::Arc;

use gobelin_kernels::cpu::filter;
use gobelin_kernels::cuda::{DeviceBuffer, filter as device};

use crate::tensor::Tensor;
use crate::var::Var;

/// Correlates every channel of `x` `(N, H, W, C)` with `taps[0]` down and with `taps[1]` across, where the taps lie wholly
/// inside: `(N, H - taps + 1, W - taps + 1, C)`. With Gaussian taps, the local means of SSIM (Wang et al. 2004).
///
/// Derivative: the gradient correlated with the reversed taps, zeros being around it.
///
/// # Panics
/// If `x` is no picture, or smaller than the filter.
#[track_caller]
pub fn filter_separable(x: &Var, taps: [&[f32]; 2]) -> Var {
    let &[_, height, width, _] = x.shape() else {
        panic!("filter_separable: shape {:?}, expected (N, H, W, C)", x.shape())
    };
    let [down, across] = taps.map(<[f32]>::len);
    let fits = (1..=height).contains(&down) && (1..=width).contains(&across);
    assert!(fits, "filter_separable: shape {:?} is smaller than {down} by {across} taps", x.shape());
    correlate(x, taps.map(Arc::from), [0, 0])
}

/// The correlation with `padding` zeros on each side: a family that is closed under taking the adjoint.
fn correlate(x: &Var, taps: [Arc<[f32]>; 2], padding: [usize; 2]) -> Var {
    let &[n, h, w, c] = x.shape() else { unreachable!("checked by the public face") };
    let shrunk = |axis: usize| [h, w][axis] + 2 * padding[axis] + 1 - taps[axis].len();
    let y = Tensor::compute(
        &[n, shrunk(0), shrunk(1), c],
        [x.tensor()],
        |[x], y| filter::correlate_separable(x, [n, h, w, c], [&taps[0], &taps[1]], padding, y),
        |[x], y| {
            let [down, across] = taps.each_ref().map(|taps| DeviceBuffer::constant(x.device(), taps));
            device::correlate_separable(x, [n, h, w, c], [&down?, &across?], padding, y)
        },
    );
    Var::record("filter_separable", y, &[x], move |step| {
        let padding = [0, 1].map(|axis| taps[axis].len() - 1 - padding[axis]);
        let reversed = taps.each_ref().map(|taps| taps.iter().rev().copied().collect());
        vec![Some(correlate(&step.gradient, reversed, padding))]
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::GradientCheck;
    use crate::ops;
    use crate::ops::testing::numbers;

    #[test]
    fn values() {
        let x = Tensor::new(&[1, 2, 3, 1], [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        let y = filter_separable(&x.into(), [&[1.0, 10.0], &[1.0, 100.0]]);
        assert_eq!((y.shape(), y.tensor().data()), (&[1, 1, 2, 1][..], &[5241.0, 6352.0][..]));
    }

    #[test]
    fn gradients() {
        for (shape, down, across) in [(&[2, 5, 6, 3], 3, 3), (&[1, 4, 7, 1], 4, 2), (&[1, 2, 2, 1], 1, 2)] {
            let taps = [numbers(&[down], 2), numbers(&[across], 3)];
            GradientCheck::default().assert(&[numbers(shape, 1)], |x| {
                ops::square(&filter_separable(&x[0], [taps[0].data(), taps[1].data()]))
            });
        }
    }

    #[test]
    #[should_panic(expected = "is smaller than 5 by 5 taps")]
    fn small_pictures_are_named() {
        let _ = filter_separable(&numbers(&[1, 8, 4, 1], 1).into(), [&[0.2; 5]; 2]);
    }
}
