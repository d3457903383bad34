//! Multi-scale structural similarity as a loss: structure at five scales, brightness at the coarsest.
//!
//! `1 - mean over channels of prod over scales of f_s^(w_s)`, with `f_s` the factor of contrast and structure of
//! [`crate::ssim`] at the four finer scales and the whole index at the coarsest, and `w` 0.0448, 0.2856, 0.3001, 0.2363,
//! 0.1333.
//!
//! What it is for: as [`crate::ssim`], where structures larger than a few pixels count too.
//!
//! When it fails: as [`crate::ssim`] for colour and brightness; Zhao et al. 2017 mix 0.84 of it with 0.16 of
//! [`crate::mae`]. A factor below 0 (structure inverted) counts as 0 with a zero gradient, so from such a start nothing
//! is learned: begin with a pixel loss.
//!
//! Shapes: `pred`, `target` (N, H, W, C), values over `data-range` (1 by default). From scale to scale pictures are halved by
//! the mean of 2x2 pixels; an odd last row or column is left out, a side of one pixel stays. Sides of 176 and more give
//! each scale a whole window. Reduced over pictures. Smooth where all factors are above 0.
//! Source: Wang, Simoncelli and Bovik 2003, equation 7.

use gobelin_autograd::ops::Window;
use gobelin_autograd::{Var, ops};

use crate::catalogue::{LossEntry, OptionSpec, TensorSpec};
use crate::reduction::Reduction;
use crate::ssim::{DATA_RANGE, one_less, similarity};

/// The exponents of the scales, the finest first (section 3.2).
const SCALE_WEIGHTS: [f32; 5] = [0.0448, 0.2856, 0.3001, 0.2363, 0.1333];

/// `1 - MS-SSIM` of each picture, reduced.
///
/// # Panics
/// If the shapes differ or are no batches of pictures.
#[track_caller]
pub fn ms_ssim(pred: &Var, target: &Var, data_range: f32, reduction: Reduction) -> Var {
    let (mut x, mut y) = (pred.clone(), target.clone());
    let mut product: Option<Var> = None;
    for (scale, weight) in SCALE_WEIGHTS.into_iter().enumerate() {
        let found = similarity(&x, &y, data_range);
        let last = scale + 1 == SCALE_WEIGHTS.len();
        let factor = ops::power(&ops::relu(if last { &found.index } else { &found.structure }), weight);
        product = Some(product.map_or_else(|| factor.clone(), |product| ops::mul(&product, &factor)));
        if !last {
            (x, y) = (halved(&x), halved(&y));
        }
    }
    reduction.of(&one_less(&product.expect("five scales")))
}

/// The means of 2x2 pixels.
fn halved(x: &Var) -> Var {
    let kernel = [x.shape()[1].min(2), x.shape()[2].min(2)];
    ops::avg_pool(x, Window { kernel, stride: kernel, padding: [0, 0], exact: false })
}

pub(crate) const ENTRY: LossEntry = LossEntry {
    name: "ms-ssim",
    about: "multi-scale structural similarity: 1 - MS-SSIM over five scales",
    paper: "Wang et al. 2003, equation 7",
    tensors: &[TensorSpec::float("pred", "(N, C, H, W)"), TensorSpec::float("target", "(N, C, H, W)")],
    options: &[DATA_RANGE, OptionSpec::REDUCTION],
    vgg: false,
    run: |call| {
        Ok(ms_ssim(&call.var("pred"), &call.var("target"), call.number("data-range"), call.reduction())
            .into())
    },
};

#[cfg(test)]
mod tests {
    use super::*;
    use gobelin_autograd::check::GradientCheck;
    use gobelin_autograd::{Tape, Tensor, random};

    fn picture(shape: &[usize], stream: u64) -> Tensor {
        random::uniform(shape, 0.0, 1.0, &mut random::generator(4, stream))
    }

    #[test]
    fn gradients() {
        for shape in [[2, 12, 9, 1], [1, 1, 1, 2]] {
            let target = picture(&shape, 1);
            // Near the target, where every factor is above 0.
            let pred = target.zip(&picture(&shape, 2), |t, noise| 0.8 * t + 0.2 * noise);
            let check = GradientCheck::default().with_step(1e-2).with_tolerance(1e-2);
            check.assert(&[pred, target], |x| ms_ssim(&x[0], &x[1], 1.0, Reduction::Sum));
        }
    }

    #[test]
    fn inverted_structure_is_worth_nothing_and_teaches_nothing() {
        let target = picture(&[1, 16, 16, 1], 1);
        let tape = Tape::new();
        let x = tape.leaf(target.map(|v| 1.0 - v));
        let loss = ms_ssim(&x, &target.into(), 1.0, Reduction::Mean);
        assert_eq!(loss.item(), 1.0);
        assert!(tape.gradients(&loss, &[&x])[0].data().iter().all(|&g| g == 0.0));
        let nan = Tensor::full(&[1, 16, 16, 1], f32::NAN).into();
        assert!(ms_ssim(&nan, &x, 1.0, Reduction::Mean).item().is_nan());
    }
}
