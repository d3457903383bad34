//! Whose the embeddings of a batch are.

use gobelin_autograd::{Bundle, Tensor};
use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;

/// Whose each embedding of a batch is, and what negatives are drawn by: all that mining takes beside the embeddings, and so an
/// input of recorded work.
#[derive(Clone, Debug)]
pub struct Labels {
    /// (N): whole numbers, equal for embeddings of one identity.
    numbers: Tensor,
    /// (16): the key of ChaCha8, two bytes to a number, the first one lowest.
    key: Tensor,
    positives: Option<Tensor>,
}

impl Labels {
    /// The identity of each embedding, and the seed that distance-weighted negatives are drawn by.
    pub fn new(labels: &[i64], seed: u64) -> Self {
        let mut distinct = labels.to_vec();
        distinct.sort_unstable();
        distinct.dedup();
        // Their places in order, which single precision holds whatever the labels are.
        let place = |label: &i64| distinct.partition_point(|other| other < label) as f32;
        let numbers: Vec<f32> = labels.iter().map(place).collect();
        let seed = ChaCha8Rng::seed_from_u64(seed).get_seed();
        let key: Vec<f32> =
            seed.chunks_exact(2).map(|pair| f32::from(u16::from_le_bytes([pair[0], pair[1]]))).collect();
        Self { numbers: Tensor::new(&[labels.len()], numbers), key: Tensor::new(&[16], key), positives: None }
    }

    /// With the positives of each embedding, where they are to be an input of recorded work.
    #[must_use]
    pub fn with_positives(self) -> Self {
        let positives = Some(self.positives());
        Self { positives, ..self }
    }

    /// How many embeddings there are.
    pub fn count(&self) -> usize {
        self.numbers.len()
    }

    /// (N): whole numbers, equal for embeddings of one identity.
    pub fn numbers(&self) -> &Tensor {
        &self.numbers
    }

    /// (N, P): the places of the other embeddings of each one's identity, in their order, and -1 where there are fewer than P, as many
    /// as any has.
    pub fn positives(&self) -> Tensor {
        if let Some(positives) = &self.positives {
            return positives.clone();
        }
        let (labels, count) = (self.numbers.data(), self.count());
        let of = |i: usize| (0..count).filter(move |&j| j != i && labels[j] == labels[i]).map(|j| j as f32);
        let rows: Vec<Vec<f32>> = (0..count).map(|i| of(i).collect()).collect();
        let most = rows.iter().map(Vec::len).max().unwrap_or(0);
        let padded = |row: Vec<f32>| row.into_iter().chain(std::iter::repeat(-1.0)).take(most);
        Tensor::new(&[count, most], rows.into_iter().flat_map(padded).collect::<Vec<_>>())
    }

    pub(super) fn key(&self) -> &Tensor {
        &self.key
    }

    /// The seed of the generator whose streams the anchors draw from.
    pub(super) fn generator_seed(&self) -> [u8; 32] {
        let key = self.key.data();
        std::array::from_fn(|i| (key[i / 2] as u16).to_le_bytes()[i % 2])
    }
}

impl Bundle for Labels {
    fn each_tensor(&mut self, visit: &mut dyn FnMut(&mut Tensor)) {
        visit(&mut self.numbers);
        visit(&mut self.key);
        self.positives.each_tensor(visit);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_of_any_size_stay_apart() {
        let labels = [i64::MAX, -5, i64::MAX - 1, -5, 0];
        let found = Labels::new(&labels, 7);
        assert_eq!((found.count(), found.numbers().data()), (5, &[3.0, 0.0, 2.0, 0.0, 1.0][..]));
        assert_eq!(found.generator_seed(), ChaCha8Rng::seed_from_u64(7).get_seed());
        let positives = Labels::new(&[4, 2, 4, 4], 0).with_positives().positives();
        let expected = [2.0, 3.0, -1.0, -1.0, 0.0, 3.0, 0.0, 2.0];
        assert_eq!((positives.shape(), positives.data()), (&[4, 2][..], &expected[..]));
    }
}
