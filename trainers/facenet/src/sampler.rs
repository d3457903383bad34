//! P people times K faces (Schroff et al. 2015, section 3.2; Hermans et al. 2017): which pictures make a batch.
//!
//! An epoch goes through the people once, in an order of its own, P at a time; those left over at its end, too few for a
//! batch, are dropped. Of each it shows K pictures, or all of a person who has fewer. Over the epochs, a person's pictures
//! are gone through in rounds, each in an order of its own, so that all are seen equally often.

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
    /// The last epoch asked for and its order of people.
    epoch: Option<(u64, Vec<usize>)>,
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
        Self { pictures, people, faces, seed, epoch: None }
    }

    /// What an epoch shows, in words.
    pub fn describe(&self) -> String {
        let batches = self.batches_per_epoch();
        let all: usize = self.pictures.iter().map(Vec::len).sum();
        let shown: usize = self.pictures.iter().map(|own| own.len().min(self.faces)).sum();
        format!(
            "an epoch is {batches} steps of {} people x {} faces: {} of {} people, and at most {shown} of their {all} pictures",
            self.people,
            self.faces,
            batches as usize * self.people,
            self.pictures.len()
        )
    }

    /// The pictures of a person that an epoch shows.
    fn faces_of(&self, person: usize, epoch: u64) -> Vec<usize> {
        let own = &self.pictures[person];
        let faces = self.faces.min(own.len());
        let epochs_a_round = (own.len() / faces) as u64;
        let mut order = own.clone();
        order.shuffle(&mut stream(FACES, self.seed, person as u64, epoch / epochs_a_round));
        order[(epoch % epochs_a_round) as usize * faces..][..faces].to_vec()
    }
}

impl Order for PeopleByFaces {
    fn batch(&mut self, position: u64) -> BatchPlan {
        let epoch = position / self.batches_per_epoch();
        let within = (position % self.batches_per_epoch()) as usize;
        if self.epoch.as_ref().is_none_or(|(held, _)| *held != epoch) {
            let mut order: Vec<usize> = (0..self.pictures.len()).collect();
            order.shuffle(&mut stream(PEOPLE, self.seed, epoch, 0));
            self.epoch = Some((epoch, order));
        }
        let order = self.epoch.as_ref().map(|(_, order)| order.as_slice()).unwrap_or_default();
        let chosen = &order[within * self.people..][..self.people];
        BatchPlan { epoch, indices: chosen.iter().flat_map(|&person| self.faces_of(person, epoch)).collect() }
    }

    fn batches_per_epoch(&self) -> u64 {
        (self.pictures.len() / self.people) as u64
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
            assert_eq!(plan.epoch, position / 3);
        }
    }

    #[test]
    fn an_epoch_shows_nobody_twice_and_a_round_every_picture_it_can() {
        let mut order = order(2);
        let mut shown = BTreeSet::new();
        for epoch in 0..30 {
            let plans: Vec<usize> = (0..3).flat_map(|n| order.batch(3 * epoch + n).indices).collect();
            let distinct: BTreeSet<usize> = plans.iter().copied().collect();
            assert_eq!(distinct.len(), plans.len());
            shown.extend(distinct);
        }
        assert_eq!(shown.len(), (0..10).map(|n| n + 2).sum::<usize>());
        // A person of 8 pictures: two epochs a round, which meet in no picture.
        for round in 0..5 {
            let [first, second] = [0, 1].map(|half| order.faces_of(6, 2 * round + half));
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
        let text =
            "an epoch is 3 steps of 3 people x 4 faces: 9 of 10 people, and at most 37 of their 65 pictures";
        assert_eq!(order(0).describe(), text);
    }
}
