//! P people times K faces (Schroff et al. 2015, section 3.2; Hermans et al. 2017): which pictures make a batch.
//!
//! A round goes through the people once, in an order of its own, P at a time; those left over at its end, too few for a
//! batch, are dropped. Of each it shows K pictures, or all of a person who has fewer. From round to round a person's pictures
//! are gone through in turn, and in a new order when they are used up, so that all are seen equally often.
//!
//! An epoch is as many batches as would hold every picture once. Which they do hold is another matter: people are seen equally
//! often, so of a person with many pictures fewer are seen than there are, and those of a person with few come again.

use gobelin_datasets::{BatchPlan, Order};
use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;
use rand::seq::SliceRandom;

/// What a random stream is for: the first word of its key. The data crate's own purposes are small numbers.
const PEOPLE: u64 = 1001;
const FACES: u64 = 1002;

/// The order of P people times K faces. What a batch holds depends on its number alone, so a run that is resumed needs to know
/// nothing but that.
pub struct PeopleByFaces {
    /// The pictures of each person.
    pictures: Vec<Vec<usize>>,
    people: usize,
    faces: usize,
    seed: u64,
    /// The last round asked for and its order of people.
    round: Option<(u64, Vec<usize>)>,
}

impl PeopleByFaces {
    /// Batches of `people` of those whose `pictures` are given, `faces` pictures of each.
    ///
    /// # Panics
    /// If a batch has nobody or more people than there are, or somebody no picture.
    #[track_caller]
    pub fn new(pictures: Vec<Vec<usize>>, people: usize, faces: usize, seed: u64) -> Self {
        let enough = (1..=pictures.len()).contains(&people) && faces > 0;
        assert!(enough, "PeopleByFaces: {people} people x {faces} faces of {} people", pictures.len());
        assert!(pictures.iter().all(|own| !own.is_empty()), "PeopleByFaces: somebody without a picture");
        Self { pictures, people, faces, seed, round: None }
    }

    /// What an epoch is, in words.
    pub fn describe(&self) -> String {
        format!(
            "an epoch is {} steps of {} people x {} faces, as there are {} pictures of {} people",
            self.batches_per_epoch(),
            self.people,
            self.faces,
            self.all(),
            self.pictures.len()
        )
    }

    fn all(&self) -> usize {
        self.pictures.iter().map(Vec::len).sum()
    }

    /// The pictures of a person that a round shows.
    fn faces_of(&self, person: usize, round: u64) -> Vec<usize> {
        let own = &self.pictures[person];
        let faces = self.faces.min(own.len());
        let turns = (own.len() / faces) as u64;
        let mut order = own.clone();
        order.shuffle(&mut stream(FACES, self.seed, person as u64, round / turns));
        order[(round % turns) as usize * faces..][..faces].to_vec()
    }
}

impl Order for PeopleByFaces {
    fn batch(&mut self, position: u64) -> BatchPlan {
        let batches_a_round = (self.pictures.len() / self.people) as u64;
        let (round, within) = (position / batches_a_round, (position % batches_a_round) as usize);
        if self.round.as_ref().is_none_or(|(held, _)| *held != round) {
            let mut order: Vec<usize> = (0..self.pictures.len()).collect();
            order.shuffle(&mut stream(PEOPLE, self.seed, round, 0));
            self.round = Some((round, order));
        }
        let order = self.round.as_ref().map(|(_, order)| order.as_slice()).unwrap_or_default();
        let chosen = &order[within * self.people..][..self.people];
        BatchPlan {
            epoch: position / self.batches_per_epoch(),
            indices: chosen.iter().flat_map(|&person| self.faces_of(person, round)).collect(),
        }
    }

    fn batches_per_epoch(&self) -> u64 {
        (self.all() / (self.people * self.faces)).max(1) as u64
    }
}

/// A random stream that depends on nothing but its numbers.
pub(crate) fn stream(purpose: u64, seed: u64, first: u64, second: u64) -> ChaCha8Rng {
    let mut key = [0; 32];
    for (bytes, word) in key.chunks_exact_mut(8).zip([purpose, seed, first, second]) {
        bytes.copy_from_slice(&word.to_le_bytes());
    }
    ChaCha8Rng::from_seed(key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    /// Ten people: the n-th has n + 2 pictures, numbered from 100 n.
    fn order(seed: u64) -> PeopleByFaces {
        let pictures = (0..10).map(|n| (100 * n..100 * n + n + 2).collect()).collect();
        PeopleByFaces::new(pictures, 3, 4, seed)
    }

    #[test]
    fn a_batch_has_its_people_and_faces_each_once() {
        for position in 0..60 {
            let plan = order(1).batch(position);
            let people: Vec<usize> = plan.indices.iter().map(|index| index / 100).collect();
            let blocks: Vec<&[usize]> = people.chunk_by(|a, b| a == b).collect();
            assert_eq!(blocks.len(), 3, "{people:?}");
            assert!(blocks.iter().all(|block| block.len() == 4.min(block[0] + 2)));
            assert_eq!(plan.indices.iter().collect::<BTreeSet<_>>().len(), plan.indices.len());
            // 65 pictures, 12 in a batch.
            assert_eq!(plan.epoch, position / 5);
        }
    }

    #[test]
    fn a_round_shows_nobody_twice_and_the_rounds_every_picture() {
        let mut order = order(2);
        let mut shown = BTreeSet::new();
        for round in 0..30 {
            let plans: Vec<usize> = (0..3).flat_map(|n| order.batch(3 * round + n).indices).collect();
            let distinct: BTreeSet<usize> = plans.iter().copied().collect();
            assert_eq!(distinct.len(), plans.len());
            shown.extend(distinct);
        }
        assert_eq!(shown.len(), (0..10).map(|n| n + 2).sum::<usize>());
        // A person of 8 pictures: two rounds, which meet in no picture.
        for turn in 0..5 {
            let [first, second] = [0, 1].map(|half| order.faces_of(6, 2 * turn + half));
            assert!(first.iter().all(|picture| !second.contains(picture)));
        }
    }

    #[test]
    fn a_batch_depends_on_its_number_and_the_seed_alone() {
        let (mut forwards, mut again) = (order(3), order(3));
        let plans: Vec<BatchPlan> = (0..20).map(|position| forwards.batch(position)).collect();
        for position in (0..20).rev() {
            assert_eq!(again.batch(position), plans[position as usize]);
        }
        assert_ne!(order(4).batch(0), plans[0]);
    }

    #[test]
    fn an_epoch_is_described() {
        let text = "an epoch is 5 steps of 3 people x 4 faces, as there are 65 pictures of 10 people";
        assert_eq!(order(0).describe(), text);
    }
}
