//! Data whose small pictures are left out.

use std::sync::Arc;

use crate::{DataError, Dataset, Sample, View};

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

impl View for AtLeast {
    fn whole(&self) -> &dyn Dataset {
        &*self.whole
    }

    fn see(&self, index: usize) -> Result<Sample, DataError> {
        let sample = self.whole.sample(index)?;
        let (height, width) = (sample.picture.height, sample.picture.width);
        if height.min(width) >= self.side {
            return Ok(sample);
        }
        let reason =
            format!("{height}x{width} pixels (height x width); expected at least {} on each side", self.side);
        Err(DataError::Picture { path: self.whole.name(index), reason })
    }
}
