//! Structural similarity, at one scale and at five.

use crate::catalogue::{Measured, MetricEntry};

use super::Pictures;
use super::{DATA_RANGE, PAIRS};
use rayon::prelude::*;

/// The side of the Gaussian window (Wang et al. 2004).
const WINDOW: usize = 11;
/// The deviation of the Gaussian window, in pixels.
const SIGMA: f64 = 1.5;
/// Constants that keep the quotients stable, relative to the data range.
const K1: f64 = 0.01;
const K2: f64 = 0.03;
/// The exponents of the five scales, from the finest (Wang et al. 2003, section 3.2).
const SCALE_WEIGHTS: [f64; 5] = [0.0448, 0.2856, 0.3001, 0.2363, 0.1333];

/// The structural similarity index of each picture (Wang et al. 2004, equation 13), 1 for equal pictures.
///
/// Gaussian windows of 11x11, sigma 1.5, that lie wholly inside the picture; variances of the population; the mean
/// over windows and channels. A side shorter than 11 gets a window of its own length, so that every picture has an
/// index: for one pixel it is the comparison of brightness alone.
///
/// # Panics
/// If the shapes differ.
#[track_caller]
pub fn ssim(pred: Pictures<'_>, target: Pictures<'_>, data_range: f64) -> Vec<f64> {
    by_channel(pred, target, |x, y| similarity(x, y, data_range).index)
}

/// The multi-scale index of each picture (Wang et al. 2003, equation 7).
///
/// Of each channel, the contrast-structure factors of the four finer scales and the whole index of the coarsest, each to
/// its power; then the mean over channels. A negative factor counts as 0. From scale to scale pictures are halved by the
/// mean of 2x2 pixels; an odd last row or column is left out, and a side of one pixel stays.
///
/// # Panics
/// If the shapes differ.
#[track_caller]
pub fn ms_ssim(pred: Pictures<'_>, target: Pictures<'_>, data_range: f64) -> Vec<f64> {
    by_channel(pred, target, |x, y| {
        let (mut x, mut y) = (x.clone(), y.clone());
        let mut product = 1.0;
        for (scale, &weight) in SCALE_WEIGHTS.iter().enumerate() {
            let found = similarity(&x, &y, data_range);
            let last = scale + 1 == SCALE_WEIGHTS.len();
            let factor = if last { found.index } else { found.structure };
            // Not `max`, which would hide a NaN.
            product *= if factor < 0.0 { 0.0 } else { factor.powf(weight) };
            if !last {
                (x, y) = (x.halved(), y.halved());
            }
        }
        product
    })
}

/// One channel of one picture.
#[derive(Clone)]
struct Plane {
    values: Vec<f64>,
    height: usize,
    width: usize,
}

/// Means over the windows.
struct Similarity {
    /// Of the whole index.
    index: f64,
    /// Of the contrast-structure factor.
    structure: f64,
}

/// The mean over the channels of `measure`, for each picture.
#[track_caller]
fn by_channel(
    pred: Pictures<'_>,
    target: Pictures<'_>,
    measure: impl Fn(&Plane, &Plane) -> f64 + Sync,
) -> Vec<f64> {
    assert_eq!(pred.shape(), target.shape(), "ssim: pred and target of different shapes");
    let [count, height, width, channels] = pred.shape();
    let plane = |pictures: Pictures<'_>, n: usize, channel: usize| {
        let picture = &pictures.values()[n * height * width * channels..(n + 1) * height * width * channels];
        let values = picture.iter().skip(channel).step_by(channels).map(|&x| f64::from(x)).collect();
        Plane { values, height, width }
    };
    let one = |n: usize| {
        let each = (0..channels).map(|channel| measure(&plane(pred, n, channel), &plane(target, n, channel)));
        each.sum::<f64>() / channels as f64
    };
    (0..count).into_par_iter().map(one).collect()
}

fn similarity(x: &Plane, y: &Plane, data_range: f64) -> Similarity {
    let (c1, c2) = ((K1 * data_range).powi(2), (K2 * data_range).powi(2));
    let (mean_x, mean_y) = (x.blurred(), y.blurred());
    let (xx, yy, xy) = (x.times(x).blurred(), y.times(y).blurred(), x.times(y).blurred());
    let (mut index, mut structure) = (0.0, 0.0);
    for i in 0..mean_x.values.len() {
        let (mx, my) = (mean_x.values[i], mean_y.values[i]);
        let (vx, vy, cov) = (xx.values[i] - mx * mx, yy.values[i] - my * my, xy.values[i] - mx * my);
        let factor = (2.0 * cov + c2) / (vx + vy + c2);
        structure += factor;
        index += factor * (2.0 * mx * my + c1) / (mx * mx + my * my + c1);
    }
    let windows = mean_x.values.len() as f64;
    Similarity { index: index / windows, structure: structure / windows }
}

/// The window's weights along a side, which sum to 1.
fn window(side: usize) -> Vec<f64> {
    let length = side.min(WINDOW);
    let centre = (length - 1) as f64 / 2.0;
    let raw: Vec<f64> =
        (0..length).map(|i| (-(i as f64 - centre).powi(2) / (2.0 * SIGMA * SIGMA)).exp()).collect();
    let sum: f64 = raw.iter().sum();
    raw.iter().map(|w| w / sum).collect()
}

impl Plane {
    fn times(&self, other: &Self) -> Self {
        let values = self.values.iter().zip(&other.values).map(|(x, y)| x * y).collect();
        Self { values, ..*self }
    }

    /// The weighted mean of every window.
    fn blurred(&self) -> Self {
        let (down, across) = (window(self.height), window(self.width));
        let (height, width) = (self.height + 1 - down.len(), self.width + 1 - across.len());
        let mut values = Vec::with_capacity(height * width);
        let mut column_means = vec![0.0; self.width];
        for y in 0..height {
            column_means.fill(0.0);
            for (row, weight) in self.values[y * self.width..].chunks(self.width).zip(&down) {
                column_means.iter_mut().zip(row).for_each(|(mean, x)| *mean += weight * x);
            }
            let windows = column_means.windows(across.len());
            values.extend(windows.map(|w| w.iter().zip(&across).map(|(x, weight)| x * weight).sum::<f64>()));
        }
        Self { values, height, width }
    }

    /// The means of 2x2 pixels, or of 1x2 or 2x1 along a side of one pixel.
    fn halved(&self) -> Self {
        let (down, across) = (self.height.min(2), self.width.min(2));
        let (height, width) = (self.height / down, self.width / across);
        let mean = |y: usize, x: usize| {
            let rows = y * down..(y + 1) * down;
            let sum: f64 =
                rows.map(|y| self.values[y * self.width + x * across..][..across].iter().sum::<f64>()).sum();
            sum / (down * across) as f64
        };
        let values = (0..height).flat_map(|y| (0..width).map(move |x| mean(y, x))).collect();
        Self { values, height, width }
    }
}

pub(crate) const ENTRY: MetricEntry = MetricEntry {
    name: "ssim",
    about: "structural similarity, 11x11 Gaussian windows of deviation 1.5; the mean over pictures",
    paper: "Wang et al. 2004",
    tensors: PAIRS,
    options: &[DATA_RANGE],
    vgg: false,
    run: |call| {
        let (pred, target) = (call.var("pred"), call.var("target"));
        let (pred, target) = (Pictures::of(&pred), Pictures::of(&target));
        Ok(Measured::mean("ssim", ssim(pred, target, f64::from(call.number("data-range")))))
    },
};

pub(crate) const MS_ENTRY: MetricEntry = MetricEntry {
    name: "ms-ssim",
    about: "structural similarity at five scales; the mean over pictures",
    paper: "Wang et al. 2003",
    tensors: PAIRS,
    options: &[DATA_RANGE],
    vgg: false,
    run: |call| {
        let (pred, target) = (call.var("pred"), call.var("target"));
        let (pred, target) = (Pictures::of(&pred), Pictures::of(&target));
        Ok(Measured::mean("ms-ssim", ms_ssim(pred, target, f64::from(call.number("data-range")))))
    },
};
