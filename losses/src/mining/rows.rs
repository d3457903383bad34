//! The distances of a batch, an anchor at a time.

use super::labels::Labels;
use crate::metrics::Vectors;
use gobelin_kernels::cpu::pairwise::{ROW_BLOCK, squared_distances};

/// An anchor, and how far from it every embedding of the batch lies.
pub(super) struct Row<'a> {
    pub anchor: usize,
    /// In the unit of the loss: squared or not.
    pub distances: &'a [f32],
    pub labels: &'a [f32],
    /// Of the embeddings.
    pub dimensions: usize,
    pub margin: f32,
    pub squared: bool,
    /// Of the generator that negatives are drawn by.
    pub seed: [u8; 32],
}

impl Row<'_> {
    /// The places and distances of the other embeddings of the anchor's label.
    pub fn positives(&self) -> impl Iterator<Item = (u32, f32)> {
        self.with_label(true).filter(|&(place, _)| place as usize != self.anchor)
    }

    /// The places and distances of the embeddings of other labels.
    pub fn negatives(&self) -> impl Iterator<Item = (u32, f32)> {
        self.with_label(false)
    }

    fn with_label(&self, own: bool) -> impl Iterator<Item = (u32, f32)> {
        let label = self.labels[self.anchor];
        let each = (0u32..).zip(self.labels).zip(self.distances);
        each.filter(move |&((_, &other), _)| (other == label) == own).map(|((place, _), &d)| (place, d))
    }
}

/// Calls `work` with each anchor of the `block`-th [`ROW_BLOCK`] of a batch, in order.
pub(super) fn for_each_row(
    embeddings: Vectors<'_>,
    labels: &Labels,
    margin: f32,
    squared: bool,
    block: usize,
    mut work: impl FnMut(Row<'_>),
) {
    let (count, dimensions) = (embeddings.count(), embeddings.dimensions());
    let (labels, seed) = (labels.numbers().data(), labels.generator_seed());
    let (first, end) = (block * ROW_BLOCK, ((block + 1) * ROW_BLOCK).min(count));
    let mut distances = vec![0.0; (end - first) * count];
    let anchors = &embeddings.values()[first * dimensions..end * dimensions];
    squared_distances(anchors, embeddings.values(), dimensions, &mut distances);
    if !squared {
        for distance in &mut distances {
            *distance = distance.sqrt();
        }
    }
    for (anchor, distances) in (first..end).zip(distances.chunks_exact(count)) {
        work(Row { anchor, distances, labels, dimensions, margin, squared, seed });
    }
}
