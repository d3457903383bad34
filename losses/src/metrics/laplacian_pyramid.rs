//! The sliced Wasserstein distance between two sets of pictures, scale by scale.
//!
//! Karras et al. 2018, "Progressive Growing of GANs", section 5: the pictures become Laplacian pyramids; from
//! each level of each picture, patches of 7x7 are taken at random; the patches of a set are normalised by the mean and
//! deviation of each channel; the distance of two sets of patches is the sliced Wasserstein distance, times 1000.

use crate::catalogue::{CallError, Measured, MetricEntry, OptionKind, OptionSpec, TensorSpec};

use super::sliced_wasserstein::{PROJECTIONS, SEED};
use super::{Pictures, Vectors, sliced_wasserstein};
use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};
use rayon::prelude::*;

/// The side of a patch.
const PATCH: usize = 7;
/// Pixels of patches summed by one task.
const PIXELS_AT_ONCE: usize = 1 << 16;
/// Karras et al. report the distance times 1000.
const SCALE: f64 = 1e3;
/// The binomial kernel with which levels are halved and doubled.
const BINOMIAL: [f32; 5] = [1.0 / 16.0, 4.0 / 16.0, 6.0 / 16.0, 4.0 / 16.0, 1.0 / 16.0];

/// How [`pyramid_wasserstein`] samples; the defaults are those of Karras et al.
#[derive(Clone, Copy, Debug)]
pub struct PyramidWasserstein {
    /// Patches taken from each level of each picture: 128. A patch of C channels takes 196*C bytes in memory.
    pub patches: usize,
    /// Random directions: 512.
    pub projections: usize,
    /// The last level is the last whose shorter side is at least this: 16. Never below 7, the side of a patch.
    pub smallest_side: usize,
    /// For the places of the patches and the directions.
    pub seed: u64,
}

impl Default for PyramidWasserstein {
    fn default() -> Self {
        Self { patches: 128, projections: 512, smallest_side: 16, seed: 0 }
    }
}

/// The sliced Wasserstein distance of each level of the Laplacian pyramids of two sets of pictures, times 1000,
/// from the finest level to the coarsest. Their mean is the one number usually reported.
///
/// Pictures of 128x128 have four levels (128, 64, 32, 16), of 28x28 one. The range of the values does not matter, as
/// patches are normalised. The sets may differ in size. The number is no zero for two
/// samples of the same pictures: report the distance of real to real, in the same numbers, beside it.
///
/// # Panics
/// If the pictures' sizes differ, a set is empty, or the pictures are smaller than 7x7.
#[track_caller]
pub fn pyramid_wasserstein(a: Pictures<'_>, b: Pictures<'_>, options: PyramidWasserstein) -> Vec<f64> {
    let [_, height, width, channels] = a.shape();
    assert_eq!(a.shape()[1..], b.shape()[1..], "pyramid_wasserstein: pictures of different sizes");
    assert!(a.shape()[0] > 0 && b.shape()[0] > 0, "pyramid_wasserstein: an empty set of pictures");
    assert!(height.min(width) >= PATCH, "pyramid_wasserstein: {height}x{width} is smaller than a 7x7 patch");
    let levels = level_count(height.min(width), options.smallest_side);
    let (a, b) = (patches(a, levels, 0, options), patches(b, levels, 1, options));
    let dimensions = PATCH * PATCH * channels;
    let distance = |(a, b): (&Vec<f32>, &Vec<f32>)| {
        let (a, b) = (Vectors::new(a, dimensions), Vectors::new(b, dimensions));
        SCALE * sliced_wasserstein(a, b, options.projections, options.seed)
    };
    a.iter().zip(&b).map(distance).collect()
}

/// How often a side can be halved without falling under the smallest, and one for the picture itself.
fn level_count(side: usize, smallest: usize) -> usize {
    let smallest = smallest.max(PATCH);
    let sides = std::iter::successors(Some(side), |&side| Some(side.div_ceil(2)).filter(|&half| half < side));
    sides.take_while(|&side| side >= smallest).count().max(1)
}

/// The normalised patches of every level, each (N*patches, 7*7*C).
fn patches(pictures: Pictures<'_>, levels: usize, set: u64, options: PyramidWasserstein) -> Vec<Vec<f32>> {
    let [count, height, width, channels] = pictures.shape();
    let size = height * width * channels;
    let by_picture: Vec<Vec<Vec<f32>>> = pictures
        .values()
        .par_chunks(size)
        .enumerate()
        .map(|(index, values)| {
            let picture = Level { values: values.to_vec(), height, width, channels };
            // Every picture of either set draws from a stream of its own.
            let mut random = ChaCha8Rng::seed_from_u64(options.seed);
            random.set_stream(1 + 2 * index as u64 + set);
            pyramid(picture, levels).iter().map(|level| level.draw(options.patches, &mut random)).collect()
        })
        .collect();
    (0..levels)
        .map(|level| {
            let mut all = Vec::with_capacity(count * options.patches * PATCH * PATCH * channels);
            for of_picture in &by_picture {
                all.extend_from_slice(&of_picture[level]);
            }
            normalise(&mut all, channels);
            all
        })
        .collect()
}

/// Mean 0 and deviation 1 of each channel over the whole set; a constant channel becomes 0.
fn normalise(values: &mut [f32], channels: usize) {
    let count = (values.len() / channels) as f64;
    let means: Vec<f64> = sums(values, channels, |_, x| x).iter().map(|sum| sum / count).collect();
    let squares = sums(values, channels, |channel, x| (x - means[channel]).powi(2));
    let factor = |sum: &f64| if *sum == 0.0 { 0.0 } else { (count / sum).sqrt() };
    let factors: Vec<f64> = squares.iter().map(factor).collect();
    values.par_chunks_mut(PIXELS_AT_ONCE * channels).for_each(|some| {
        for pixel in some.chunks_exact_mut(channels) {
            for (x, (mean, factor)) in pixel.iter_mut().zip(means.iter().zip(&factors)) {
                *x = ((f64::from(*x) - mean) * factor) as f32;
            }
        }
    });
}

/// The sum of `term` over each channel.
fn sums(values: &[f32], channels: usize, term: impl Fn(usize, f64) -> f64 + Sync) -> Vec<f64> {
    let parts: Vec<Vec<f64>> = values
        .par_chunks(PIXELS_AT_ONCE * channels)
        .map(|some| {
            let mut sums = vec![0.0; channels];
            for pixel in some.chunks_exact(channels) {
                for (channel, (sum, &x)) in sums.iter_mut().zip(pixel).enumerate() {
                    *sum += term(channel, f64::from(x));
                }
            }
            sums
        })
        .collect();
    (0..channels).map(|channel| parts.iter().map(|part| part[channel]).sum()).collect()
}

/// A picture of (H, W, C).
struct Level {
    values: Vec<f32>,
    height: usize,
    width: usize,
    channels: usize,
}

/// Each level minus the doubled next one, and the last as it is.
fn pyramid(picture: Level, levels: usize) -> Vec<Level> {
    let mut pyramid = vec![picture];
    for level in 1..levels {
        let half = pyramid[level - 1].halved();
        let finer = &mut pyramid[level - 1];
        let doubled = half.doubled(finer.height, finer.width);
        finer.values.iter_mut().zip(&doubled.values).for_each(|(x, y)| *x -= y);
        pyramid.push(half);
    }
    pyramid
}

impl Level {
    /// Blurred, then every second pixel of every second row.
    fn halved(&self) -> Self {
        let blurred = self.blurred(1.0);
        let (height, width, channels) = (self.height.div_ceil(2), self.width.div_ceil(2), self.channels);
        let mut values = Vec::with_capacity(height * width * channels);
        for y in 0..height {
            for x in 0..width {
                let from = (2 * y * self.width + 2 * x) * channels;
                values.extend_from_slice(&blurred.values[from..from + channels]);
            }
        }
        Self { values, height, width, channels }
    }

    /// Pixels spread to every second place of `height` x `width`, zeros between, then blurred at four times the
    /// weight.
    fn doubled(&self, height: usize, width: usize) -> Self {
        let channels = self.channels;
        let mut spread = Self { values: vec![0.0; height * width * channels], height, width, channels };
        for y in 0..self.height {
            for x in 0..self.width {
                let (from, to) = ((y * self.width + x) * channels, (2 * y * width + 2 * x) * channels);
                spread.values[to..to + channels].copy_from_slice(&self.values[from..from + channels]);
            }
        }
        spread.blurred(4.0)
    }

    /// The 5x5 binomial filter times `factor`; the picture is mirrored at its outermost pixels.
    fn blurred(&self, factor: f32) -> Self {
        let (height, width, channels) = (self.height, self.width, self.channels);
        let mut rows = vec![0.0; self.values.len()];
        for y in 0..height {
            for (tap, weight) in BINOMIAL.iter().enumerate() {
                let from = mirror(y as isize + tap as isize - 2, height) * width * channels;
                let target = &mut rows[y * width * channels..(y + 1) * width * channels];
                let source = &self.values[from..from + width * channels];
                target.iter_mut().zip(source).for_each(|(t, s)| *t += factor * weight * s);
            }
        }
        let mut values = vec![0.0; self.values.len()];
        for y in 0..height {
            for x in 0..width {
                let to = (y * width + x) * channels;
                for (tap, weight) in BINOMIAL.iter().enumerate() {
                    let from = (y * width + mirror(x as isize + tap as isize - 2, width)) * channels;
                    for channel in 0..channels {
                        values[to + channel] += weight * rows[from + channel];
                    }
                }
            }
        }
        Self { values, height, width, channels }
    }

    /// `count` patches of 7x7xC at random places that lie wholly inside, one after the other.
    fn draw(&self, count: usize, random: &mut ChaCha8Rng) -> Vec<f32> {
        let row = PATCH * self.channels;
        let mut patches = Vec::with_capacity(count * PATCH * row);
        for _ in 0..count {
            let top = random.random_range(0..=self.height - PATCH);
            let left = random.random_range(0..=self.width - PATCH);
            for y in top..top + PATCH {
                let from = (y * self.width + left) * self.channels;
                patches.extend_from_slice(&self.values[from..from + row]);
            }
        }
        patches
    }
}

/// The place inside `0..length` that `at` is mirrored to, the outermost pixel not repeated.
fn mirror(at: isize, length: usize) -> usize {
    let last = length as isize - 1;
    if last == 0 {
        return 0;
    }
    let folded = at.rem_euclid(2 * last);
    folded.min(2 * last - folded) as usize
}

pub(crate) const ENTRY: MetricEntry = MetricEntry {
    name: "pyramid-wasserstein",
    about: "sliced Wasserstein distance of patches, times 1000, at each level of the pictures' Laplacian pyramids; value is the mean",
    paper: "Karras et al. 2018, section 5",
    tensors: &[TensorSpec::float("real", "(N, C, H, W)"), TensorSpec::float("fake", "(M, C, H, W)")],
    options: &[
        OptionSpec {
            name: "patches",
            kind: OptionKind::Integer { at_least: 1, at_most: 1 << 16 },
            default: "128",
            help: "patches taken from each level of each picture",
        },
        PROJECTIONS,
        OptionSpec {
            name: "smallest-side",
            kind: OptionKind::Integer { at_least: PATCH as i64, at_most: i64::MAX },
            default: "16",
            help: "the last level is the last whose shorter side is at least this",
        },
        SEED,
    ],
    vgg: false,
    run: |call| {
        let &[_, _, height, width] = call.shape("real") else { unreachable!("a checked shape") };
        if height.min(width) < PATCH {
            let found = format!("pictures of {height}x{width}");
            return Err(CallError::tensor("real", found, format!("at least {PATCH}x{PATCH}")));
        }
        let options = PyramidWasserstein {
            patches: call.integer("patches") as usize,
            projections: call.integer("projections") as usize,
            smallest_side: call.integer("smallest-side") as usize,
            seed: call.integer("seed") as u64,
        };
        let (real, fake) = (call.var("real"), call.var("fake"));
        let levels = pyramid_wasserstein(Pictures::of(&real), Pictures::of(&fake), options);
        Ok(Measured::mean("levels", levels))
    },
};

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(height: usize, width: usize, channels: usize) -> Level {
        let values = (0..height * width * channels).map(|i| ((i * 31 % 97) as f32).sin()).collect();
        Level { values, height, width, channels }
    }

    #[test]
    fn levels_halve_down_to_the_smallest_side() {
        assert_eq!(level_count(128, 16), 4);
        assert_eq!(level_count(28, 16), 1);
        assert_eq!(level_count(28, 7), 3);
        assert_eq!(level_count(9, 16), 1);
    }

    #[test]
    fn a_pyramid_adds_up_to_its_picture() {
        let (height, width, channels) = (33, 46, 3);
        let levels = pyramid(picture(height, width, channels), 2);
        assert_eq!((levels[1].height, levels[1].width), (17, 23));
        let doubled = levels[1].doubled(height, width);
        for (i, expected) in picture(height, width, channels).values.iter().enumerate() {
            assert!((levels[0].values[i] + doubled.values[i] - expected).abs() < 1e-5);
        }
    }

    #[test]
    fn a_pixel_is_doubled_into_four_times_the_kernel() {
        let mut one = Level { values: vec![0.0; 6 * 6], height: 6, width: 6, channels: 1 };
        one.values[2 * 6 + 3] = 1.0;
        let doubled = one.doubled(12, 12);
        for y in 0..12usize {
            for x in 0..12usize {
                let tap =
                    |at: usize, centre: usize| BINOMIAL.get((at + 2).wrapping_sub(centre)).unwrap_or(&0.0);
                assert!((doubled.values[y * 12 + x] - 4.0 * tap(y, 4) * tap(x, 6)).abs() < 1e-6, "{y}, {x}");
            }
        }
    }

    #[test]
    fn a_constant_picture_has_its_constant_in_the_last_level_alone() {
        let flat = Level { values: vec![0.7; 16 * 16], height: 16, width: 16, channels: 1 };
        let levels = pyramid(flat, 2);
        assert!(levels[0].values.iter().all(|x| x.abs() < 1e-5));
        assert!(levels[1].values.iter().all(|x| (x - 0.7).abs() < 1e-5));
    }

    #[test]
    fn a_shift_of_brightness_is_nothing_and_a_blur_is_something() {
        let (count, side) = (16, 32);
        let noise: Vec<f32> =
            (0..count * side * side).map(|i| ((i * i % 7919) as f32 * 0.37).sin()).collect();
        let brighter: Vec<f32> = noise.iter().map(|x| 2.0 * x + 5.0).collect();
        let blurred: Vec<f32> = noise
            .chunks(side * side)
            .flat_map(|one| {
                Level { values: one.to_vec(), height: side, width: side, channels: 1 }.blurred(1.0).values
            })
            .collect();
        let shape = [count, side, side, 1];
        let options = PyramidWasserstein { patches: 64, projections: 64, ..PyramidWasserstein::default() };
        let distances =
            |values| pyramid_wasserstein(Pictures::new(&noise, shape), Pictures::new(values, shape), options);
        let (floor, same, far) = (distances(&noise), distances(&brighter), distances(&blurred));
        assert_eq!((floor.len(), far.len()), (2, 2));
        for (floor, same) in floor.iter().zip(&same) {
            assert!((floor - same).abs() < 1e-2, "{floor} against {same}");
        }
        assert!(far[0] > 1.5 * floor[0], "{far:?} against a floor of {floor:?}");
    }
}
