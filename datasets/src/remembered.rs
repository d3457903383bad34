//! Data that stays in memory.

use std::sync::{Arc, OnceLock};

use crate::{DataError, Dataset, Sample, View};

/// A dataset whose pictures are decoded or drawn once and then kept: for few pictures that take longer to draw than to learn from.
pub struct Remembered {
    whole: Arc<dyn Dataset>,
    samples: Vec<OnceLock<Sample>>,
}

impl Remembered {
    /// Nothing is in memory yet.
    pub fn new(whole: Arc<dyn Dataset>) -> Self {
        Self { samples: (0..whole.len()).map(|_| OnceLock::new()).collect(), whole }
    }
}

impl View for Remembered {
    fn whole(&self) -> &dyn Dataset {
        &*self.whole
    }

    fn see(&self, index: usize) -> Result<Sample, DataError> {
        if let Some(sample) = self.samples[index].get() {
            return Ok(sample.clone());
        }
        let sample = self.whole.sample(index)?;
        // Another thread may have been faster, with the same sample.
        let _ = self.samples[index].set(sample.clone());
        Ok(sample)
    }
}
