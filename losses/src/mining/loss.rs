//! The loss of the mined triplets and its gradient.

use super::all::{Sums, all_triplets};
use super::choice::Choice;
use super::labels::Labels;
use super::rows::{Row, for_each_row};
use crate::metrics::Vectors;
use gobelin_autograd::Figure;
use gobelin_kernels::Buffer;
use gobelin_kernels::cpu::pairwise::{ROW_BLOCK, combine_columns, combine_rows};
use rayon::prelude::*;

/// Which triplets of a batch count.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Mining {
    /// Every triplet.
    All {
        /// Over which the loss is averaged.
        reduce: Reduce,
    },
    /// Those of a choice.
    Chosen(Choice),
}

/// What the mean over all triplets divides by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reduce {
    /// The triplets with a loss above 0: the step does not shrink as triplets become easy.
    #[default]
    Active,
    /// All triplets.
    Valid,
}

/// The triplet loss over a batch of labelled embeddings.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TripletBatch {
    /// Which triplets count.
    pub mining: Mining,
    /// By how much a negative must be farther than a positive, in the unit of the distance: 0.2. The same for mining and loss.
    pub margin: f32,
    /// Squared L2 distances, as in the paper, or plain ones.
    pub squared: bool,
}

impl Default for TripletBatch {
    fn default() -> Self {
        let mining = Mining::Chosen(Choice::SemiHard { fallback: super::Fallback::Skip });
        Self { mining, margin: 0.2, squared: true }
    }
}

/// What a mined loss was taken over.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Counts<N = Figure> {
    /// As [`Mined::counted`]. One that was counted on a card is exact up to 2^24.
    pub counted: N,
    /// As [`Mined::active`], likewise.
    pub active: N,
}

/// A mined loss.
pub struct Mined {
    /// The mean loss; 0 where nothing is valid; NaN where an embedding is not finite.
    pub loss: f64,
    /// How many the mean divides by: triplets, pairs or anchors, see the table of [`crate::mining`].
    pub counted: u64,
    /// How many triplets of those mined have a loss above 0.
    pub active: u64,
    /// (N, N): the derivative of the loss by the squared distance from anchor i to embedding j. 0 for plain distances
    /// of 0, where the root has no derivative.
    pub weights: Buffer,
}

impl TripletBatch {
    /// Mines a batch: loss, counts, and the weights of its gradient. Memory: the N x N weights, and 64 x N distances a thread.
    ///
    /// # Panics
    /// If there is not one label an embedding.
    #[track_caller]
    pub fn mine(&self, embeddings: Vectors<'_>, labels: &Labels) -> Mined {
        let count = embeddings.count();
        assert_eq!(labels.count(), count, "triplet batch: one label an embedding");
        if !embeddings.values().iter().all(|x| x.is_finite()) {
            let weights = Buffer::filled(count * count, f32::NAN);
            return Mined { loss: f64::NAN, counted: 0, active: 0, weights };
        }
        let mut weights = Buffer::zeros(count * count);
        let blocks = weights.par_chunks_mut(ROW_BLOCK * count.max(1)).enumerate();
        let sums: Vec<Sums> =
            blocks.map(|(block, weights)| self.mine_block(embeddings, labels, block, weights)).collect();
        let sums = sums.into_iter().fold(Sums::default(), Sums::plus);
        let counted =
            if self.mining == (Mining::All { reduce: Reduce::Active }) { sums.active } else { sums.valid };
        let scale = 1.0 / counted.max(1) as f64;
        weights.par_chunks_mut(ROW_BLOCK * count.max(1)).for_each(|rows| {
            for weight in rows {
                *weight *= scale as f32;
            }
        });
        Mined { loss: sums.loss * scale, counted, active: sums.active, weights }
    }

    /// The sums of one block of anchors, and their rows of weights before the mean.
    #[track_caller]
    fn mine_block(
        &self,
        embeddings: Vectors<'_>,
        labels: &Labels,
        block: usize,
        weights: &mut [f32],
    ) -> Sums {
        let mut sums = Sums::default();
        let mut rows = weights.chunks_exact_mut(labels.count());
        for_each_row(embeddings, labels, self.margin, self.squared, block, |row| {
            let weights = rows.next().expect("one row of weights an anchor");
            let found = match self.mining {
                Mining::All { .. } => all_triplets(&row, weights),
                Mining::Chosen(choice) => chosen(choice, &row, weights),
            };
            sums = sums.plus(found);
            if !self.squared {
                by_square(weights, row.distances);
            }
        });
        sums
    }
}

impl Mined {
    /// The gradient of the loss by the embeddings it was mined from, (N, D).
    ///
    /// With the weights W, `2 * sum_j (W_ij + W_ji) (e_i - e_j)`: two matrix products. Distances do not change when all
    /// embeddings move, so the mean is taken off first: the gradient then stays exact when they lie close
    /// together far from the origin, and is exactly 0 when all are the same.
    ///
    /// # Panics
    /// If the number of embeddings is another than that mined.
    #[track_caller]
    pub fn gradient(&self, embeddings: Vectors<'_>) -> Vec<f32> {
        let (count, dimensions) = (embeddings.count(), embeddings.dimensions());
        assert_eq!(self.weights.len(), count * count, "Mined::gradient: {count} embeddings were not mined");
        // A last column of ones gives the sums of the weights along with the combinations.
        let wide = dimensions + 1;
        let centred = centred_with_ones(embeddings);
        let mut gradient = vec![0.0; count * dimensions];
        let blocks = gradient.par_chunks_mut(ROW_BLOCK * dimensions).enumerate();
        blocks.for_each(|(block, out)| {
            let (first, rows) = (block * ROW_BLOCK, out.len() / dimensions);
            let (mut own, mut others) = (vec![0.0; rows * wide], vec![0.0; rows * wide]);
            combine_rows(&self.weights[first * count..(first + rows) * count], &centred, wide, &mut own);
            combine_columns(&self.weights, first, &centred, wide, &mut others);
            for row in 0..rows {
                let (from, here) = (row * wide..(row + 1) * wide, (first + row) * wide);
                let (own, others) = (&own[from.clone()], &others[from]);
                let sum = own[dimensions] + others[dimensions];
                for k in 0..dimensions {
                    out[row * dimensions + k] = 2.0 * (sum * centred[here + k] - own[k] - others[k]);
                }
            }
        });
        gradient
    }
}

/// The loss of one anchor's chosen triplets.
fn chosen(choice: Choice, row: &Row<'_>, weights: &mut [f32]) -> Sums {
    let mut sums = Sums::default();
    choice.choose(row, |positive, negative| {
        let (near, far) = (row.distances[positive as usize], row.distances[negative as usize]);
        let loss = f64::from(near) - f64::from(far) + f64::from(row.margin);
        sums.valid += 1;
        if loss > 0.0 {
            sums.loss += loss;
            sums.active += 1;
            weights[positive as usize] += 1.0;
            weights[negative as usize] -= 1.0;
        }
    });
    sums
}

/// Turns derivatives by the plain distance into those by its square: divided by twice the distance.
fn by_square(weights: &mut [f32], distances: &[f32]) {
    for (weight, &distance) in weights.iter_mut().zip(distances) {
        *weight = if distance > 0.0 { *weight / (2.0 * distance) } else { 0.0 };
    }
}

/// (N, D + 1): the embeddings without their mean, and a one behind each.
fn centred_with_ones(embeddings: Vectors<'_>) -> Vec<f32> {
    let (count, dimensions) = (embeddings.count(), embeddings.dimensions());
    let mut sums = vec![0.0f64; dimensions];
    for row in embeddings.values().chunks_exact(dimensions) {
        sums.iter_mut().zip(row).for_each(|(sum, &x)| *sum += f64::from(x));
    }
    let mean: Vec<f32> = sums.iter().map(|sum| (sum / count as f64) as f32).collect();
    let mut centred = Vec::with_capacity(count * (dimensions + 1));
    for row in embeddings.values().chunks_exact(dimensions) {
        centred.extend(row.iter().zip(&mean).map(|(x, mean)| x - mean));
        centred.push(1.0);
    }
    centred
}
