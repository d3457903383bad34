//! Low-resolution pictures, as the paper makes them (Johnson et al. 2016, section 4.2): a Gaussian blur, then bicubic
//! interpolation; and bicubic enlargement, which every network must be compared with.

use gobelin_autograd::{Tensor, Var, ops};
use gobelin_datasets::Picture;

/// The blur's deviation, in pixels of the large picture.
const SIGMA: f32 = 1.0;
/// How far the blur reaches; what lies further weighs less than 1/1000 of the centre.
const RADIUS: usize = 4;
/// The least rows and columns of a picture that is made smaller.
pub const SMALLEST: usize = RADIUS + 1;

/// Pictures `(N, H, W, C)` in [-1, 1] made `scale` times smaller on each side, and rounded to the bytes that a file would have.
/// Beyond their edges they are mirrored.
///
/// # Panics
/// If a side is no multiple of `scale`, or shorter than [`SMALLEST`].
#[track_caller]
pub fn low_resolution(pictures: &Tensor, scale: usize) -> Tensor {
    let &[_, height, width, _] = pictures.shape() else {
        panic!("low_resolution: shape {:?}, expected (N, H, W, C)", pictures.shape())
    };
    assert!(
        [height, width].iter().all(|side| side.is_multiple_of(scale) && *side >= SMALLEST),
        "low_resolution: pictures of {height}x{width}, expected multiples of {scale} from {SMALLEST} on"
    );
    let taps = gaussian();
    let around = ops::pad_reflect(&pictures.clone().into(), ops::Sides::all(RADIUS));
    let blurred = ops::filter_separable(&around, [&taps, &taps]);
    rounded(&ops::resize_bicubic(&blurred, [height / scale, width / scale]))
}

/// Pictures `(N, H, W, C)` in [-1, 1] made `scale` times larger on each side by bicubic interpolation, and rounded to bytes.
pub fn bicubic(pictures: &Tensor, scale: usize) -> Tensor {
    let size = [1, 2].map(|axis| scale * pictures.shape()[axis]);
    rounded(&ops::resize_bicubic(&pictures.clone().into(), size))
}

/// The values of [`Picture::signed`] that [`Picture::from_signed`] would make of these.
fn rounded(values: &Var) -> Tensor {
    values.tensor().map(|value| f32::from(((value + 1.0) * 127.5 + 0.5) as u8) / 127.5 - 1.0)
}

/// A picture as `(1, H, W, C)` in [-1, 1].
pub fn tensor(picture: &Picture) -> Tensor {
    Tensor::new(&[1, picture.height, picture.width, picture.channels], picture.signed())
}

/// `(1, H, W, C)` in [-1, 1] as a picture.
///
/// # Panics
/// If it is no single picture.
#[track_caller]
pub fn picture(values: &Tensor) -> Picture {
    let &[1, height, width, channels] = values.shape() else { panic!("picture: shape {:?}", values.shape()) };
    Picture::from_signed(height, width, channels, values.data())
}

/// The blur's weights, which sum to 1.
fn gaussian() -> [f32; 2 * RADIUS + 1] {
    let raw: [f32; 2 * RADIUS + 1] =
        std::array::from_fn(|place| (-((place as f32 - RADIUS as f32) / SIGMA).powi(2) / 2.0).exp());
    let sum: f32 = raw.iter().sum();
    raw.map(|weight| weight / sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// scipy's `gaussian_filter(x, 1, mode="mirror", truncate=4)`, then PyTorch's `interpolate(..., mode="bicubic",
    /// antialias=True)`, of `x[i, j] = (37 i + 61 j + 5 i j) % 256`, rounded.
    #[test]
    fn small_pictures_are_those_of_scipy_and_pytorch() {
        let bytes: Vec<u8> =
            (0..96).map(|at| (at / 12, at % 12)).map(|(i, j)| (37 * i + 61 * j + 5 * i * j) as u8).collect();
        let x = tensor(&Picture::new(8, 12, 1, bytes));
        assert_eq!(picture(&low_resolution(&x, 4)).pixels, [122, 139, 127, 124, 116, 106]);
        let half = [
            96, 141, 137, 152, 133, 139, 126, 121, 137, 142, 122, 114, 127, 121, 122, 113, 108, 105, 111,
            131, 122, 99, 99, 113,
        ];
        assert_eq!(picture(&low_resolution(&x, 2)).pixels, half);
        let back = [
            120, 126, 138, 140, 132, 128, 121, 125, 132, 132, 125, 122, 124, 123, 122, 118, 112, 109, 125,
            122, 117, 111, 106, 103,
        ];
        assert_eq!(picture(&bicubic(&low_resolution(&x, 4), 2)).pixels, back);
    }

    #[test]
    fn what_is_flat_stays_flat() {
        let flat = Picture::new(8, 16, 3, [10, 200, 77].repeat(128));
        let small = picture(&low_resolution(&tensor(&flat), 8));
        assert_eq!((small.height, small.width), (1, 2));
        assert_eq!(small.pixels, [10, 200, 77].repeat(2));
        assert_eq!(picture(&bicubic(&tensor(&small), 8)), flat);
    }

    #[test]
    #[should_panic(expected = "expected multiples of 4 from 5 on")]
    fn other_sizes_are_named() {
        let _ = low_resolution(&Tensor::zeros(&[1, 10, 12, 3]), 4);
    }
}
