//! From a picture to the small one that super-resolution begins with.
//!
//! A Gaussian blur of sigma 1 pixel, then bicubic interpolation to a fourth or an eighth (Johnson et al. 2016, section
//! 4.2), then rounding to bytes, as a file would hold it.

use gobelin_autograd::{Tensor, Var, ops};

/// The blur's deviation in pixels.
const SIGMA: f64 = 1.0;
/// Taps on each side: what lies beyond weighs less than a hundredth of a byte.
const RADIUS: usize = 4;

/// `pictures` `(N, H, W, C)` in [-1, 1], of sides that are multiples of `scale`, blurred, shrunk and rounded to bytes.
///
/// # Panics
/// If a side is no multiple of `scale`, or shorter than 5 pixels.
#[track_caller]
pub fn shrink(pictures: &Tensor, scale: usize) -> Tensor {
    blurred_and_shrunk(pictures, scale).map_into(to_byte)
}

#[track_caller]
fn blurred_and_shrunk(pictures: &Tensor, scale: usize) -> Tensor {
    let &[_, height, width, _] = pictures.shape() else {
        panic!("shrink: shape {:?}, expected (N, H, W, C)", pictures.shape())
    };
    let fits = height.is_multiple_of(scale) && width.is_multiple_of(scale);
    assert!(fits, "shrink: {height} x {width} pixels are no multiples of {scale}");
    let mirrored = ops::pad_reflect(&pictures.clone().into(), ops::Sides::all(RADIUS));
    let taps = gaussian();
    let blurred = ops::filter_separable(&mirrored, [&taps, &taps]);
    ops::resize_bicubic(&blurred, [height / scale, width / scale]).into_tensor()
}

/// `pictures` in [-1, 1] enlarged by bicubic interpolation: what super-resolution is compared with.
pub fn enlarge(pictures: &Tensor, scale: usize) -> Tensor {
    let size = [1, 2].map(|axis| pictures.shape()[axis] * scale);
    ops::resize_bicubic(&Var::constant(pictures.clone()), size).into_tensor()
}

/// A value in [-1, 1] as a file holds it: one of 256.
pub(crate) fn to_byte(value: f32) -> f32 {
    ((value.clamp(-1.0, 1.0) + 1.0) * 127.5).round() / 127.5 - 1.0
}

fn gaussian() -> Vec<f32> {
    let raw = |tap: usize| (-(tap as f64 - RADIUS as f64).powi(2) / (2.0 * SIGMA * SIGMA)).exp();
    let sum: f64 = (0..=2 * RADIUS).map(raw).sum();
    (0..=2 * RADIUS).map(|tap| (raw(tap) / sum) as f32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flat_picture_stays_as_it_is() {
        let grey = 51.0 / 127.5 - 1.0;
        let small = shrink(&Tensor::full(&[2, 16, 24, 3], grey), 4);
        assert_eq!(small.shape(), [2, 4, 6, 3]);
        assert!(small.data().iter().all(|&value| value == grey));
        assert!(enlarge(&small, 4).data().iter().all(|value| (value - grey).abs() < 1e-6));
    }

    /// scipy's `gaussian_filter` (mirrored, truncated at 4) and PyTorch's bicubic interpolation with antialiasing.
    #[test]
    fn values_are_those_of_scipy_and_pytorch() {
        let picture = Tensor::build(&[1, 16, 12, 1], |values| {
            for (i, value) in values.iter_mut().enumerate() {
                let (row, column) = (i / 12, i % 12);
                *value = ((row * row * 5 + column * 9) % 64) as f32 / 32.0 - 1.0;
            }
        });
        let found = blurred_and_shrunk(&picture, 4);
        assert_eq!(found.shape(), [1, 4, 3, 1]);
        let expected = [
            -0.083369, 0.036144, -0.032204, -0.036151, 0.103887, -0.092537, -0.015314, 0.000347, -0.015486, 0.054179, -0.141895, 0.124036
        ];
        for (found, expected) in found.data().iter().zip(expected) {
            assert!((found - expected).abs() < 1e-5, "{found}, {expected}");
        }
    }
}
