//! How good a generator's pictures are, against real ones never trained on.

use std::sync::Arc;

use gobelin_datasets::{DataError, Dataset, HeldOut, HeldOutOptions};
use gobelin_losses::metrics::{
    Pictures, PyramidWasserstein, Vectors, mean_pairwise_distance, pyramid_wasserstein,
};

/// Pictures whose distances to each other diversity is taken from.
const DIVERSE: usize = 256;

/// Held-out pictures in two halves: one to compare with, one to tell how far real pictures are from real ones.
pub struct Judge {
    shape: [usize; 4],
    compared: Vec<f32>,
    /// The distance between the two halves: what a perfect generator would have.
    pub floor: f64,
    /// The diversity of real pictures.
    pub diversity: f64,
}

/// What is measured of a set of pictures.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Quality {
    /// The sliced Wasserstein distance to held-out pictures, mean over pyramid levels, times 1000 (Karras et al. 2018).
    pub distance: f64,
    /// The mean distance between two of the pictures.
    pub diversity: f64,
}

impl Judge {
    /// Reads `count` held-out pictures for each half, or half of what there are.
    ///
    /// # Errors
    /// If the pictures cannot be read.
    pub fn new(
        data: Arc<dyn Dataset>,
        size: usize,
        channels: usize,
        count: usize,
    ) -> Result<Self, DataError> {
        let half = count.min(data.len() / 2).max(1);
        let options = HeldOutOptions { count: 2 * half, batch: 2 * half, size, channels };
        let batch = HeldOut::new(data, options).next().expect("a data set holds a picture")?;
        let picture = size * size * channels;
        // Alternate pictures, since the data may be sorted by class.
        let every_other = |first: usize| -> Vec<f32> {
            batch.pixels.chunks_exact(picture).skip(first).step_by(2).take(half).flatten().copied().collect()
        };
        let (compared, other) = (every_other(0), every_other(1));
        let shape = [compared.len() / picture, size, size, channels];
        let mut judge = Self { shape, compared, floor: 0.0, diversity: 0.0 };
        if !other.is_empty() {
            let real = judge.quality(&other);
            (judge.floor, judge.diversity) = (real.distance, real.diversity);
        }
        Ok(judge)
    }

    /// How many pictures it wants to judge.
    pub fn count(&self) -> usize {
        self.shape[0]
    }

    /// Measures as many pictures as it compares with, `(N, size, size, channels)` in [-1, 1].
    pub fn quality(&self, pictures: &[f32]) -> Quality {
        let picture: usize = self.shape[1..].iter().product();
        let shape = [pictures.len() / picture, self.shape[1], self.shape[2], self.shape[3]];
        let levels = pyramid_wasserstein(
            Pictures::new(pictures, shape),
            Pictures::new(&self.compared, self.shape),
            PyramidWasserstein::default(),
        );
        let few = &pictures[..pictures.len().min(DIVERSE * picture)];
        Quality {
            distance: levels.iter().sum::<f64>() / levels.len() as f64,
            diversity: mean_pairwise_distance(Vectors::new(few, picture)),
        }
    }
}
