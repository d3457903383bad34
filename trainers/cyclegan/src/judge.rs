//! How good translations are, on pictures never trained on.

use gobelin_autograd::Tensor;
use gobelin_datasets::{DataError, Domains, HeldOut, HeldOutOptions};
use gobelin_losses::metrics::{Pictures, PyramidWasserstein, psnr, pyramid_wasserstein, ssim};

use crate::game::{A, B, Game};

/// Pictures that go through a net together.
const TOGETHER: usize = 8;
/// Each direction by its target, in the names of metrics.
pub(crate) const DIRECTIONS: [&str; 2] = ["b-to-a", "a-to-b"];

/// Held-out pictures of both domains.
pub struct Judge {
    /// `(N, size, size, channels)` in [-1, 1], of A and of B.
    pictures: [Tensor; 2],
    /// Whether picture `n` of one domain is the true translation of picture `n` of the other.
    paired: bool,
    /// What comes of no translation at all, to A and to B.
    nothing: [Closeness; 2],
}

/// How close translations to one domain come to what they should be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Closeness {
    /// To the true translations, where these are known.
    pub truth: Option<Truth>,
    /// The sliced Wasserstein distance to pictures of the domain, mean over pyramid levels, times 1000 (Karras et al.
    /// 2018): whether they look like the domain, whatever they show.
    pub distance: f64,
}

/// How close translations come to the true ones, means over pictures.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Truth {
    /// The peak signal-to-noise ratio, in decibels.
    pub psnr: f64,
    /// The structural similarity.
    pub ssim: f64,
}

/// What is measured of two generators.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Quality {
    /// Of translations to A and to B.
    pub closeness: [Closeness; 2],
    /// The mean absolute difference of pictures of A and of B from themselves taken there and back, in [0, 2].
    pub cycle: [f64; 2],
}

impl Judge {
    /// Reads `count` held-out pictures of each domain, or as many as there are; `paired` says whether they are each
    /// other's true translations.
    ///
    /// # Errors
    /// If the pictures cannot be read.
    pub fn new(
        data: Domains,
        size: usize,
        channels: usize,
        count: usize,
        paired: bool,
    ) -> Result<Self, DataError> {
        let read = |dataset| {
            let options = HeldOutOptions { count, batch: count, size, channels };
            let batch = HeldOut::new(dataset, options).next().expect("a data set holds a picture")?;
            Ok(Tensor::new(&[batch.len(), size, size, channels], &batch.pixels))
        };
        let pictures = [read(data.a)?, read(data.b)?];
        let nothing = [A, B].map(|to| closeness(&pictures[1 - to], &pictures[to], paired));
        Ok(Self { pictures, paired, nothing })
    }

    /// Measures the generators as they are.
    pub fn quality(&self, game: &Game) -> Quality {
        let translated = [A, B].map(|to| translate(game, to, &self.pictures[1 - to]));
        let cycle = [A, B].map(|domain| {
            let back = translate(game, domain, &translated[1 - domain]);
            mean_difference(back.data(), self.pictures[domain].data())
        });
        Quality {
            closeness: [A, B].map(|to| closeness(&translated[to], &self.pictures[to], self.paired)),
            cycle,
        }
    }

    /// What comes of no translation at all, to A and to B.
    pub fn nothing(&self) -> [Closeness; 2] {
        self.nothing
    }

    /// The first pictures of a domain, `count` of them or all there are.
    pub fn first(&self, domain: usize, count: usize) -> Tensor {
        some(&self.pictures[domain], 0, count)
    }

    /// Whether the true translations are known.
    pub fn is_paired(&self) -> bool {
        self.paired
    }
}

/// All metrics by name, those of doing nothing beside those of the generators.
pub(crate) fn metrics(quality: &Quality, nothing: &[Closeness; 2]) -> Vec<(String, f64)> {
    let mut metrics = Vec::new();
    for to in [B, A] {
        for (suffix, found) in [("", &quality.closeness[to]), ("-nothing", &nothing[to])] {
            let mut add = |name: &str, value| {
                metrics.push((format!("{name}{suffix}/{}", DIRECTIONS[to]), value));
            };
            if let Some(truth) = found.truth {
                add("psnr", truth.psnr);
                add("ssim", truth.ssim);
            }
            add("swd", found.distance);
        }
    }
    metrics.push(("cycle-distance/a".into(), quality.cycle[A]));
    metrics.push(("cycle-distance/b".into(), quality.cycle[B]));
    metrics
}

/// Pictures `start` to `start + count`, as far as there are so many.
fn some(pictures: &Tensor, start: usize, count: usize) -> Tensor {
    let [all, height, width, channels] = shape(pictures);
    let (size, end) = (height * width * channels, all.min(start + count));
    Tensor::new(&[end - start, height, width, channels], &pictures.data()[start * size..end * size])
}

/// All pictures translated, a few at a time.
fn translate(game: &Game, to: usize, pictures: &Tensor) -> Tensor {
    let mut made = Vec::with_capacity(pictures.len());
    for start in (0..pictures.shape()[0]).step_by(TOGETHER) {
        made.extend_from_slice(game.translate(to, &some(pictures, start, TOGETHER)).data());
    }
    Tensor::new(pictures.shape(), made)
}

fn closeness(found: &Tensor, expected: &Tensor, paired: bool) -> Closeness {
    // The similarity compares brightness: it wants 0 for black.
    let [found, expected] = [found, expected].map(|pictures| pictures.map(|value| 0.5 * value + 0.5));
    let [found, expected] = [&found, &expected].map(|tensor| Pictures::new(tensor.data(), shape(tensor)));
    let mean = |values: Vec<f64>| values.iter().sum::<f64>() / values.len() as f64;
    let truth = || Truth { psnr: mean(psnr(found, expected, 1.0)), ssim: mean(ssim(found, expected, 1.0)) };
    let levels = pyramid_wasserstein(found, expected, PyramidWasserstein::default());
    Closeness { truth: paired.then(truth), distance: mean(levels) }
}

fn mean_difference(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(a, b)| f64::from((a - b).abs())).sum::<f64>() / a.len() as f64
}

fn shape(pictures: &Tensor) -> [usize; 4] {
    pictures.shape().try_into().expect("pictures have four axes")
}
