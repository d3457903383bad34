//! Resizing of pictures.

use gobelin_kernels::cpu::resample::AxisMap;

use super::resample::map_axes;
use crate::ops;
use crate::var::Var;

/// The pictures `x` `(N, H, W, C)` in another size by bilinear interpolation, as PyTorch's `interpolate` without aligned corners
/// and without antialiasing. Derivative: each pixel's share of the gradients.
///
/// # Panics
/// If `x` is no picture, or has no pixels.
#[track_caller]
pub fn resize_bilinear(x: &Var, size: [usize; 2]) -> Var {
    resize("resize_bilinear", x, size, AxisMap::linear)
}

/// The pictures `x` `(N, H, W, C)` in another size by bicubic interpolation (Keys 1981, a = -1/2), widened along an axis that
/// shrinks: what super-resolution's papers and Pillow call bicubic, and PyTorch's `interpolate` with antialiasing. Derivative:
/// each pixel's share of the gradients.
///
/// # Panics
/// If `x` is no picture, or has no pixels.
#[track_caller]
pub fn resize_bicubic(x: &Var, size: [usize; 2]) -> Var {
    resize("resize_bicubic", x, size, AxisMap::cubic)
}

#[track_caller]
fn resize(op: &'static str, x: &Var, [height, width]: [usize; 2], map: fn(usize, usize) -> AxisMap) -> Var {
    let &[_, h, w, _] = x.shape() else { panic!("{op}: shape {:?}, expected (N, H, W, C)", x.shape()) };
    assert!(h > 0 && w > 0, "{op}: pictures of {h} x {w} pixels");
    if [h, w] == [height, width] {
        return x.clone();
    }
    map_axes(op, x, map(h, height).into(), map(w, width).into())
}

/// Channels spread over pixels: `(N, H, W, C f f)` becomes `(N, H f, W f, C)`; channel `c f f + i f + j` goes to row `i`, column
/// `j` of its block (PyTorch's `PixelShuffle`, Shi et al. 2016). Derivative: [`space_to_depth`].
///
/// # Panics
/// If `x` is no picture, or its channels are no multiple of `factor` squared.
#[track_caller]
pub fn depth_to_space(x: &Var, factor: usize) -> Var {
    let &[n, h, w, c] = x.shape() else {
        panic!("depth_to_space: shape {:?}, expected (N, H, W, C)", x.shape())
    };
    let fits = factor > 0 && c.is_multiple_of(factor * factor);
    assert!(fits, "depth_to_space: {c} channels are no multiple of {factor} squared");
    let channels = c / (factor * factor);
    let apart = ops::reshape(x, &[n, h, w, channels, factor, factor]);
    ops::reshape(&ops::permute(&apart, &[0, 1, 4, 2, 5, 3]), &[n, h * factor, w * factor, channels])
}

/// Blocks of pixels stacked as channels: `(N, H f, W f, C)` becomes `(N, H, W, C f f)`. Derivative: [`depth_to_space`].
///
/// # Panics
/// If `x` is no picture, or height or width are no multiples of the factor.
#[track_caller]
pub fn space_to_depth(x: &Var, factor: usize) -> Var {
    let &[n, h, w, c] = x.shape() else {
        panic!("space_to_depth: shape {:?}, expected (N, H, W, C)", x.shape())
    };
    let fits = factor > 0 && h.is_multiple_of(factor) && w.is_multiple_of(factor);
    assert!(fits, "space_to_depth: {h} x {w} pixels are no multiples of {factor}");
    let (h, w) = (h / factor, w / factor);
    let apart = ops::reshape(x, &[n, h, factor, w, factor, c]);
    ops::reshape(&ops::permute(&apart, &[0, 1, 3, 5, 2, 4]), &[n, h, w, c * factor * factor])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::GradientCheck;
    use crate::ops::testing::numbers;
    use crate::tensor::Tensor;

    /// Values of `torch.nn.functional.interpolate` over the same picture: `mode="bilinear"`, and `mode="bicubic"` with
    /// `antialias=True`.
    #[test]
    fn values_match_pytorch() {
        let x: Var = Tensor::new(&[1, 2, 3, 1], [1.0, 2.0, 4.0, 8.0, 16.0, 32.0]).into();
        let linear_up = [1.0, 1.4, 2.0, 3.2, 4.0, 4.5, 6.3, 9.0, 14.4, 18.0, 8.0, 11.2, 16.0, 25.6, 32.0];
        let linear_down = [5.625, 15.75];
        let cubic_up = [
            0.498_76, 0.680_382, 1.078_95, 1.803_617, 2.239_329, 4.160_378, 5.675_373, 9.0, 15.044_777,
            18.679_245, 7.821_997, 10.670_366, 16.921_055, 28.285_942, 35.119_167,
        ];
        let cubic_down = [5.713_482, 15.031_3];
        for (size, expected, found) in [
            ([3, 5], &linear_up[..], resize_bilinear(&x, [3, 5])),
            ([1, 2], &linear_down, resize_bilinear(&x, [1, 2])),
            ([3, 5], &cubic_up, resize_bicubic(&x, [3, 5])),
            ([1, 2], &cubic_down, resize_bicubic(&x, [1, 2])),
        ] {
            assert_eq!(found.shape(), [1, size[0], size[1], 1]);
            for (found, expected) in found.tensor().data().iter().zip(expected) {
                assert!((found - expected).abs() < 1e-5, "{found} {expected}");
            }
        }
    }

    #[test]
    fn channels_become_pixels_and_back() {
        let x: Vec<f32> = (0..16).map(|v| v as f32).collect();
        let x = Tensor::new(&[1, 1, 2, 8], x).into();
        let y = depth_to_space(&x, 2);
        let pixels = [0., 4., 1., 5., 8., 12., 9., 13., 2., 6., 3., 7., 10., 14., 11., 15.];
        assert_eq!((y.shape(), y.tensor().data()), (&[1, 2, 4, 2][..], &pixels[..]));
        assert_eq!(space_to_depth(&y, 2).tensor().data(), x.tensor().data());
    }

    #[test]
    fn gradients() {
        let check = GradientCheck::default();
        for size in [[3, 4], [7, 5], [1, 1], [2, 9]] {
            check.assert(&[numbers(&[2, 3, 4, 2], 1)], |x| ops::square(&resize_bilinear(&x[0], size)));
            check.assert(&[numbers(&[2, 3, 4, 2], 1)], |x| ops::square(&resize_bicubic(&x[0], size)));
        }
        check.assert(&[numbers(&[1, 2, 3, 8], 1)], |x| ops::square(&depth_to_space(&x[0], 2)));
        check.assert(&[numbers(&[1, 2, 4, 3], 1)], |x| ops::square(&space_to_depth(&x[0], 2)));
    }
}
