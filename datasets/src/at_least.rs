//! Data whose small pictures are left out.

use std::sync::Arc;

use crate::{DataError, Dataset, PictureShape, Sample};

/// A dataset whose pictures below a size count as pictures that do not serve: a loader skips them.
pub struct AtLeast {
    whole: Arc<dyn Dataset>,
    side: usize,
}

impl AtLeast {
    /// Pictures of at least `side` rows and columns.
    pub fn new(whole: Arc<dyn Dataset>, side: usize) -> Self {
        Self { whole, side }
    }
}

impl Dataset for AtLeast {
    fn len(&self) -> usize {
        self.whole.len()
    }

    fn sample(&self, index: usize) -> Result<Sample, DataError> {
        let sample = self.whole.sample(index)?;
        let (height, width) = (sample.picture.height, sample.picture.width);
        if height.min(width) >= self.side {
            return Ok(sample);
        }
        let reason =
            format!("{height}x{width} pixels (height x width); expected at least {} on each side", self.side);
        Err(DataError::Picture { path: self.name(index), reason })
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
        self.whole.describe()
    }
}
