//! The beginning of a dataset.

use std::sync::Arc;

use crate::{DataError, Dataset, PictureShape, Sample};

/// The first pictures of a dataset: how much does a trainer make of little data?
pub struct First {
    whole: Arc<dyn Dataset>,
    count: usize,
}

impl First {
    /// The first `count` pictures, or all there are.
    ///
    /// # Panics
    /// When `count` is 0.
    #[track_caller]
    pub fn new(whole: Arc<dyn Dataset>, count: usize) -> Self {
        assert!(count > 0, "First::new: 0 pictures, expected at least one");
        Self { count: count.min(whole.len()), whole }
    }
}

impl Dataset for First {
    fn len(&self) -> usize {
        self.count
    }

    fn sample(&self, index: usize) -> Result<Sample, DataError> {
        self.whole.sample(index)
    }

    fn label(&self, index: usize) -> u32 {
        self.whole.label(index)
    }

    fn classes(&self) -> usize {
        self.whole.classes()
    }

    fn class_name(&self, label: u32) -> String {
        self.whole.class_name(label)
    }

    fn name(&self, index: usize) -> String {
        self.whole.name(index)
    }

    fn shape(&self) -> Option<PictureShape> {
        self.whole.shape()
    }

    fn shortest_side(&self) -> Option<usize> {
        self.whole.shortest_side()
    }

    fn describe(&self) -> String {
        format!("{}, the first {} of them", self.whole.describe(), self.count)
    }
}
