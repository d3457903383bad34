//! What updates learn from, dealt from the data.

use gobelin_autograd::{Bundle, Tensor};
use gobelin_datasets::{Batch, Loader};
use gobelin_harness::{Dealer, Failure, State, StateError};

use crate::objective::GapWeights;

/// What an update learns from.
#[derive(Clone, Debug)]
pub struct Lesson {
    /// (N, H, W, channels) in [-1, 1].
    pub pictures: Tensor,
    /// (N, H, W, 1) of 0 and 1.
    pub masks: Tensor,
    /// The weight of each pixel that its gaps give it, where the objective has such weights.
    pub gaps: Option<Tensor>,
}

impl Lesson {
    /// Of `pictures` (N, H, W, channels) in [-1, 1] and their `masks` (N, H, W, 1) of 0 and 1 on the host.
    pub fn new(pictures: Tensor, masks: Tensor, gap_weights: Option<GapWeights>) -> Self {
        Self { gaps: gap_weights.map(|weights| weights.of(&masks)), pictures, masks }
    }
}

impl Bundle for Lesson {
    fn each_tensor(&mut self, visit: &mut dyn FnMut(&mut Tensor)) {
        visit(&mut self.pictures);
        visit(&mut self.masks);
        self.gaps.each_tensor(visit);
    }
}

/// Deals a loader's pictures and masks.
pub struct Lessons {
    loader: Loader,
    batch: Batch,
    gap_weights: Option<GapWeights>,
}

impl Lessons {
    /// From where the loader is.
    pub fn new(loader: Loader, gap_weights: Option<GapWeights>) -> Self {
        Self { loader, batch: Batch::default(), gap_weights }
    }

    /// The loader.
    pub fn loader(&self) -> &Loader {
        &self.loader
    }
}

/// Where the loader's position is stored.
pub(crate) const POSITION: &str = "data-position";

impl Dealer for Lessons {
    type Hand = Lesson;

    fn deal(&mut self) -> Result<Lesson, Failure> {
        self.loader.fill(&mut self.batch)?;
        let Batch { size, channels, .. } = self.batch;
        let shape = |channels: usize| [self.batch.len(), size, size, channels];
        let pictures = Tensor::new(&shape(channels), &self.batch.pixels);
        let masks = Tensor::new(&shape(1), &self.batch.masks);
        Ok(Lesson::new(pictures, masks, self.gap_weights))
    }

    fn save(&self, state: &mut State) {
        state.put_integer(POSITION, self.loader.position() as i64);
    }

    fn load(&mut self, state: &State) -> Result<(), StateError> {
        self.loader.seek(state.integer(POSITION)? as u64);
        Ok(())
    }
}
