//! Search by embedding: is what lies nearest of the same class?

use crate::catalogue::{Measured, MetricEntry, TensorSpec};

use super::Vectors;
use gobelin_kernels::cpu::pairwise::{ROW_BLOCK, squared_distances};
use rayon::prelude::*;

/// Scores of searching each embedding among all others, nearest first.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Retrieval {
    /// The share of queries whose nearest neighbour has their label.
    pub precision_at_1: f64,
    /// The mean over the queries of the average precision: the precision at each place where the label is
    /// right, averaged over those places (Manning et al. 2008, section 8.4).
    pub mean_average_precision: f64,
    /// How many embeddings have another of their label; the rest are no queries. Where there are none, both scores are 0.
    pub queries: usize,
}

/// Searches each embedding among all others by L2 distance. Of equally near ones, the first in the set comes
/// first. Memory: 64 rows of N distances a thread.
///
/// # Panics
/// If there is not one label an embedding.
#[track_caller]
pub fn retrieval(embeddings: Vectors<'_>, labels: &[i64]) -> Retrieval {
    let (count, dimensions) = (embeddings.count(), embeddings.dimensions());
    assert_eq!(labels.len(), count, "retrieval: one label an embedding");
    let scores: Vec<Vec<(f64, f64)>> = embeddings
        .values()
        .par_chunks(ROW_BLOCK * dimensions)
        .enumerate()
        .map(|(block, rows)| {
            let mut distances = vec![0.0; rows.len() / dimensions * count];
            squared_distances(rows, embeddings.values(), dimensions, &mut distances);
            let rows = distances.chunks_exact(count).enumerate();
            rows.filter_map(|(row, distances)| score(block * ROW_BLOCK + row, distances, labels)).collect()
        })
        .collect();
    let scores = scores.concat();
    let mean = |values: &mut dyn Iterator<Item = f64>| values.sum::<f64>() / scores.len().max(1) as f64;
    Retrieval {
        precision_at_1: mean(&mut scores.iter().map(|score| score.0)),
        mean_average_precision: mean(&mut scores.iter().map(|score| score.1)),
        queries: scores.len(),
    }
}

/// Precision at 1 and average precision of one query; nothing where it has no partner.
fn score(query: usize, distances: &[f32], labels: &[i64]) -> Option<(f64, f64)> {
    let mut order: Vec<u32> = (0..labels.len() as u32).filter(|&i| i as usize != query).collect();
    let is_right = |&i: &u32| labels[i as usize] == labels[query];
    if !order.iter().any(is_right) {
        return None;
    }
    if distances.iter().any(|d| d.is_nan()) {
        return Some((f64::NAN, f64::NAN));
    }
    order.sort_unstable_by(|&i, &j| distances[i as usize].total_cmp(&distances[j as usize]).then(i.cmp(&j)));
    let (mut right, mut sum) = (0.0, 0.0);
    for (place, i) in order.iter().enumerate() {
        if is_right(i) {
            right += 1.0;
            sum += right / (place + 1) as f64;
        }
    }
    Some((f64::from(u8::from(is_right(&order[0]))), sum / right))
}

pub(crate) const ENTRY: MetricEntry = MetricEntry {
    name: "retrieval",
    about: "precision at 1 and mean average precision of searching each embedding among the others; value is the first",
    paper: "as scikit-learn's average precision",
    tensors: &[TensorSpec::float("embeddings", "(N, D)"), TensorSpec::integer("labels", "(N)")],
    options: &[],
    vgg: false,
    run: |call| {
        let embeddings = call.var("embeddings");
        let found = retrieval(Vectors::of(&embeddings), call.integers("labels")?);
        Ok(Measured {
            value: found.precision_at_1,
            values: vec![
                ("precision-at-1", vec![found.precision_at_1]),
                ("mean-average-precision", vec![found.mean_average_precision]),
                ("queries", vec![found.queries as f64]),
            ],
        })
    },
};
