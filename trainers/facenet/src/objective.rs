//! The loss of a batch of embeddings: triplets or pairs, and how they are mined.
//!
//! | loss | of |
//! |---|---|
//! | triplet | `max(0, d(a, p) - d(a, n) + margin)`, or `ln(1 + exp(d(a, p) - d(a, n)))` with a soft margin |
//! | contrastive | `d^2` of a same pair, `max(0, margin - d)^2` of a different one: the pairs of the mined triplets, as many of each kind; batch-all takes every pair |
//!
//! [`gobelin_losses::mining`] tells the minings apart. Triplets with a margin are mined and summed there, without a list of
//! them; the other losses list what was mined.

use gobelin_autograd::{Figure, Tensor, Var, ops};
use gobelin_losses::contrastive::Contrastive;
use gobelin_losses::mining::{
    Choice, Counts, Fallback, Labels, Mining, Reduce, Triplet, TripletBatch, chosen_triplets,
};
use gobelin_losses::triplet_batch::triplet_batch;

use crate::listed;

/// Wu et al. 2017, their code: distances below the first weigh as much as it, negatives beyond the second are not drawn.
const NEAREST: f32 = 0.5;
const FARTHEST: f32 = 1.4;

/// Most triplets or pairs that are listed one by one: some 200 MB of their distances on the tape.
pub const MOST_LISTED: usize = 1 << 22;

/// What is learned from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Triplets with a margin.
    Triplet,
    /// Triplets with a soft ramp in place of the margin.
    SoftTriplet,
    /// Pairs.
    Contrastive,
}

/// Which triplets of a batch are learned from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mine {
    /// Of each anchor and positive, the nearest negative that is farther than the positive by less than the margin.
    SemiHard(Fallback),
    /// Of each anchor, the farthest positive and the nearest negative.
    BatchHard,
    /// All.
    BatchAll,
    /// Of each anchor and positive, a negative drawn so that all distances are equally likely.
    DistanceWeighted,
}

/// A loss and its mining.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Objective {
    /// What is learned from.
    pub kind: Kind,
    /// Which of it.
    pub mine: Mine,
    /// Triplets: by how much the negative must be farther, in the unit of the distance. Pairs: how far two people must be apart, in
    /// plain distance.
    pub margin: f32,
    /// Triplets by squared L2 distances, or plain ones.
    pub squared: bool,
}

impl Objective {
    /// What mining takes beside the embeddings of people; `seed` draws distance-weighted negatives.
    pub fn labels(self, people: &[i64], seed: u64) -> Labels {
        let labels = Labels::new(people, seed);
        let lists_all = self.kind == Kind::SoftTriplet && self.mine == Mine::BatchAll;
        if lists_all { labels.with_positives() } else { labels }
    }

    /// The loss of embeddings (N, D), and what its mean is over: how many triplets or pairs, and how many of them have a loss
    /// above 0 (all of them with a soft margin). Where they lie on a card, so does all of it.
    ///
    /// # Panics
    /// If there is not one label an embedding.
    #[track_caller]
    pub fn of(self, embeddings: &Var, labels: &Labels) -> (Var, Counts) {
        if self.kind == Kind::Triplet {
            let mining = self.choice().map_or(Mining::All { reduce: Reduce::Active }, Mining::Chosen);
            let batch = TripletBatch { mining, margin: self.margin, squared: self.squared };
            return triplet_batch(batch, embeddings, labels);
        }
        let (loss, counts) = if embeddings.tensor().device().is_some() {
            listed::of_batch(self, embeddings, labels)
        } else {
            self.of_listed(embeddings, labels)
        };
        // Embeddings that are not finite are not chosen: the loss must tell of them all the same.
        (ops::add(&loss, &ops::scale(&ops::sum(embeddings), 0.0)), counts)
    }

    /// The loss on the host, by triplets or pairs one by one.
    #[track_caller]
    fn of_listed(self, embeddings: &Var, labels: &Labels) -> (Var, Counts) {
        match self.triplets(embeddings.tensor(), labels) {
            Some(triplets) => self.of_triplets(embeddings, &triplets),
            None if self.kind == Kind::Contrastive => {
                self.of_pairs(embeddings, &every_pair(labels.numbers().data()))
            }
            None => self.of_triplets(embeddings, &every_triplet(labels.numbers().data())),
        }
    }

    /// The triplets that the mining chooses; `None` where it takes all.
    #[track_caller]
    pub fn triplets(self, embeddings: &Tensor, labels: &Labels) -> Option<Vec<Triplet>> {
        // The contrastive loss is one of plain distances, and so is its margin.
        let squared = self.squared && self.kind != Kind::Contrastive;
        Some(chosen_triplets(embeddings, labels, self.choice()?, self.margin, squared))
    }

    /// The loss of triplets that were chosen before, of embeddings (3 T, D): all anchors, then all positives, then all negatives.
    ///
    /// # Panics
    /// If there are not three of each.
    #[track_caller]
    pub fn of_thirds(self, embeddings: &Var) -> (Var, Counts) {
        assert!(embeddings.shape()[0].is_multiple_of(3), "of_thirds: embeddings of {:?}", embeddings.shape());
        if embeddings.tensor().device().is_some() {
            return listed::of_thirds(self, embeddings);
        }
        let count = embeddings.shape()[0] as u32 / 3;
        let triplet = |n| Triplet { anchor: n, positive: count + n, negative: 2 * count + n };
        self.of_triplets(embeddings, &(0..count).map(triplet).collect::<Vec<_>>())
    }

    /// The loss of listed triplets.
    #[track_caller]
    fn of_triplets(self, embeddings: &Var, triplets: &[Triplet]) -> (Var, Counts) {
        if self.kind == Kind::Contrastive {
            let pairs = |t: &Triplet| [(t.anchor, t.positive, true), (t.anchor, t.negative, false)];
            return self.of_pairs(embeddings, &triplets.iter().flat_map(pairs).collect::<Vec<_>>());
        }
        if triplets.is_empty() {
            return nothing(embeddings);
        }
        let count = embeddings.shape()[0] as u32;
        let squares = ops::squared_distances(embeddings, embeddings);
        let distances = if self.squared { squares } else { ops::sqrt(&squares) };
        let of = |other: fn(&Triplet) -> u32| {
            let place = |triplet: &Triplet| triplet.anchor * count + other(triplet);
            ops::take(&distances, &triplets.iter().map(place).collect::<Vec<_>>())
        };
        let difference = ops::sub(&of(|triplet| triplet.positive), &of(|triplet| triplet.negative));
        let each = if self.kind == Kind::SoftTriplet {
            ops::softplus(&difference)
        } else {
            ops::relu(&ops::add_scalar(&difference, self.margin))
        };
        counted(&each)
    }

    /// The contrastive loss of pairs: two places, and whether they are of one person.
    #[track_caller]
    fn of_pairs(self, embeddings: &Var, pairs: &[(u32, u32, bool)]) -> (Var, Counts) {
        if pairs.is_empty() {
            return nothing(embeddings);
        }
        let side = |place: fn(&(u32, u32, bool)) -> u32| {
            ops::gather_rows(embeddings, &pairs.iter().map(place).collect::<Vec<_>>())
        };
        let same: Vec<f32> = pairs.iter().map(|pair| f32::from(pair.2)).collect();
        let loss = Contrastive {
            margin: self.margin,
            reduction: gobelin_losses::Reduction::None,
            ..Contrastive::default()
        };
        counted(&loss.of(&side(|pair| pair.0), &side(|pair| pair.1), &Tensor::new(&[pairs.len()], same)))
    }

    pub(crate) fn choice(self) -> Option<Choice> {
        match self.mine {
            Mine::SemiHard(fallback) => Some(Choice::SemiHard { fallback }),
            Mine::BatchHard => Some(Choice::Hard),
            Mine::DistanceWeighted => Some(Choice::DistanceWeighted { nearest: NEAREST, farthest: FARTHEST }),
            Mine::BatchAll => None,
        }
    }
}

/// How many triplets a batch of `people` times `faces` has.
pub fn every_triplet_count(people: usize, faces: usize) -> usize {
    let batch = people.saturating_mul(faces);
    batch.saturating_mul(faces - 1).saturating_mul(batch - faces)
}

/// The mean of losses, and how many there are.
fn counted(each: &Var) -> (Var, Counts) {
    let active = each.tensor().data().iter().filter(|&&loss| loss > 0.0).count();
    (ops::mean(each), known(each.tensor().len(), active))
}

/// No triplet: a loss of 0 with a zero gradient.
fn nothing(embeddings: &Var) -> (Var, Counts) {
    (ops::scale(&ops::sum(embeddings), 0.0), known(0, 0))
}

fn known(counted: usize, active: usize) -> Counts {
    Counts { counted: Figure::Known(counted as f64), active: Figure::Known(active as f64) }
}

fn every_triplet(labels: &[f32]) -> Vec<Triplet> {
    let places = || 0..labels.len();
    let mut triplets = Vec::new();
    for anchor in places() {
        for positive in places().filter(|&other| other != anchor && labels[other] == labels[anchor]) {
            let negatives = places().filter(|&other| labels[other] != labels[anchor]);
            triplets.extend(negatives.map(|negative| Triplet {
                anchor: anchor as u32,
                positive: positive as u32,
                negative: negative as u32,
            }));
        }
    }
    triplets
}

fn every_pair(labels: &[f32]) -> Vec<(u32, u32, bool)> {
    let before = |i: usize| (0..i).map(move |j| (j as u32, i as u32, labels[i] == labels[j]));
    (0..labels.len()).flat_map(before).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use gobelin_autograd::{Tape, random};

    const LABELS: [i64; 9] = [0, 0, 0, 1, 1, 1, 2, 2, 2];

    fn embeddings(stream: u64) -> Tensor {
        let drawn = random::normal(&[9, 4], 0.0, 1.0, &mut random::generator(3, stream));
        ops::l2_normalise(&drawn.into()).into_tensor()
    }

    fn labels() -> Labels {
        Labels::new(&LABELS, 5)
    }

    fn all_triplets() -> Vec<Triplet> {
        every_triplet(labels().numbers().data())
    }

    fn numbers(counts: &Counts) -> [f64; 2] {
        [counts.counted.get(), counts.active.get()]
    }

    fn loss_and_gradient(objective: Objective, listed: bool, stream: u64) -> (f32, [f64; 2], Tensor) {
        let tape = Tape::new();
        let e = tape.leaf(embeddings(stream));
        let (loss, counts) = if listed {
            objective.of_triplets(&e, &objective.triplets(e.tensor(), &labels()).unwrap())
        } else {
            objective.of(&e, &labels())
        };
        (loss.item(), numbers(&counts), tape.gradients(&loss, &[&e]).remove(0))
    }

    #[test]
    fn a_list_of_triplets_has_the_loss_of_the_batch() {
        for mine in [
            Mine::SemiHard(Fallback::Skip),
            Mine::SemiHard(Fallback::Largest),
            Mine::BatchHard,
            Mine::DistanceWeighted,
        ] {
            for squared in [true, false] {
                let objective = Objective { kind: Kind::Triplet, mine, margin: 0.7, squared };
                let (batch, batch_counts, batch_gradient) = loss_and_gradient(objective, false, 1);
                let (list, list_counts, list_gradient) = loss_and_gradient(objective, true, 1);
                assert!((batch - list).abs() < 1e-5 && batch > 0.0, "{objective:?}: {batch} and {list}");
                assert_eq!(batch_counts, list_counts, "{objective:?}");
                let gradients = batch_gradient.data().iter().zip(list_gradient.data());
                assert!(gradients.into_iter().all(|(a, b)| (a - b).abs() < 1e-5), "{objective:?}");
            }
        }
    }

    #[test]
    fn a_soft_margin_is_the_mean_softplus() {
        let e = embeddings(2);
        let d = |i: u32, j: u32| -> f64 {
            let row = |i: u32| &e.data()[4 * i as usize..][..4];
            row(i).iter().zip(row(j)).map(|(a, b)| f64::from(a - b).powi(2)).sum()
        };
        for mine in [Mine::BatchHard, Mine::BatchAll] {
            let objective = Objective { kind: Kind::SoftTriplet, mine, margin: 0.2, squared: true };
            let triplets = objective.triplets(&e, &labels()).unwrap_or_else(all_triplets);
            let soft = |t: &Triplet| (1.0 + (d(t.anchor, t.positive) - d(t.anchor, t.negative)).exp()).ln();
            let expected = triplets.iter().map(soft).sum::<f64>() / triplets.len() as f64;
            let (found, counts) = objective.of(&e.clone().into(), &labels());
            assert!((f64::from(found.item()) - expected).abs() < 1e-5, "{mine:?}");
            assert_eq!(numbers(&counts), [triplets.len() as f64; 2]);
        }
        assert_eq!(all_triplets().len(), every_triplet_count(3, 3));
    }

    #[test]
    fn pairs_are_those_of_the_triplets_or_all() {
        let of = |mine| {
            let objective = Objective { kind: Kind::Contrastive, mine, margin: 1.0, squared: true };
            objective.of(&embeddings(4).into(), &labels()).1.counted.get()
        };
        assert_eq!(of(Mine::BatchHard), 18.0);
        assert_eq!(of(Mine::BatchAll), 36.0);
    }

    #[test]
    fn nothing_to_mine_is_0_with_a_zero_gradient() {
        for kind in [Kind::Triplet, Kind::SoftTriplet, Kind::Contrastive] {
            let objective = Objective { kind, mine: Mine::BatchHard, margin: 0.2, squared: true };
            let tape = Tape::new();
            let e = tape.leaf(embeddings(1));
            let (loss, counts) = objective.of(&e, &Labels::new(&[7; 9], 0));
            assert_eq!((loss.item(), numbers(&counts)), (0.0, [0.0; 2]), "{kind:?}");
            assert!(tape.gradients(&loss, &[&e])[0].data().iter().all(|&g| g == 0.0));
        }
    }

    /// On a card every loss of every mining, in the host's unit: value, counts and gradient; nothing leaves it.
    #[test]
    fn a_card_gives_what_the_host_gives() {
        let Some(card) = gobelin_emulation::asked_for() else { return };
        let told = |e: &Tensor, loss: &dyn Fn(&Var) -> (Var, Counts)| {
            let tape = Tape::new();
            let leaf = tape.leaf(e.clone());
            let (value, counts) = loss(&leaf);
            let gradient = tape.gradients(&ops::scale(&value, 2.0), &[&leaf]).remove(0);
            (value.item(), numbers(&counts), gradient)
        };
        let must_agree = |objective: Objective, loss: &dyn Fn(&Var) -> (Var, Counts)| {
            let e = embeddings(5);
            let (expected, host) = (told(&e, loss), objective);
            let found = told(&e.to_device(&card), loss);
            assert!(
                (found.0 - expected.0).abs() < 1e-6 && expected.0 > 0.0,
                "{host:?}: {found:?}, {expected:?}"
            );
            assert_eq!(found.1, expected.1, "{host:?}");
            assert!(found.2.device() == Some(&card), "{host:?}: the gradient left the card");
            let differences = found.2.data().iter().zip(expected.2.data()).map(|(a, b)| (a - b).abs());
            assert!(differences.fold(0.0, f32::max) < 1e-6, "{host:?}");
        };
        for kind in [Kind::Triplet, Kind::SoftTriplet, Kind::Contrastive] {
            for squared in [true, false] {
                for mine in [
                    Mine::SemiHard(Fallback::Skip),
                    Mine::SemiHard(Fallback::Largest),
                    Mine::BatchHard,
                    Mine::BatchAll,
                    Mine::DistanceWeighted,
                ] {
                    let objective = Objective { kind, mine, margin: 0.9, squared };
                    // One of them alone, another with fewer positives than others have.
                    let labels = objective.labels(&[0, 0, 0, 1, 2, 2, 2, 7, 2], 5);
                    must_agree(objective, &|e| objective.of(e, &labels));
                }
                let objective = Objective { kind, mine: Mine::BatchHard, margin: 0.9, squared };
                must_agree(objective, &|e| objective.of_thirds(e));
            }
        }
    }

    #[test]
    fn embeddings_that_are_not_finite_have_no_finite_loss() {
        let card = gobelin_emulation::asked_for();
        let places = std::iter::once(None).chain(card.as_ref().map(Some));
        for (place, spoilt) in
            places.flat_map(|place| [f32::NAN, f32::INFINITY].map(|spoilt| (place, spoilt)))
        {
            let mut e = embeddings(1);
            e.data_mut()[5] = spoilt;
            let e: Var = place.map_or(e.clone(), |card| e.to_device(card)).into();
            for kind in [Kind::Triplet, Kind::SoftTriplet, Kind::Contrastive] {
                for mine in
                    [Mine::BatchHard, Mine::SemiHard(Fallback::Skip), Mine::DistanceWeighted, Mine::BatchAll]
                {
                    let objective = Objective { kind, mine, margin: 0.2, squared: true };
                    let (loss, _) = objective.of(&e, &objective.labels(&LABELS, 0));
                    assert!(
                        !loss.item().is_finite(),
                        "{objective:?} of {spoilt}, {place:?}: {}",
                        loss.item()
                    );
                }
            }
        }
    }

    #[test]
    fn nothing_to_mine_on_a_card_is_0_with_a_zero_gradient() {
        let Some(card) = gobelin_emulation::asked_for() else { return };
        for kind in [Kind::Triplet, Kind::SoftTriplet, Kind::Contrastive] {
            for mine in [Mine::BatchHard, Mine::SemiHard(Fallback::Hardest), Mine::DistanceWeighted] {
                let objective = Objective { kind, mine, margin: 0.2, squared: true };
                let tape = Tape::new();
                let e = tape.leaf(embeddings(1).to_device(&card));
                let (loss, counts) = objective.of(&e, &objective.labels(&[7; 9], 0));
                assert_eq!((loss.item(), numbers(&counts)), (0.0, [0.0; 2]), "{objective:?}");
                assert!(tape.gradients(&loss, &[&e])[0].data().iter().all(|&g| g == 0.0));
            }
        }
    }
}
