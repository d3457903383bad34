//! Which pictures come when.

use crate::random::{Draws, Purpose};

/// The pictures of one batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchPlan {
    /// How many times the data had been gone through before.
    pub epoch: u64,
    /// Places in the dataset, one a picture.
    pub indices: Vec<usize>,
}

/// Says which pictures make batch number `position`, counted from 0 and
/// without end.
///
/// The answer depends on nothing but `position`, so that a run resumed at any
/// batch goes on as it would have; only caches may change in `self`.
pub trait Order: Send {
    /// The plan of one batch.
    fn batch(&mut self, position: u64) -> BatchPlan;

    /// How many batches make an epoch.
    fn batches_per_epoch(&self) -> u64;
}

/// Every picture once an epoch, in an order of its own each epoch; the
/// pictures left over at an epoch's end, too few for a batch, are dropped.
#[derive(Debug)]
pub struct Shuffled {
    pictures: usize,
    batch: usize,
    seed: u64,
    /// The last epoch asked for and its order, which takes 8 bytes a picture.
    epoch: Option<(u64, Vec<usize>)>,
}

impl Shuffled {
    /// An order over `pictures` pictures in batches of `batch`.
    ///
    /// # Panics
    /// When the batch is empty or larger than the data.
    #[track_caller]
    pub fn new(pictures: usize, batch: usize, seed: u64) -> Self {
        assert!(
            (1..=pictures).contains(&batch),
            "Shuffled::new: batches of {batch} from {pictures} pictures, expected from 1 to {pictures}"
        );
        Self { pictures, batch, seed, epoch: None }
    }
}

impl Order for Shuffled {
    fn batch(&mut self, position: u64) -> BatchPlan {
        let epoch = position / self.batches_per_epoch();
        let within = (position % self.batches_per_epoch()) as usize;
        if self.epoch.as_ref().is_none_or(|(held, _)| *held != epoch) {
            let order = Draws::new(Purpose::Order, self.seed, epoch, 0).permutation(self.pictures);
            self.epoch = Some((epoch, order));
        }
        let order = self.epoch.as_ref().map(|(_, order)| order.as_slice()).unwrap_or_default();
        BatchPlan { epoch, indices: order[within * self.batch..][..self.batch].to_vec() }
    }

    fn batches_per_epoch(&self) -> u64 {
        (self.pictures / self.batch) as u64
    }
}
