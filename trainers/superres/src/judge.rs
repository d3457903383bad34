//! How near enlarged pictures come to the true ones, on pictures never trained on.
//!
//! As papers on super-resolution measure it: on the luma Y of YCbCr (ITU-R BT.601, 16 to 235), of pictures rounded to bytes, as
//! many pixels as the scale left out at each edge (Timofte et al. 2014), with a data range of 255; each picture alone, then the mean
//! over pictures.

use std::fmt::Write;
use std::sync::Arc;

use gobelin_datasets::{DataError, Dataset, Picture, held_out_samples};
use gobelin_losses::metrics::{Pictures, psnr, ssim};

use crate::degrade::{bicubic, low_resolution, picture, tensor};
use crate::network::Network;
use crate::panels::magnified;

/// More decibels than this are not told: equal pictures would have infinitely many.
const MOST_DECIBELS: f64 = 100.0;

/// How near a picture comes to the true one.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Score {
    /// The peak signal-to-noise ratio in decibels, at most 100.
    pub psnr: f64,
    /// The structural similarity (Wang et al. 2004), 1 for equal pictures.
    pub ssim: f64,
}

impl Score {
    /// Of two pictures of one size; `border` pixels at each edge are left out.
    ///
    /// # Panics
    /// If their sizes differ, or nothing is left.
    #[track_caller]
    pub fn of(made: &Picture, truth: &Picture, border: usize) -> Self {
        let shape = [1, truth.height - 2 * border, truth.width - 2 * border, 1];
        let [made, truth] = [made, truth].map(|picture| luma(picture, border));
        let [made, truth] = [&made, &truth].map(|values| Pictures::new(values, shape));
        Self { psnr: psnr(made, truth, 255.0)[0].min(MOST_DECIBELS), ssim: ssim(made, truth, 255.0)[0] }
    }

    fn mean(scores: impl ExactSizeIterator<Item = Self>) -> Self {
        let count = scores.len() as f64;
        let sum = scores.fold(Self::default(), |sum, score| Self {
            psnr: sum.psnr + score.psnr,
            ssim: sum.ssim + score.ssim,
        });
        Self { psnr: sum.psnr / count, ssim: sum.ssim / count }
    }
}

/// Y of each pixel but those at the edge, from 16 (black) to 235 (white).
fn luma(picture: &Picture, border: usize) -> Vec<f32> {
    let inner = picture.crop(border, border, picture.height - 2 * border, picture.width - 2 * border);
    let of = |rgb: &[u8]| {
        let [red, green, blue] = [rgb[0], rgb[1], rgb[2]].map(f32::from);
        16.0 + (65.481 * red + 128.553 * green + 24.966 * blue) / 255.0
    };
    inner.into_channels(3).pixels.chunks_exact(3).map(of).collect()
}

/// A held-out picture.
struct Case {
    name: String,
    low: Picture,
    truth: Picture,
    bicubic: Score,
}

/// Held-out pictures, made small.
pub struct Judge {
    scale: usize,
    cases: Vec<Case>,
    /// Rows and columns of what is shown: as many as every picture has, at most `MOST_SHOWN`.
    side: usize,
}

/// More rows and columns of a picture are not shown among others.
const MOST_SHOWN: usize = 256;

impl Judge {
    /// Looks at `count` pictures, or at all there are, each cut to multiples of `scale` at its right and lower edges.
    ///
    /// # Errors
    /// If the pictures cannot be read.
    pub fn new(data: &Arc<dyn Dataset>, count: usize, scale: usize) -> Result<Self, DataError> {
        let case = |sample: Result<(usize, gobelin_datasets::Sample), DataError>| {
            let (index, sample) = sample?;
            let whole = sample.picture.into_channels(3);
            let truth = whole.crop(0, 0, whole.height / scale * scale, whole.width / scale * scale);
            let low = low_resolution(&tensor(&truth), scale);
            let bicubic = Score::of(&picture(&bicubic(&low, scale)), &truth, scale);
            Ok(Case { name: data.name(index), low: picture(&low), truth, bicubic })
        };
        let cases: Vec<Case> = held_out_samples(&**data, count).map(case).collect::<Result<_, _>>()?;
        let sides = cases.iter().flat_map(|case| [case.truth.height, case.truth.width]);
        let side = sides.min().expect("data holds a picture").min(MOST_SHOWN);
        Ok(Self { scale, cases, side })
    }

    /// How near the network's pictures come, in the order of the held-out ones.
    pub fn scores(&self, network: &Network, exact: bool) -> Vec<Score> {
        let score = |case: &Case| Score::of(&network.make(&case.low, exact), &case.truth, self.scale);
        self.cases.iter().map(score).collect()
    }

    /// The mean over pictures.
    pub fn mean(scores: &[Score]) -> Score {
        Score::mean(scores.iter().copied())
    }

    /// How near bicubic interpolation comes, the mean over pictures.
    pub fn bicubic(&self) -> Score {
        Score::mean(self.cases.iter().map(|case| case.bicubic))
    }

    /// How many pictures it looks at.
    pub fn count(&self) -> usize {
        self.cases.len()
    }

    /// A row for each of the first pictures: low resolution, bicubic, the network's, the truth; of each the middle.
    pub fn rows(&self, network: &Network, exact: bool, count: usize) -> Vec<Vec<Picture>> {
        let row = |case: &Case| {
            let interpolated = picture(&bicubic(&tensor(&case.low), self.scale));
            let made = network.make(&case.low, exact);
            [magnified(&case.low, self.scale), interpolated, made, case.truth.clone()]
                .map(|picture| picture.centre_crop(self.side))
                .to_vec()
        };
        self.cases.iter().take(count).map(row).collect()
    }

    /// Every picture's scores as a table.
    pub fn table(&self, scores: &[Score]) -> String {
        let mut text = format!(
            "x{}, on luma without {} pixels at each edge; dB and SSIM\n\n| picture | PSNR | bicubic | SSIM | bicubic |\n|---|---|---|---|---|\n",
            self.scale, self.scale
        );
        let mut row = |name: &str, score: Score, bicubic: Score| {
            writeln!(
                text,
                "| {} | {:.2} | {:.2} | {:.4} | {:.4} |",
                name.replace('|', "\\|"),
                score.psnr,
                bicubic.psnr,
                score.ssim,
                bicubic.ssim
            )
            .expect("text grows");
        };
        for (case, score) in self.cases.iter().zip(scores) {
            row(&case.name, *score, case.bicubic);
        }
        row("mean", Self::mean(scores), self.bicubic());
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gobelin_datasets::{Drawings, Split};

    fn noise(seed: usize) -> Picture {
        Picture::new(24, 20, 3, (0..24 * 20 * 3).map(|at| ((at + seed) * 7919 % 251) as u8).collect())
    }

    /// scikit-image's `rgb2ycbcr`, and of its first channel without 4 pixels at each edge `peak_signal_noise_ratio` and
    /// `structural_similarity(gaussian_weights=True, sigma=1.5, use_sample_covariance=False)`, whose mean over windows wholly
    /// inside the picture is taken.
    #[test]
    fn luma_psnr_and_ssim_are_those_of_scikit_image() {
        let colours = Picture::new(1, 4, 3, vec![0, 0, 0, 255, 255, 255, 255, 0, 0, 10, 200, 77]);
        for (found, expected) in luma(&colours, 0).iter().zip([16.0, 235.0, 81.481, 126.932_5]) {
            assert!((found - expected).abs() < 1e-3, "{found} {expected}");
        }
        let truth = noise(0);
        let mut made = noise(1);
        made.pixels.iter_mut().zip(&truth.pixels).for_each(|(a, b)| *a = *a / 4 + *b / 4 * 3);
        let Score { psnr, ssim } = Score::of(&made, &truth, 4);
        assert!((psnr - 29.715_853).abs() < 1e-3 && (ssim - 0.967_370_6).abs() < 1e-5, "{psnr} {ssim}");
    }

    #[test]
    fn equal_pictures_are_as_near_as_can_be_told() {
        assert_eq!(Score::of(&noise(3), &noise(3), 2), Score { psnr: 100.0, ssim: 1.0 });
    }

    #[test]
    fn pictures_are_cut_to_multiples_and_named() {
        let data: Arc<dyn Dataset> = Arc::new(Drawings::new(37, 3, Split::HeldOut));
        let judge = Judge::new(&data, 3, 4).unwrap();
        assert_eq!(judge.count(), 3);
        assert!(judge.cases.iter().all(|case| (case.low.height, case.truth.width) == (9, 36)));
        let scores = [
            Score { psnr: 20.0, ssim: 0.5 },
            Score { psnr: 30.0, ssim: 0.7 },
            Score { psnr: 40.0, ssim: 0.9 },
        ];
        let table = judge.table(&scores);
        assert!(table.contains(&format!("| {} | 20.00 | ", data.name(0))), "{table}");
        assert!(table.contains("| mean | 30.00 | "), "{table}");
    }
}
