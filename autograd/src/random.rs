//! Seeded random tensors.
//!
//! The generator is ChaCha8: the same numbers on every machine, and its whole state is (seed, stream, position), so a
//! checkpoint can hold it.

use rand::RngExt;
use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;
use rand_distr::StandardNormal;

use crate::tensor::Tensor;

/// The generator all of Gobelin uses.
pub type Generator = ChaCha8Rng;

/// A generator for one purpose: the same `seed` with different `stream`s gives independent numbers.
pub fn generator(seed: u64, stream: u64) -> Generator {
    let mut generator = ChaCha8Rng::seed_from_u64(seed);
    generator.set_stream(stream);
    generator
}

/// A tensor of independent normal numbers.
pub fn normal(shape: &[usize], mean: f32, deviation: f32, generator: &mut Generator) -> Tensor {
    Tensor::build(shape, |data| {
        for value in data {
            *value = mean + deviation * generator.sample::<f32, _>(StandardNormal);
        }
    })
}

/// A tensor of independent numbers, uniform in `[low, high)`.
pub fn uniform(shape: &[usize], low: f32, high: f32, generator: &mut Generator) -> Tensor {
    Tensor::build(shape, |data| {
        for value in data {
            *value = low + (high - low) * generator.random::<f32>();
        }
    })
}

/// A tensor whose values are all at least `gap` apart, in random order about 0: for checks of functions that choose
/// (maxima, medians, sorting), where a small step must not change the choice.
pub fn separated(shape: &[usize], gap: f32, generator: &mut Generator) -> Tensor {
    Tensor::build(shape, |data| {
        let middle = (data.len() as f32 - 1.0) / 2.0;
        for (i, value) in data.iter_mut().enumerate() {
            *value = (i as f32 - middle) * gap + 0.3 * gap;
        }
        for i in (1..data.len()).rev() {
            data.swap(i, generator.random_range(0..=i));
        }
    })
}
