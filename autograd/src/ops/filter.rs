//! Separable filters.

use std::sync::Arc;

use gobelin_kernels::cpu::filter;

use crate::tensor::Tensor;
use crate::var::Var;

/// Correlates every channel of `x` `(N, H, W, C)` with `taps` down and with `taps` across, where the taps lie wholly inside:
/// `(N, H - taps + 1, W - taps + 1, C)`. With Gaussian taps, the local means of SSIM (Wang et al. 2004).
///
/// Derivative: the gradient correlated with the reversed taps, zeros being around it.
///
/// # Panics
/// If `x` is no picture, or smaller than the filter.
#[track_caller]
pub fn filter_separable(x: &Var, taps: &[f32]) -> Var {
    let &[_, height, width, _] = x.shape() else {
        panic!("filter_separable: shape {:?}, expected (N, H, W, C)", x.shape())
    };
    let fits = !taps.is_empty() && height >= taps.len() && width >= taps.len();
    assert!(fits, "filter_separable: shape {:?} is smaller than {} taps", x.shape(), taps.len());
    correlate(x, Arc::from(taps), 0)
}

/// The correlation with `padding` zeros on each side: a family that is closed under taking the adjoint.
fn correlate(x: &Var, taps: Arc<[f32]>, padding: usize) -> Var {
    let &[n, h, w, c] = x.shape() else { unreachable!("checked by the public face") };
    let shrunk = |length: usize| length + 2 * padding + 1 - taps.len();
    let y = Tensor::build(&[n, shrunk(h), shrunk(w), c], |y| {
        filter::correlate_separable(x.tensor().data(), [n, h, w, c], &taps, padding, y);
    });
    Var::record("filter_separable", y, &[x], move |step| {
        let reversed: Arc<[f32]> = taps.iter().rev().copied().collect();
        vec![Some(correlate(&step.gradient, reversed, taps.len() - 1 - padding))]
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
        let y = filter_separable(&x.into(), &[1.0, 10.0]);
        assert_eq!((y.shape(), y.tensor().data()), (&[1, 1, 2, 1][..], &[561.0, 682.0][..]));
    }

    #[test]
    fn gradients() {
        for (shape, count) in [(&[2, 5, 6, 3], 3), (&[1, 4, 4, 1], 4), (&[1, 2, 2, 1], 1)] {
            let taps = numbers(&[count], 2);
            GradientCheck::default()
                .assert(&[numbers(shape, 1)], |x| ops::square(&filter_separable(&x[0], taps.data())));
        }
    }

    #[test]
    #[should_panic(expected = "is smaller than 5 taps")]
    fn small_pictures_are_named() {
        let _ = filter_separable(&numbers(&[1, 8, 4, 1], 1).into(), &[0.2; 5]);
    }
}
