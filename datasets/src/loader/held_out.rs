//! Fixed pictures for metrics.

use std::sync::Arc;

use rayon::prelude::*;

use super::augment::{Square, Squared};
use super::batch::Batch;
use super::worker::sample_or_next;
use crate::{DataError, Dataset, Sample};

/// Which pictures a [`HeldOut`] walks, and how they are handed out.
#[derive(Debug, Clone, Copy)]
pub struct HeldOutOptions {
    /// How many pictures in all; fewer when the data has fewer.
    pub count: usize,
    /// How many in a batch; the last batch has what is left.
    pub batch: usize,
    /// The side to resize and crop to.
    pub size: usize,
    /// 1 for grey, 3 for RGB.
    pub channels: usize,
}

/// An iterator over the same pictures every time, spread evenly over the data
/// (which may be sorted by class), without augmentation. Decodes on rayon's
/// threads when a batch is asked for.
pub struct HeldOut {
    dataset: Arc<dyn Dataset>,
    options: HeldOutOptions,
    given: usize,
}

impl HeldOut {
    /// Starts at the first picture.
    ///
    /// # Panics
    /// When a number is zero or channels are neither 1 nor 3.
    #[track_caller]
    pub fn new(dataset: Arc<dyn Dataset>, options: HeldOutOptions) -> Self {
        let HeldOutOptions { count, batch, size, channels } = options;
        assert!(
            count > 0 && batch > 0 && size > 0 && (channels == 1 || channels == 3),
            "HeldOut::new: {options:?}, expected numbers above zero and 1 or 3 channels"
        );
        let count = count.min(dataset.len());
        Self { dataset, options: HeldOutOptions { count, ..options }, given: 0 }
    }

    fn decode(&self, index: usize) -> Result<(usize, u32, Squared), DataError> {
        let (index, sample) = sample_or_next(&*self.dataset, index, &mut Vec::new())?;
        let square = Square { size: self.options.size, channels: self.options.channels };
        Ok((index, sample.label, square.fixed(&sample)))
    }
}

impl Iterator for HeldOut {
    type Item = Result<Batch, DataError>;

    fn next(&mut self) -> Option<Self::Item> {
        let HeldOutOptions { count, batch, size, channels } = self.options;
        let end = count.min(self.given + batch);
        if self.given == end {
            return None;
        }
        let place = |number: usize| spread(&*self.dataset, number, count);
        let decoded: Result<Vec<_>, _> =
            (self.given..end).into_par_iter().map(|number| self.decode(place(number))).collect();
        self.given = end;
        Some(decoded.map(|decoded| {
            let bytes: Vec<u8> =
                decoded.iter().flat_map(|(.., square)| &square.picture.pixels).copied().collect();
            let masks = decoded.iter().filter_map(|(.., square)| square.mask.as_ref());
            let masks: Vec<u8> = masks.flat_map(|mask| &mask.pixels).copied().collect();
            let mut batch = Batch {
                labels: decoded.iter().map(|(_, label, _)| *label).collect(),
                indices: decoded.iter().map(|(index, _, _)| *index).collect(),
                ..Batch::default()
            };
            batch.set_bytes(size, channels, &bytes, &masks);
            batch
        }))
    }
}

/// Number `number` of `count` places spread evenly over a dataset.
fn spread(dataset: &dyn Dataset, number: usize, count: usize) -> usize {
    (number as u128 * dataset.len() as u128 / count as u128) as usize
}

/// The pictures a [`HeldOut`] walks, as they are stored, each decoded when its turn comes, with its place in the dataset: for
/// metrics of whole pictures.
pub fn held_out_samples(
    dataset: &dyn Dataset,
    count: usize,
) -> impl Iterator<Item = Result<(usize, Sample), DataError>> {
    let count = count.min(dataset.len());
    (0..count).map(move |number| {
        let place = spread(dataset, number, count);
        sample_or_next(dataset, place, &mut Vec::new())
    })
}
