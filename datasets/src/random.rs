//! Random streams that depend on nothing but their numbers.
//!
//! Every stream is ChaCha8 under a key made of the purpose, the seed and two
//! counters, so streams never meet, and any of them can be had again without
//! having drawn those before it: resuming needs no saved generator.

use rand::rngs::ChaCha8Rng;
use rand::{Rng, SeedableRng};

/// What a stream is for; equal numbers for different purposes give unrelated
/// streams.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Purpose {
    /// The order of an epoch: `(seed, epoch, 0)`.
    Order = 1,
    /// One picture's augmentation: `(seed, epoch, index)`.
    Augmentation = 2,
    /// What a drawn person looks like: `(seed, identity, 0)`.
    Identity = 3,
    /// One picture of a drawn person: `(seed, identity, variation)`.
    Variation = 4,
    /// A drawn texture: `(seed, kind, 0)`.
    Texture = 5,
    /// A drawn scene: `(seed, kind, 0)`.
    Scene = 6,
    /// A drawn landscape: `(scene, 0, 0)`.
    Landscape = 7,
    /// A drawn picture with a mask: `(kind, number, 0)`.
    Structure = 20,
}

/// Draws from one stream.
#[derive(Debug)]
pub(crate) struct Draws(ChaCha8Rng);

impl Draws {
    /// The stream of a purpose, a seed and two counters.
    pub fn new(purpose: Purpose, seed: u64, first: u64, second: u64) -> Self {
        let mut key = [0; 32];
        for (bytes, word) in key.chunks_exact_mut(8).zip([purpose as u64, seed, first, second]) {
            bytes.copy_from_slice(&word.to_le_bytes());
        }
        Self(ChaCha8Rng::from_seed(key))
    }

    /// Uniform in `[0, 1)`, a multiple of 2^-24.
    pub fn unit(&mut self) -> f32 {
        (self.0.next_u32() >> 8) as f32 * (1.0 / 16_777_216.0)
    }

    /// Uniform in `[low, high)`.
    pub fn uniform(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * self.unit()
    }

    /// Bell-shaped in `[low, high)`: the mean of three uniform draws. A normal
    /// draw would need logarithms, which differ between machines.
    pub fn bell(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * ((self.unit() + self.unit() + self.unit()) / 3.0)
    }

    /// True with the given probability.
    pub fn chance(&mut self, probability: f32) -> bool {
        self.unit() < probability
    }

    /// Random bits.
    pub fn bits(&mut self) -> u32 {
        self.0.next_u32()
    }

    /// A position in `weights`, as likely as its weight.
    pub fn weighted(&mut self, weights: &[f32]) -> usize {
        let mut left = self.unit() * weights.iter().sum::<f32>();
        for (position, weight) in weights.iter().enumerate() {
            if left < *weight {
                return position;
            }
            left -= weight;
        }
        weights.len() - 1
    }

    /// Uniform in `0..bound`, without bias (Lemire 2019, "Fast random integer
    /// generation in an interval").
    pub fn below(&mut self, bound: usize) -> usize {
        let bound = bound as u64;
        let threshold = bound.wrapping_neg() % bound;
        loop {
            let product = u128::from(self.0.next_u64()) * u128::from(bound);
            if product as u64 >= threshold {
                return (product >> 64) as usize;
            }
        }
    }

    /// A uniform permutation of `0..length` (Fisher and Yates).
    pub fn permutation(&mut self, length: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..length).collect();
        for last in (1..length).rev() {
            order.swap(last, self.below(last + 1));
        }
        order
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_permutation_holds_every_index_once_and_depends_on_every_number() {
        let permutation = |seed, epoch| Draws::new(Purpose::Order, seed, epoch, 0).permutation(1000);
        let mut sorted = permutation(1, 2);
        assert_ne!(sorted, permutation(1, 3));
        assert_ne!(sorted, permutation(2, 2));
        assert_eq!(sorted, permutation(1, 2));
        sorted.sort_unstable();
        assert!(sorted.into_iter().eq(0..1000));
    }

    #[test]
    fn draws_fill_their_range_evenly() {
        let mut draws = Draws::new(Purpose::Order, 7, 0, 0);
        let mut counts = [0usize; 5];
        for _ in 0..50_000 {
            counts[draws.below(5)] += 1;
        }
        // Five deviations of a binomial count: 5 * sqrt(50000 * 0.2 * 0.8).
        assert!(counts.iter().all(|count| count.abs_diff(10_000) < 450), "{counts:?}");
        let mean = (0..50_000).map(|_| draws.bell(-1.0, 3.0)).sum::<f32>() / 50_000.0;
        assert!((mean - 1.0).abs() < 0.02, "{mean}");
    }
}
