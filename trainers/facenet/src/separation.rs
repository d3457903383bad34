//! How far apart a batch's embeddings lie.

use gobelin_autograd::{Figure, Tensor, Var, ops};

/// Means over a batch of embeddings.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Separation<N = f64> {
    /// The mean squared distance of two pictures of one person.
    pub same: N,
    /// The mean squared distance of pictures of two people.
    pub different: N,
    /// The mean squared distance of an embedding from the middle of all: 1 for unit vectors in all directions, 0 where all are one.
    pub spread: N,
}

impl Separation<Figure> {
    /// Of embeddings (N, D) and whose they are, (N) whole numbers; worked out where the embeddings lie.
    pub fn of(embeddings: &Tensor, people: &Tensor) -> Self {
        if embeddings.device().is_some() {
            return Self::on_a_card(embeddings, people);
        }
        let found = Separation::new(embeddings.data(), embeddings.shape()[1], people.data());
        Self {
            same: Figure::Known(found.same),
            different: Figure::Known(found.different),
            spread: Figure::Known(found.spread),
        }
    }

    /// There every pair is looked at, twice, in single precision.
    fn on_a_card(embeddings: &Tensor, people: &Tensor) -> Self {
        let (count, embeddings) = (people.len(), Var::from(embeddings.clone()));
        let (squares, differ) = (ops::squared_distances(&embeddings, &embeddings), differ(people));
        let agree = ops::add_scalar(&ops::neg(&differ), 1.0);
        let total = |of: &Var| ops::sum(&ops::mul(&squares, of));
        // Of pairs of one person, each embedding and itself is none.
        let pairs = |of: &Var, none: usize| {
            ops::clamp(&ops::add_scalar(&ops::sum(of), -(none as f32)), 1.0, f32::INFINITY)
        };
        Self {
            same: (&ops::div(&total(&agree), &pairs(&agree, count))).into(),
            different: (&ops::div(&total(&differ), &pairs(&differ, 0))).into(),
            spread: (&ops::scale(&ops::sum(&squares), 0.5 / (count * count).max(1) as f32)).into(),
        }
    }
}

/// (N, N): 1 for two of different people, 0 for two of one; `people` (N) whole numbers.
pub(crate) fn differ(people: &Tensor) -> Var {
    let count = people.len();
    let [down, across] = [[count, 1], [1, count]].map(|shape| ops::reshape(&people.clone().into(), &shape));
    ops::clamp(&ops::abs(&ops::sub(&down, &across)), 0.0, 1.0)
}

impl Separation {
    /// Of embeddings of `dimensions`, a row each, and whose they are. Means over no pair are 0.
    ///
    /// Over a set of n vectors, the squared distances of all pairs add up to `n * sum |e|^2 - |sum e|^2`: no pair is looked at.
    ///
    /// # Panics
    /// If there is not one label an embedding.
    #[track_caller]
    pub fn new(embeddings: &[f32], dimensions: usize, labels: &[f32]) -> Self {
        assert_eq!(embeddings.len(), labels.len() * dimensions, "separation: one label an embedding");
        let rows: Vec<&[f32]> = embeddings.chunks_exact(dimensions).collect();
        let mut order: Vec<usize> = (0..labels.len()).collect();
        order.sort_by(|&i, &j| labels[i].total_cmp(&labels[j]));
        let (mut same, mut same_pairs) = (0.0, 0.0);
        for group in order.chunk_by(|&i, &j| labels[i] == labels[j]) {
            same += squared_distances(group.iter().map(|&i| rows[i]), dimensions);
            same_pairs += pairs(group.len());
        }
        let all = squared_distances(rows.iter().copied(), dimensions);
        let (count, all_pairs) = (labels.len() as f64, pairs(labels.len()));
        let mean = |sum: f64, pairs: f64| if pairs > 0.0 { sum / pairs } else { 0.0 };
        Self {
            same: mean(same, same_pairs),
            different: mean(all - same, all_pairs - same_pairs),
            spread: if count > 0.0 { all / (count * count) } else { 0.0 },
        }
    }
}

fn pairs(count: usize) -> f64 {
    count as f64 * (count as f64 - 1.0) / 2.0
}

/// The sum over all pairs, each once.
fn squared_distances<'a>(rows: impl Iterator<Item = &'a [f32]>, dimensions: usize) -> f64 {
    let (mut sum, mut squares, mut count) = (vec![0.0f64; dimensions], 0.0, 0.0);
    for row in rows {
        for (sum, &value) in sum.iter_mut().zip(row) {
            *sum += f64::from(value);
            squares += f64::from(value) * f64::from(value);
        }
        count += 1.0;
    }
    (count * squares - sum.iter().map(|sum| sum * sum).sum::<f64>()).max(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_over_pairs_are_those_of_the_pairs() {
        let embeddings: Vec<f32> = (0..30).map(|i| ((i * 37 % 17) as f32 - 8.0) / 10.0).collect();
        let labels = [2.0, 0.0, 2.0, 1.0, 0.0, 2.0, 1.0, 3.0, 0.0, 2.0];
        let (mut same, mut different) = ((0.0, 0), (0.0, 0));
        for i in 0..10 {
            for j in 0..i {
                let of = |k: usize| f64::from(embeddings[3 * i + k] - embeddings[3 * j + k]).powi(2);
                let sum = if labels[i] == labels[j] { &mut same } else { &mut different };
                *sum = (sum.0 + of(0) + of(1) + of(2), sum.1 + 1);
            }
        }
        let found = Separation::new(&embeddings, 3, &labels);
        assert!((found.same - same.0 / f64::from(same.1)).abs() < 1e-6);
        assert!((found.different - different.0 / f64::from(different.1)).abs() < 1e-6);
        let mean = |k: usize| (0..10).map(|i| f64::from(embeddings[3 * i + k])).sum::<f64>() / 10.0;
        let middle = [mean(0), mean(1), mean(2)];
        let from_middle =
            (0..30).map(|i| (f64::from(embeddings[i]) - middle[i % 3]).powi(2)).sum::<f64>() / 10.0;
        assert!((found.spread - from_middle).abs() < 1e-6);
    }

    #[test]
    fn one_point_has_no_spread_and_nothing_no_mean() {
        assert_eq!(Separation::new(&[0.6, 0.8, 0.6, 0.8], 2, &[1.0, 2.0]), Separation::default());
        assert_eq!(Separation::new(&[], 2, &[]), Separation::default());
    }

    #[test]
    fn a_card_tells_the_same() {
        let Some(card) = gobelin_emulation::asked_for() else { return };
        let embeddings =
            Tensor::new(&[10, 3], (0..30).map(|i| ((i * 37 % 17) as f32 - 8.0) / 10.0).collect::<Vec<_>>());
        for people in
            [[2.0, 0.0, 2.0, 1.0, 0.0, 2.0, 1.0, 3.0, 0.0, 2.0], [5.0; 10], std::array::from_fn(|i| i as f32)]
        {
            let people = Tensor::new(&[10], people);
            let [expected, found] = [embeddings.clone(), embeddings.to_device(&card)].map(|embeddings| {
                let Separation { same, different, spread } = Separation::of(&embeddings, &people);
                [same.get(), different.get(), spread.get()]
            });
            for (found, expected) in found.iter().zip(&expected) {
                assert!((found - expected).abs() < 1e-6, "{found}, expected {expected}");
            }
        }
    }
}
