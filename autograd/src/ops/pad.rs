//! Padding and cropping of pictures.

use gobelin_kernels::cpu::layout;
use gobelin_kernels::cpu::resample::AxisMap;
use gobelin_kernels::cuda::layout as device;

use super::resample::map_axes;
use crate::tensor::Tensor;
use crate::var::Var;

/// Pixels on each side of a picture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sides {
    /// Rows above.
    pub top: usize,
    /// Rows below.
    pub bottom: usize,
    /// Columns on the left.
    pub left: usize,
    /// Columns on the right.
    pub right: usize,
}

impl Sides {
    /// As many on every side.
    pub fn all(pixels: usize) -> Self {
        Self { top: pixels, bottom: pixels, left: pixels, right: pixels }
    }
}

/// Zeros around the pictures `x` `(N, H, W, C)`. Derivative: [`crop`].
///
/// # Panics
/// If `x` is no picture.
#[track_caller]
pub fn pad_zero(x: &Var, sides: Sides) -> Var {
    let &[n, h, w, c] = x.shape() else { panic!("pad_zero: shape {:?}, expected (N, H, W, C)", x.shape()) };
    let Sides { top, bottom, left, right } = sides;
    let shape = [n, top + h + bottom, left + w + right, c];
    let (start, size) = ([0, top, left, 0], [n, h, w, c]);
    let y = Tensor::compute(
        &shape,
        [x.tensor()],
        |[x], y| layout::embed(x, &shape, &start, &size, y),
        |[x], y| device::embed(x, &shape, &start, &size, y),
    );
    Var::record("pad_zero", y, &[x], move |step| vec![Some(crop(&step.gradient, sides))])
}

/// The pictures `x` `(N, H, W, C)` without some rows and columns on each side. Derivative: [`pad_zero`].
///
/// # Panics
/// If `x` is no picture or does not have as many pixels.
#[track_caller]
pub fn crop(x: &Var, sides: Sides) -> Var {
    let &[n, h, w, c] = x.shape() else { panic!("crop: shape {:?}, expected (N, H, W, C)", x.shape()) };
    let Sides { top, bottom, left, right } = sides;
    assert!(top + bottom <= h && left + right <= w, "crop: {sides:?} of {h} x {w} pixels");
    let size = [n, h - top - bottom, w - left - right, c];
    let (shape, start) = (x.shape(), [0, top, left, 0]);
    let y = Tensor::compute(
        &size,
        [x.tensor()],
        |[x], y| layout::block(x, shape, &start, &size, y),
        |[x], y| device::block(x, shape, &start, &size, y),
    );
    Var::record("crop", y, &[x], move |step| vec![Some(pad_zero(&step.gradient, sides))])
}

/// The pictures `x` `(N, H, W, C)` mirrored at their edge pixels, which are not repeated. Derivative: each pixel's gradients added
/// up.
///
/// # Panics
/// If `x` is no picture, or not larger than the padding.
#[track_caller]
pub fn pad_reflect(x: &Var, sides: Sides) -> Var {
    let &[_, h, w, _] = x.shape() else {
        panic!("pad_reflect: shape {:?}, expected (N, H, W, C)", x.shape())
    };
    let Sides { top, bottom, left, right } = sides;
    let fits = top.max(bottom) < h && left.max(right) < w;
    assert!(fits, "pad_reflect: {sides:?} of {h} x {w} pixels, expected less than the picture has");
    let (rows, columns) = (AxisMap::reflection(h, top, bottom), AxisMap::reflection(w, left, right));
    map_axes("pad_reflect", x, rows.into(), columns.into())
}

/// The adjoint of [`pad_reflect`]: what lies on the border of `x` is added to the pixels that it mirrors.
#[track_caller]
pub(super) fn fold_reflected(x: &Var, sides: Sides) -> Var {
    let &[_, h, w, _] = x.shape() else {
        panic!("fold_reflected: shape {:?}, expected (N, H, W, C)", x.shape())
    };
    let Sides { top, bottom, left, right } = sides;
    let (rows, columns) = (h - top - bottom, w - left - right);
    let (rows, columns) = (AxisMap::reflection(rows, top, bottom), AxisMap::reflection(columns, left, right));
    map_axes("pad_reflect", x, rows.transposed().into(), columns.transposed().into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::GradientCheck;
    use crate::ops;
    use crate::ops::testing::numbers;

    const SIDES: Sides = Sides { top: 1, bottom: 0, left: 2, right: 1 };

    #[test]
    fn values() {
        let x: Var = Tensor::new(&[1, 2, 3, 1], [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]).into();
        let y = pad_zero(&x, SIDES);
        assert_eq!(y.shape(), [1, 3, 6, 1]);
        let rows = [[0.0; 6], [0.0, 0.0, 1.0, 2.0, 3.0, 0.0], [0.0, 0.0, 4.0, 5.0, 6.0, 0.0]];
        assert_eq!(y.tensor().data(), rows.as_flattened());
        assert_eq!(crop(&y, SIDES).tensor().data(), x.tensor().data());
        let y = pad_reflect(&x, SIDES);
        let rows =
            [[6.0, 5.0, 4.0, 5.0, 6.0, 5.0], [3.0, 2.0, 1.0, 2.0, 3.0, 2.0], [6.0, 5.0, 4.0, 5.0, 6.0, 5.0]];
        assert_eq!((y.shape(), y.tensor().data()), (&[1, 3, 6, 1][..], rows.as_flattened()));
    }

    #[test]
    fn gradients() {
        let check = GradientCheck::default();
        for sides in [SIDES, Sides::all(2), Sides::default()] {
            check.assert(&[numbers(&[2, 3, 4, 3], 1)], |x| ops::square(&pad_zero(&x[0], sides)));
            check.assert(&[numbers(&[2, 3, 4, 3], 1)], |x| ops::square(&pad_reflect(&x[0], sides)));
            check.assert(&[numbers(&[2, 5, 6, 3], 1)], |x| ops::square(&crop(&x[0], sides)));
        }
    }

    #[test]
    #[should_panic(expected = "expected less than the picture has")]
    fn too_wide_a_mirror_is_named() {
        let _ = pad_reflect(&numbers(&[1, 3, 3, 1], 1).into(), Sides::all(3));
    }
}
