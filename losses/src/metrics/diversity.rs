//! How much the members of a set differ from each other.

use crate::catalogue::{Measured, MetricEntry, TensorSpec};

use super::Vectors;
use gobelin_kernels::cpu::pairwise::{ROW_BLOCK, squared_distances};
use rayon::prelude::*;

/// The mean L2 distance over all pairs of different vectors; 0 for fewer than two vectors.
///
/// Of generated pictures, it falls towards 0 when the generator collapses to one picture; report it beside the
/// value of as many real pictures. Of embeddings, it falls to 0 when they collapse to one point.
pub fn mean_pairwise_distance(set: Vectors<'_>) -> f64 {
    let (count, dimensions) = (set.count(), set.dimensions());
    if count < 2 {
        return 0.0;
    }
    let blocks = set.values().par_chunks(ROW_BLOCK * dimensions).enumerate();
    let sums: Vec<f64> = blocks
        .map(|(block, rows)| {
            let first = block * ROW_BLOCK;
            // Only the vectors from this block on: each pair is met once.
            let others = &set.values()[first * dimensions..];
            let columns = count - first;
            let mut distances = vec![0.0; rows.len() / dimensions * columns];
            squared_distances(rows, others, dimensions, &mut distances);
            let later = distances.chunks_exact(columns).enumerate().flat_map(|(row, d)| &d[row + 1..]);
            later.map(|&d| f64::from(d).sqrt()).sum()
        })
        .collect();
    let pairs = count as f64 * (count - 1) as f64 / 2.0;
    sums.iter().sum::<f64>() / pairs
}

pub(crate) const ENTRY: MetricEntry = MetricEntry {
    name: "mean-pairwise-distance",
    about: "mean L2 distance over all pairs of a set: falls to 0 when a generator or an embedding collapses",
    paper: "none",
    tensors: &[TensorSpec::float("real", "(N, D)")],
    options: &[],
    vgg: false,
    run: |call| Ok(Measured::one("distance", mean_pairwise_distance(Vectors::of(&call.var("real"))))),
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pair_counts_once() {
        // A square of side 3: four sides and two diagonals.
        let square = [0.0, 0.0, 3.0, 0.0, 3.0, 3.0, 0.0, 3.0];
        let expected = (4.0 * 3.0 + 2.0 * 18f64.sqrt()) / 6.0;
        assert!((mean_pairwise_distance(Vectors::new(&square, 2)) - expected).abs() < 1e-6);
    }

    #[test]
    fn blocks_meet_each_other() {
        // 0, 1, ..., 199 on a line: the mean distance of n such points is (n + 1) / 3.
        let line: Vec<f32> = (0..200).map(|i| i as f32).collect();
        assert!((mean_pairwise_distance(Vectors::new(&line, 1)) - 67.0).abs() < 1e-4);
    }

    #[test]
    fn collapse_is_zero_and_nan_is_nan() {
        assert_eq!(mean_pairwise_distance(Vectors::new(&[0.3; 12], 3)), 0.0);
        assert_eq!(mean_pairwise_distance(Vectors::new(&[1.0, 2.0], 2)), 0.0);
        assert!(mean_pairwise_distance(Vectors::new(&[f32::NAN, 1.0], 1)).is_nan());
    }
}
