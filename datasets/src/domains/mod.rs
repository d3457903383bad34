//! Two domains of pictures without pairs: A and B, to be translated into each other.

mod landscape;
mod season;

use std::sync::Arc;

pub use landscape::Season;
pub use season::{HELD_OUT_SCENES, SIDES, Seasons, TRAIN_SCENES};

use crate::{DataError, Dataset, PictureShape, Sample};

/// Both domains. As one dataset, all pictures of A come before those of B, and the label says which: 0 for A, 1 for B.
#[derive(Clone)]
pub struct Domains {
    /// Domain A.
    pub a: Arc<dyn Dataset>,
    /// Domain B. It may have more pictures than A, or fewer.
    pub b: Arc<dyn Dataset>,
}

impl Domains {
    fn place(&self, index: usize) -> (&dyn Dataset, usize) {
        let of_a = self.a.len();
        if index < of_a { (&*self.a, index) } else { (&*self.b, index - of_a) }
    }
}

impl Dataset for Domains {
    fn len(&self) -> usize {
        self.a.len() + self.b.len()
    }

    fn sample(&self, index: usize) -> Result<Sample, DataError> {
        let (domain, place) = self.place(index);
        Ok(Sample { label: self.label(index), ..domain.sample(place)? })
    }

    fn label(&self, index: usize) -> u32 {
        u32::from(index >= self.a.len())
    }

    fn classes(&self) -> usize {
        2
    }

    fn class_name(&self, label: u32) -> String {
        ["A", "B"][label as usize].into()
    }

    fn name(&self, index: usize) -> String {
        let (domain, place) = self.place(index);
        domain.name(place)
    }

    fn shape(&self) -> Option<PictureShape> {
        self.a.shape().filter(|shape| self.b.shape() == Some(*shape))
    }

    fn describe(&self) -> String {
        format!("A is {}, B is {}", self.a.describe(), self.b.describe())
    }
}
