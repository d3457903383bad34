//! Peak signal-to-noise ratio.

use crate::catalogue::{Measured, MetricEntry};

use super::Pictures;
use super::{DATA_RANGE, PAIRS};

/// `10 log10(data_range^2 / MSE)` of each picture, in decibels; infinite for equal pictures.
///
/// Report the mean of these numbers: the ratio of a mean error over several pictures is another, smaller one.
/// `data_range` is the distance of the smallest possible value to the largest: 1 for pictures in \[0, 1\], 2 in \[-1, 1\].
///
/// # Panics
/// If the shapes differ.
///
/// ```
/// use gobelin_losses::metrics::{Pictures, psnr};
/// let (flat, off) = ([0.5; 4], [0.6; 4]);
/// let found = psnr(Pictures::new(&flat, [1, 2, 2, 1]), Pictures::new(&off, [1, 2, 2, 1]), 1.0);
/// assert!((found[0] - 20.0).abs() < 1e-4);
/// ```
#[track_caller]
pub fn psnr(pred: Pictures<'_>, target: Pictures<'_>, data_range: f64) -> Vec<f64> {
    assert_eq!(pred.shape(), target.shape(), "psnr: pred and target of different shapes");
    let one = |(pred, target): (&[f32], &[f32])| {
        let square = |(&x, &y): (&f32, &f32)| (f64::from(x) - f64::from(y)).powi(2);
        let mean = pred.iter().zip(target).map(square).sum::<f64>() / pred.len() as f64;
        10.0 * (data_range.powi(2) / mean).log10()
    };
    pred.each().zip(target.each()).map(one).collect()
}

pub(crate) const ENTRY: MetricEntry = MetricEntry {
    name: "psnr",
    about: "10 log10(data-range^2 / mse) of each picture, in decibels; the mean over pictures",
    paper: "as scikit-image",
    tensors: PAIRS,
    options: &[DATA_RANGE],
    vgg: false,
    run: |call| {
        let (pred, target) = (call.var("pred"), call.var("target"));
        let (pred, target) = (Pictures::of(&pred), Pictures::of(&target));
        Ok(Measured::mean("psnr", psnr(pred, target, f64::from(call.number("data-range")))))
    },
};
