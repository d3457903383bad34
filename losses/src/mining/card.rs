//! Mining where the embeddings lie on a graphics card: distances, choice and loss are worked out there, and nothing is read.

use gobelin_autograd::{Tensor, expect, ops};
use gobelin_kernels::cuda::mining::{self as kernel, Draw};
use gobelin_kernels::cuda::triplets::{self, Batch, Over};
use gobelin_kernels::cuda::{Device, DeviceBuffer};

use super::choice::{Choice, Fallback, Triplet};
use super::labels::Labels;
use super::loss::{Mining, Reduce, TripletBatch};

/// Triplets chosen on a card: places in the batch, -1 where there is none. As many whatever is chosen, so a step that uses them can be
/// recorded.
pub struct Places {
    /// (N, 1): the positive of each anchor; `None`: there is a triplet for each anchor and embedding, in its column.
    pub positives: Option<Tensor>,
    /// (N, 1) or (N, N): the negative of each triplet.
    pub negatives: Tensor,
}

/// The triplets that `choice` takes from embeddings (N, D) on a card and their `distances` (N, N), in the unit of the loss.
///
/// # Panics
/// If they do not lie on a card, or there is not one label an embedding.
#[track_caller]
pub fn chosen_places(
    embeddings: &Tensor,
    distances: &Tensor,
    labels: &Labels,
    choice: Choice,
    margin: f32,
    squared: bool,
) -> Places {
    let place = home(distances);
    assert_eq!(labels.count(), embeddings.shape()[0], "chosen_places: one label an embedding");
    let (count, dimensions) = (labels.count(), embeddings.shape()[1]);
    let (distances, numbers) = (distances.buffer(place), labels.numbers().buffer(place));
    let room = |length: usize| expect(DeviceBuffer::new(place, length));
    if choice == Choice::Hard {
        let [mut positives, mut negatives] = [room(count), room(count)];
        expect(kernel::hard(distances, numbers, &mut positives, &mut negatives));
        let [positives, negatives] = [positives, negatives].map(|x| Tensor::from_device(&[count, 1], x));
        return Places { positives: Some(positives), negatives };
    }
    let mut negatives = room(count * count);
    expect(match choice {
        Choice::Hard => unreachable!("returned above"),
        Choice::SemiHard { fallback } => {
            let fallback = match fallback {
                Fallback::Skip => kernel::Fallback::Skip,
                Fallback::Hardest => kernel::Fallback::Hardest,
                Fallback::Largest => kernel::Fallback::Largest,
            };
            kernel::semi_hard(distances, numbers, margin, fallback, &mut negatives)
        }
        Choice::DistanceWeighted { nearest, farthest } => {
            let draw = Draw { dimensions, squared, nearest, farthest };
            kernel::distance_weighted(distances, numbers, draw, labels.key().buffer(place), &mut negatives)
        }
    });
    Places { positives: None, negatives: Tensor::from_device(&[count, count], negatives) }
}

impl Places {
    /// The triplets, anchor by anchor; reads them.
    pub(super) fn list(&self) -> Vec<Triplet> {
        let width = self.negatives.shape()[1];
        let each = self.negatives.data().iter().enumerate().filter(|&(_, &negative)| negative >= 0.0);
        let triplet = |(at, &negative): (usize, &f32)| {
            let positive = match &self.positives {
                Some(positives) => positives.data()[at],
                None => (at % width) as f32,
            };
            (positive >= 0.0).then(|| Triplet {
                anchor: (at / width) as u32,
                positive: positive as u32,
                negative: negative as u32,
            })
        };
        each.filter_map(triplet).collect()
    }
}

/// A loss that was mined on a card, all of it there.
pub(crate) struct MinedThere {
    /// A scalar.
    pub loss: Tensor,
    /// As [`super::Mined::counted`]: a scalar.
    pub counted: Tensor,
    /// As [`super::Mined::active`]: a scalar.
    pub active: Tensor,
    /// (N, N): as [`super::Mined::weights`].
    pub weights: Tensor,
}

impl TripletBatch {
    /// As [`TripletBatch::mine`], of embeddings (N, D) on a card.
    #[track_caller]
    pub(crate) fn mine_there(&self, embeddings: &Tensor, labels: &Labels) -> MinedThere {
        assert_eq!(labels.count(), embeddings.shape()[0], "triplet batch: one label an embedding");
        let distances = distances(embeddings, self.squared);
        let place = home(&distances);
        let batch = Batch { distances: distances.buffer(place), squared: self.squared, margin: self.margin };
        let mined = expect(match self.mining {
            Mining::All { reduce } => {
                let over = if reduce == Reduce::Active { Over::Active } else { Over::Valid };
                triplets::all(batch, labels.numbers().buffer(place), over)
            }
            Mining::Chosen(choice) => {
                let places = chosen_places(embeddings, &distances, labels, choice, self.margin, self.squared);
                let negatives = places.negatives.buffer(place);
                let chosen = match &places.positives {
                    Some(positives) => {
                        triplets::Chosen::Anchors { positives: positives.buffer(place), negatives }
                    }
                    None => triplets::Chosen::Pairs(negatives),
                };
                triplets::chosen(batch, labels.count(), chosen)
            }
        });
        let [loss, counted, active] =
            [mined.loss, mined.counted, mined.active].map(|value| Tensor::from_device(&[], value));
        let weights = Tensor::from_device(distances.shape(), mined.weights);
        MinedThere { loss, counted, active, weights }
    }
}

/// The distances of all embeddings (N, D), in the unit of the loss: (N, N).
pub(super) fn distances(embeddings: &Tensor, squared: bool) -> Tensor {
    let embeddings = embeddings.clone().into();
    let squares = ops::squared_distances(&embeddings, &embeddings);
    if squared { squares } else { ops::sqrt(&squares) }.into_tensor()
}

#[track_caller]
fn home(tensor: &Tensor) -> &Device {
    tensor.device().expect("mining on a card: the embeddings lie on the host")
}
