//! Datasets seen through another.

use crate::{DataError, Dataset, PictureShape, Sample};

/// The pictures of another dataset under their own numbers, seen in another way. Every view is a [`Dataset`].
pub trait View: Send + Sync {
    /// What is seen.
    fn whole(&self) -> &dyn Dataset;

    /// Picture `index`, as [`Dataset::sample`] is to give it.
    ///
    /// # Errors
    /// As [`Dataset::sample`].
    fn see(&self, index: usize) -> Result<Sample, DataError>;
}

impl<V: View> Dataset for V {
    fn len(&self) -> usize {
        self.whole().len()
    }

    fn sample(&self, index: usize) -> Result<Sample, DataError> {
        self.see(index)
    }

    fn label(&self, index: usize) -> u32 {
        self.whole().label(index)
    }

    fn classes(&self) -> usize {
        self.whole().classes()
    }

    fn class_name(&self, label: u32) -> String {
        self.whole().class_name(label)
    }

    fn name(&self, index: usize) -> String {
        self.whole().name(index)
    }

    fn shape(&self) -> Option<PictureShape> {
        self.whole().shape()
    }

    fn shortest_side(&self) -> Option<usize> {
        self.whole().shortest_side()
    }

    fn describe(&self) -> String {
        self.whole().describe()
    }
}
