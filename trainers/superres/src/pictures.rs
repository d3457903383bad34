//! Squares cut out of pictures: which pictures, in which order.
//!
//! Decoding a photograph takes longer than learning from a square of it. So each picture that has been decoded gives
//! several squares, in batches that come soon after one another, and then its memory is given back: a folder of
//! pictures that together are larger than memory streams through.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use gobelin_datasets::{BatchPlan, DataError, Dataset, Order, PictureShape, Sample, Shuffled};

/// Squares cut from a picture before it is decoded again.
const SQUARES: u64 = 8;
/// Batches' worth of pictures that squares are cut from in turn: more mix them better, and take more memory.
const BATCHES: usize = 2;
/// Bytes of decoded pictures that are held at most.
const HELD: usize = 512 << 20;

/// A dataset without its small pictures, which holds those that were decoded last.
pub struct Pictures {
    whole: Arc<dyn Dataset>,
    least: usize,
    /// How often the whole is listed, so that a batch larger than a small folder finds enough.
    copies: usize,
    /// How many decoded pictures are held at most.
    most: usize,
    held: Mutex<VecDeque<(usize, Sample)>>,
}

impl Pictures {
    /// Those of at least `least` pixels a side, listed as often as a batch of `batch` needs.
    pub fn new(whole: Arc<dyn Dataset>, least: usize, batch: usize) -> Self {
        let copies = batch.div_ceil(whole.len());
        Self { whole, least, copies, most: batch * BATCHES, held: Mutex::default() }
    }

    fn find(&self, index: usize) -> Option<Sample> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let place = held.iter().position(|(number, _)| *number == index)?;
        let found = held.remove(place)?;
        let sample = found.1.clone();
        held.push_back(found);
        Some(sample)
    }

    fn hold(&self, index: usize, sample: &Sample) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.push_back((index, sample.clone()));
        let bytes = |held: &VecDeque<(usize, Sample)>| -> usize {
            held.iter().map(|(_, sample)| sample.picture.pixels.len()).sum()
        };
        while held.len() > self.most || (held.len() > 1 && bytes(&held) > HELD) {
            held.pop_front();
        }
    }
}

impl Dataset for Pictures {
    fn len(&self) -> usize {
        self.whole.len() * self.copies
    }

    fn sample(&self, index: usize) -> Result<Sample, DataError> {
        let index = index % self.whole.len();
        if let Some(sample) = self.find(index) {
            return Ok(sample);
        }
        let sample = self.whole.sample(index)?;
        let (height, width, least) = (sample.picture.height, sample.picture.width, self.least);
        if height.min(width) < least {
            return Err(DataError::Picture {
                path: self.whole.name(index),
                reason: format!("{height}x{width} pixels; expected at least {least}x{least}, the crop"),
            });
        }
        self.hold(index, &sample);
        Ok(sample)
    }

    fn label(&self, index: usize) -> u32 {
        self.whole.label(index % self.whole.len())
    }

    fn classes(&self) -> usize {
        self.whole.classes()
    }

    fn class_name(&self, label: u32) -> String {
        self.whole.class_name(label)
    }

    fn name(&self, index: usize) -> String {
        self.whole.name(index % self.whole.len())
    }

    fn shape(&self) -> Option<PictureShape> {
        self.whole.shape()
    }

    fn describe(&self) -> String {
        self.whole.describe()
    }
}

/// Takes every picture [`SQUARES`] times before it goes on to the next ones.
pub struct InTurns {
    /// The pictures whose turn it is.
    turns: Shuffled,
    /// Batches in which each picture of a turn comes once.
    rounds: u64,
    batch: usize,
}

impl InTurns {
    /// An order over `pictures` pictures in batches of `batch`.
    ///
    /// # Panics
    /// When the batch is empty or larger than the data.
    #[track_caller]
    pub fn new(pictures: usize, batch: usize, seed: u64) -> Self {
        let rounds = if pictures >= batch * BATCHES { BATCHES } else { 1 };
        Self { turns: Shuffled::new(pictures, batch * rounds, seed), rounds: rounds as u64, batch }
    }
}

impl Order for InTurns {
    fn batch(&mut self, position: u64) -> BatchPlan {
        let batches = self.rounds * SQUARES;
        let BatchPlan { epoch, indices } = self.turns.batch(position / batches);
        let (square, round) = (position % batches / self.rounds, position % self.rounds);
        // Each time one further, so that no two pictures stay together.
        let first = round as usize * self.batch + square as usize;
        let indices = indices.iter().cycle().skip(first).take(self.batch).copied().collect();
        // A square's place is drawn from the epoch and the picture.
        BatchPlan { epoch: epoch * SQUARES + square, indices }
    }

    fn batches_per_epoch(&self) -> u64 {
        self.turns.batches_per_epoch() * self.rounds * SQUARES
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use gobelin_datasets::{Drawings, Split};

    #[test]
    fn every_picture_gives_as_many_different_squares() {
        let mut order = InTurns::new(12, 3, 5);
        assert_eq!(order.batches_per_epoch(), 32);
        let mut squares: BTreeMap<(usize, u64), usize> = BTreeMap::new();
        for position in 0..64 {
            let plan = order.batch(position);
            assert_eq!((plan.indices.len(), plan.epoch / SQUARES), (3, position / 32));
            plan.indices.iter().for_each(|index| *squares.entry((*index, plan.epoch)).or_default() += 1);
        }
        assert_eq!(squares.len(), 12 * 16);
        assert!(squares.values().all(|count| *count == 1));
        // At once, or after others.
        assert_eq!(order.batch(17), InTurns::new(12, 3, 5).batch(17));
    }

    #[test]
    fn a_batch_may_be_larger_than_a_folder_and_small_pictures_are_named() {
        let two = || Arc::new(gobelin_datasets::Faces::new(gobelin_datasets::FacesOptions {
            size: 32,
            channels: 3,
            identities: 0..2,
            per_identity: 1,
            seed: 0,
        }));
        let pictures = Pictures::new(two(), 32, 5);
        assert_eq!(pictures.len(), 6);
        assert_eq!(pictures.sample(3).unwrap(), pictures.sample(1).unwrap());
        let error = Pictures::new(two(), 40, 1).sample(1).unwrap_err().to_string();
        let expected = "person 1 picture 0: 32x32 pixels; expected at least 40x40, the crop; replace or remove the file";
        assert_eq!(error, expected);
    }

    #[test]
    fn what_is_held_is_what_was_decoded_and_not_too_much() {
        let whole = Drawings::new(24, 3, Split::Train);
        let pictures = Pictures::new(Arc::new(whole.clone()), 24, 2);
        for index in [0, 1, 0, 2, 3, 4, 5, 6, 0, 6] {
            assert_eq!(pictures.sample(index).unwrap(), whole.sample(index).unwrap());
        }
        assert_eq!(pictures.held.lock().unwrap().len(), 2 * BATCHES);
    }
}
