//! Data that stays in memory.

use std::sync::{Arc, OnceLock};

use crate::{DataError, Dataset, PictureShape, Sample};

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

impl Dataset for Remembered {
    fn len(&self) -> usize {
        self.whole.len()
    }

    fn sample(&self, index: usize) -> Result<Sample, DataError> {
        if let Some(sample) = self.samples[index].get() {
            return Ok(sample.clone());
        }
        let sample = self.whole.sample(index)?;
        // Another thread may have been faster, with the same sample.
        let _ = self.samples[index].set(sample.clone());
        Ok(sample)
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
