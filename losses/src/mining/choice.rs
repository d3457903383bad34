//! Minings that choose one negative for an anchor and a positive.

use super::card::{chosen_places, distances};
use super::labels::Labels;
use super::rows::{Row, for_each_row};
use crate::metrics::Vectors;
use gobelin_autograd::Tensor;
use gobelin_kernels::cpu::pairwise::ROW_BLOCK;
use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};
use rayon::prelude::*;

/// How the negative of an anchor and a positive is chosen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Choice {
    /// One triplet an anchor: its farthest positive, its nearest negative.
    Hard,
    /// The nearest negative with `d(a, p) < d(a, n) < d(a, p) + margin`.
    SemiHard {
        /// What to take where there is none.
        fallback: Fallback,
    },
    /// A negative drawn with a probability inverse to the density of its distance between random points of the unit sphere,
    /// `q(d) ~ d^(D-2) (1 - d^2/4)^((D-3)/2)`. For unit embeddings. The negatives of an anchor depend on the seed, the anchor's place
    /// and its distances alone.
    DistanceWeighted {
        /// Smaller distances weigh as much as this one (0.5 in the paper's code), which bounds the weights.
        nearest: f32,
        /// Negatives at this distance or farther are not drawn (1.4 in the paper's code).
        farthest: f32,
    },
}

/// What semi-hard mining takes for a pair with no negative in the band.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fallback {
    /// Nothing: the pair does not count.
    #[default]
    Skip,
    /// The nearest negative of all.
    Hardest,
    /// The farthest negative of all, as in TensorFlow's `triplet_semihard_loss`.
    Largest,
}

/// Places in the batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Triplet {
    /// The anchor.
    pub anchor: u32,
    /// An embedding of the anchor's label, not the anchor.
    pub positive: u32,
    /// An embedding of another label.
    pub negative: u32,
}

/// The triplets that `choice` takes from a batch, anchor by anchor. At most one an anchor and positive.
///
/// Embeddings (N, D) on a card are chosen from there, and the places read. Those that are not finite are chosen from in no useful
/// way; [`super::TripletBatch::mine`] makes the loss NaN instead.
///
/// # Panics
/// If there is not one label an embedding.
#[track_caller]
pub fn chosen_triplets(
    embeddings: &Tensor,
    labels: &Labels,
    choice: Choice,
    margin: f32,
    squared: bool,
) -> Vec<Triplet> {
    if embeddings.device().is_some() {
        let distances = distances(embeddings, squared);
        return chosen_places(embeddings, &distances, labels, choice, margin, squared).list();
    }
    let embeddings = Vectors::new(embeddings.data(), embeddings.shape()[1]);
    assert_eq!(labels.count(), embeddings.count(), "chosen_triplets: one label an embedding");
    let of_block = |block: usize| {
        let mut triplets = Vec::new();
        for_each_row(embeddings, labels, margin, squared, block, |row| {
            let anchor = row.anchor as u32;
            choice.choose(&row, |positive, negative| triplets.push(Triplet { anchor, positive, negative }));
        });
        triplets
    };
    let blocks: Vec<Vec<Triplet>> =
        (0..labels.count().div_ceil(ROW_BLOCK)).into_par_iter().map(of_block).collect();
    blocks.concat()
}

impl Choice {
    /// Calls `take(positive, negative)` for each triplet of the row's anchor.
    pub(super) fn choose(self, row: &Row<'_>, take: impl FnMut(u32, u32)) {
        match self {
            Self::Hard => hard(row, take),
            Self::SemiHard { fallback } => semi_hard(row, fallback, take),
            Self::DistanceWeighted { nearest, farthest } => distance_weighted(row, nearest, farthest, take),
        }
    }
}

fn hard(row: &Row<'_>, mut take: impl FnMut(u32, u32)) {
    let farthest = row.positives().reduce(|best, other| if other.1 > best.1 { other } else { best });
    let nearest = row.negatives().reduce(|best, other| if other.1 < best.1 { other } else { best });
    if let (Some((positive, _)), Some((negative, _))) = (farthest, nearest) {
        take(positive, negative);
    }
}

fn semi_hard(row: &Row<'_>, fallback: Fallback, mut take: impl FnMut(u32, u32)) {
    let Some((lowest, highest)) = bounds(row.positives()) else { return };
    // Only negatives that lie in some pair's band are sorted: few, once the embeddings are trained.
    let limit = highest + row.margin;
    let mut band: Vec<(f32, u32)> =
        row.negatives().filter(|&(_, d)| d > lowest && d < limit).map(|(place, d)| (d, place)).collect();
    band.sort_unstable_by(|x, y| x.0.total_cmp(&y.0).then(x.1.cmp(&y.1)));
    let otherwise = match fallback {
        Fallback::Skip => None,
        Fallback::Hardest => {
            row.negatives().reduce(|best, other| if other.1 < best.1 { other } else { best })
        }
        Fallback::Largest => {
            row.negatives().reduce(|best, other| if other.1 > best.1 { other } else { best })
        }
    };
    for (positive, d) in row.positives() {
        let next = band.get(band.partition_point(|&(other, _)| other <= d));
        let found = next.filter(|&&(other, _)| other < d + row.margin).map(|&(_, place)| place);
        if let Some(negative) = found.or(otherwise.map(|(place, _)| place)) {
            take(positive, negative);
        }
    }
}

/// The smallest and the largest distance.
fn bounds(places: impl Iterator<Item = (u32, f32)>) -> Option<(f32, f32)> {
    places.map(|(_, d)| (d, d)).reduce(|(low, high), (d, _)| (low.min(d), high.max(d)))
}

fn distance_weighted(row: &Row<'_>, nearest: f32, farthest: f32, mut take: impl FnMut(u32, u32)) {
    let plain = |d: f32| if row.squared { d.sqrt() } else { d };
    let near = row.negatives().map(|(place, d)| (place, plain(d))).filter(|&(_, d)| d < farthest);
    let (places, logarithms): (Vec<u32>, Vec<f64>) =
        near.map(|(place, d)| (place, -log_density(d.max(nearest), row.dimensions))).unzip();
    let most = logarithms.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let mut sum = 0.0;
    let sums: Vec<f64> = logarithms
        .iter()
        .map(|logarithm| {
            sum += (logarithm - most).exp();
            sum
        })
        .collect();
    if places.is_empty() {
        return;
    }
    // A stream of its own for each anchor: which thread comes first does not matter.
    let mut random = ChaCha8Rng::from_seed(row.seed);
    random.set_stream(row.anchor as u64);
    for (positive, _) in row.positives() {
        let drawn = random.random::<f64>() * sum;
        let at = sums.partition_point(|&upper| upper <= drawn).min(places.len() - 1);
        take(positive, places[at]);
    }
}

/// The logarithm, up to a constant, of the density of the distance between two random points of the unit sphere in
/// `dimensions` (Wu et al. 2017, section 4).
fn log_density(distance: f32, dimensions: usize) -> f64 {
    let (d, n) = (f64::from(distance), dimensions as f64);
    // Opposite points have no density left; the floor keeps the logarithm finite.
    let other = (1.0 - d * d / 4.0).max(1e-8);
    (n - 2.0) * d.ln() + (n - 3.0) / 2.0 * other.ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An anchor at 0 on a line, and the rest of the batch.
    fn choose(choice: Choice, distances: &[f32], labels: &[u8]) -> Vec<(u32, u32)> {
        let labels: Vec<f32> = labels.iter().copied().map(f32::from).collect();
        let (labels, seed) = (&labels[..], [3; 32]);
        let row = Row { anchor: 0, distances, labels, dimensions: 3, margin: 0.5, squared: false, seed };
        let mut found = Vec::new();
        choice.choose(&row, |positive, negative| found.push((positive, negative)));
        found
    }

    #[test]
    fn semi_hard_takes_the_nearest_inside_the_band_and_nothing_on_its_edges() {
        let semi_hard = |fallback| Choice::SemiHard { fallback };
        let labels = [1, 1, 2, 2, 2];
        assert_eq!(choose(semi_hard(Fallback::Skip), &[0.0, 1.0, 1.4, 1.25, 0.5], &labels), [(1, 3)]);
        // A negative as far as the positive is not in the band, though it is in that of a nearer positive.
        let tie = choose(semi_hard(Fallback::Skip), &[0.0, 1.0, 1.25, 1.25, 1.375], &[1, 1, 1, 2, 2]);
        assert_eq!(tie, [(1, 3), (2, 4)]);
        // On the edges, outside, and inside of the positive.
        let none = [0.0, 1.0, 1.0, 1.5, 0.5];
        assert_eq!(choose(semi_hard(Fallback::Skip), &none, &labels), []);
        assert_eq!(choose(semi_hard(Fallback::Hardest), &none, &labels), [(1, 4)]);
        assert_eq!(choose(semi_hard(Fallback::Largest), &none, &labels), [(1, 3)]);
    }

    #[test]
    fn hard_needs_both_kinds() {
        assert_eq!(choose(Choice::Hard, &[0.0, 1.0, 3.0, 2.0, 0.5], &[1, 1, 1, 2, 2]), [(2, 4)]);
        assert_eq!(choose(Choice::Hard, &[0.0, 1.0], &[1, 1]), []);
        assert_eq!(choose(Choice::Hard, &[0.0, 1.0], &[1, 2]), []);
    }

    #[test]
    fn distances_are_drawn_in_inverse_proportion_to_their_density() {
        // In three dimensions q(d) ~ d: a negative at 0.6 is drawn twice as often as one at 1.2; one at 0.1 as often as
        // one at 0.5; one at 1.5 never.
        let mut labels = vec![1; 30_001];
        labels.extend([2, 3, 4, 5]);
        let mut distances = vec![0.3; 30_001];
        distances.extend([0.6, 1.2, 0.1, 1.5]);
        let choice = Choice::DistanceWeighted { nearest: 0.5, farthest: 1.4 };
        let found = choose(choice, &distances, &labels);
        assert_eq!(found.len(), 30_000);
        let share = |place: u32| found.iter().filter(|pair| pair.1 == place).count() as f64 / 30_000.0;
        let weights = [1.0 / 0.6, 1.0 / 1.2, 1.0 / 0.5];
        for (i, weight) in weights.iter().enumerate() {
            let expected = weight / weights.iter().sum::<f64>();
            assert!((share(30_001 + i as u32) - expected).abs() < 0.01, "negative {i}");
        }
        assert_eq!(share(30_004), 0.0);
    }
}
