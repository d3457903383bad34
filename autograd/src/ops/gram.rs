//! Gram matrices of feature maps.

use crate::ops::{self, Side};
use crate::tensor::Tensor;
use crate::var::Var;

/// The inner products of all pairs of channels of `x` `(N, H, W, C)` over the pixels of each picture: `(N, C, C)`, not
/// divided by anything (Gatys et al. 2016). Derivative: `x (G' + transposed G')` for each picture, one product instead of the
/// two of a general matrix product.
///
/// # Panics
/// If `x` is no picture.
#[track_caller]
pub fn gram(x: &Var) -> Var {
    let &[n, h, w, c] = x.shape() else { panic!("gram: shape {:?}, expected (N, H, W, C)", x.shape()) };
    let maps = move |x: &Var| ops::reshape(x, &[n, h * w, c]);
    let constant = maps(&x.detach());
    let y: Tensor = ops::matmul(&constant, Side::Transposed, &constant, Side::Plain).into_tensor();
    let saved = x.clone();
    Var::record("gram", y, &[x], move |step| {
        let both = ops::add(&step.gradient, &ops::permute(&step.gradient, &[0, 2, 1]));
        let gradient = ops::matmul(&maps(&saved), Side::Plain, &both, Side::Plain);
        vec![Some(ops::reshape(&gradient, &[n, h, w, c]))]
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::GradientCheck;
    use crate::ops::testing::numbers;

    #[test]
    fn values() {
        // Channels (1, 2) and (3, 5) of the first picture, (1, 0) and (0, 1) of the second.
        let x = Tensor::new(&[2, 1, 2, 2], [1.0, 3.0, 2.0, 5.0, 1.0, 0.0, 0.0, 1.0]);
        let y = gram(&x.into());
        assert_eq!(y.shape(), [2, 2, 2]);
        assert_eq!(y.tensor().data(), [5.0, 13.0, 13.0, 34.0, 1.0, 0.0, 0.0, 1.0]);
    }

    #[test]
    fn gradients() {
        GradientCheck::default().assert(&[numbers(&[2, 2, 3, 4], 1)], |x| gram(&x[0]));
        GradientCheck::default().assert(&[numbers(&[1, 1, 1, 1], 1)], |x| gram(&x[0]));
    }
}
