//! Structural similarity as a loss: brightness, contrast and structure in windows instead of pixel by pixel.
//!
//! `1 - mean over windows and channels of (2 mx my + C1)(2 cov + C2) / ((mx^2 + my^2 + C1)(vx + vy + C2))`, with Gaussian
//! windows of 11x11, sigma 1.5, wholly inside the picture, variances of the population, `C1 = (0.01 range)^2`, `C2 = (0.03
//! range)^2`.
//!
//! What it is for: restoration judged by eye or by SSIM itself. Between 0 (equal) and 2 (structure inverted).
//!
//! When it fails: colour and brightness drift, since each channel's mean counts little; then: beside [`crate::mae`] (Zhao et
//! al. 2017). Where pictures are nearly constant its gradient is large and noise decides. It sees one scale of a few
//! pixels; then: [`crate::ms_ssim`]. The wrong `data-range` makes it blind (too large) or nervous (too small).
//!
//! Shapes: `pred`, `target` (N, H, W, C), values over `data-range` (1 by default). A side shorter than 11 gets a window of
//! its own length, so that every picture has an index; for one pixel it compares brightness alone. Reduced over pictures.
//! Smooth.
//! Source: Wang et al. 2004, equation 13.

use gobelin_autograd::{Var, ops};

use crate::catalogue::{Domain, LossEntry, OptionKind, OptionSpec, TensorSpec};
use crate::reduction::Reduction;

/// The longest window.
const WINDOW: usize = 11;
/// Its deviation, in pixels.
const SIGMA: f32 = 1.5;

/// `1 - SSIM` of each picture, reduced.
///
/// # Panics
/// If the shapes differ or are no batches of pictures.
#[track_caller]
pub fn ssim(pred: &Var, target: &Var, data_range: f32, reduction: Reduction) -> Var {
    let index = similarity(pred, target, data_range).index;
    reduction.of(&one_less(&index))
}

/// 1 less the mean over channels of indices (N, C): (N).
pub(crate) fn one_less(indices: &Var) -> Var {
    let pictures = indices.shape()[0];
    let mean = ops::reshape(&ops::mean_axes(indices, &[1]), &[pictures]);
    ops::add_scalar(&ops::neg(&mean), 1.0)
}

/// Means over windows, of each picture and channel: (N, C).
pub(crate) struct Similarity {
    pub(crate) index: Var,
    /// The factor of contrast and structure alone.
    pub(crate) structure: Var,
}

#[track_caller]
pub(crate) fn similarity(x: &Var, y: &Var, data_range: f32) -> Similarity {
    let &[n, h, w, c] = x.shape() else { panic!("ssim: shape {:?}, expected (N, H, W, C)", x.shape()) };
    assert!(x.shape() == y.shape(), "ssim: shapes {:?} and {:?}, expected the same", x.shape(), y.shape());
    let (down, across) = (window(h), window(w));
    let blur = |x: &Var| ops::filter_separable(x, [&down, &across]);
    let [c1, c2] = [0.01, 0.03].map(|k: f32| (k * data_range).powi(2));
    // Variances do not change with an offset, but lose fewer digits around 0: each channel of each picture about its mean.
    let [x_mean, y_mean] = [x, y].map(|x| ops::mean_axes(&x.detach(), &[1, 2]));
    let (x0, y0) = (ops::sub(x, &x_mean), ops::sub(y, &y_mean));
    let (mx, my) = (blur(&x0), blur(&y0));
    let (mxx, myy, mxy) = (ops::square(&mx), ops::square(&my), ops::mul(&mx, &my));
    // Only the sum of the variances counts: one filtering for both.
    let squares = ops::add(&ops::square(&x0), &ops::square(&y0));
    let variances = ops::sub(&blur(&squares), &ops::add(&mxx, &myy));
    let covariance = ops::sub(&blur(&ops::mul(&x0, &y0)), &mxy);
    let structure =
        ops::div(&ops::add_scalar(&ops::scale(&covariance, 2.0), c2), &ops::add_scalar(&variances, c2));
    let (mx, my) = (ops::add(&mx, &x_mean), ops::add(&my, &y_mean));
    let brightness = ops::div(
        &ops::add_scalar(&ops::scale(&ops::mul(&mx, &my), 2.0), c1),
        &ops::add_scalar(&ops::add(&ops::square(&mx), &ops::square(&my)), c1),
    );
    let mean = |x: &Var| ops::reshape(&ops::mean_axes(x, &[1, 2]), &[n, c]);
    Similarity { index: mean(&ops::mul(&brightness, &structure)), structure: mean(&structure) }
}

/// Gaussian weights for a side of `length` pixels, adding up to 1.
fn window(length: usize) -> Vec<f32> {
    let length = length.min(WINDOW);
    let middle = (length as f32 - 1.0) / 2.0;
    let weights: Vec<f32> =
        (0..length).map(|i| (-(i as f32 - middle).powi(2) / (2.0 * SIGMA * SIGMA)).exp()).collect();
    let sum: f32 = weights.iter().sum();
    weights.into_iter().map(|weight| weight / sum).collect()
}

pub(crate) const DATA_RANGE: OptionSpec = OptionSpec {
    name: "data-range",
    kind: OptionKind::Number(Domain::Positive),
    default: "1",
    help: "the largest value less the smallest one: 1, 2 for [-1, 1], 255",
};

pub(crate) const ENTRY: LossEntry = LossEntry {
    name: "ssim",
    about: "structural similarity: 1 - SSIM, Gaussian windows of 11x11",
    paper: "Wang et al. 2004, equation 13",
    tensors: &[TensorSpec::float("pred", "(N, C, H, W)"), TensorSpec::float("target", "(N, C, H, W)")],
    options: &[DATA_RANGE, OptionSpec::REDUCTION],
    vgg: false,
    run: |call| {
        Ok(ssim(&call.var("pred"), &call.var("target"), call.number("data-range"), call.reduction()).into())
    },
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::reductions;
    use gobelin_autograd::check::GradientCheck;
    use gobelin_autograd::{Tape, Tensor, random};

    fn picture(shape: &[usize], stream: u64) -> Tensor {
        random::uniform(shape, 0.0, 1.0, &mut random::generator(4, stream))
    }

    #[test]
    fn gradients() {
        for shape in [[2, 12, 13, 1], [1, 5, 3, 2], [1, 1, 1, 2]] {
            for reduction in reductions() {
                let inputs = [picture(&shape, 1), picture(&shape, 2)];
                let check = GradientCheck::default().with_step(5e-3).with_tolerance(1e-2);
                check.assert(&inputs, |x| ssim(&x[0], &x[1], 1.0, reduction));
            }
        }
    }

    #[test]
    fn edges() {
        for value in [0.0, 0.25, 1.0] {
            let tape = Tape::new();
            let x = tape.leaf(Tensor::full(&[1, 13, 12, 1], value));
            let loss = ssim(&x, &x.detach(), 1.0, Reduction::Mean);
            let gradient = tape.gradients(&loss, &[&x]).remove(0);
            assert!(loss.item().abs() < 1e-5 && gradient.data().iter().all(|g| g.abs() < 1e-4), "{loss:?}");
        }
        let mut nan = picture(&[1, 12, 12, 1], 1);
        nan.data_mut()[70] = f32::NAN;
        assert!(ssim(&nan.into(), &picture(&[1, 12, 12, 1], 2).into(), 1.0, Reduction::Mean).item().is_nan());
    }
}
