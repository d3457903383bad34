//! The batches that steps learn from.

use gobelin_autograd::{Bundle, Tensor};
use gobelin_datasets::{Batch, Loader};
use gobelin_harness::{Dealer, Failure, State, StateError};

/// A batch, whatever it was drawn by.
#[derive(Clone)]
pub struct Drawn {
    /// (N, H, W, 3).
    pub pictures: Tensor,
    /// Who is on each.
    pub people: Vec<i64>,
    /// The place of each in its data.
    pub indices: Vec<usize>,
    /// How many times the data had been gone through before.
    pub epoch: u64,
    /// Whether these are anchors, positives and negatives drawn ahead; otherwise triplets are mined from the batch.
    pub are_thirds: bool,
}

impl Bundle for Drawn {
    fn each_tensor(&mut self, visit: &mut dyn FnMut(&mut Tensor)) {
        visit(&mut self.pictures);
    }
}

/// Deals batches of P people times K faces, to mine from.
pub struct Drawing {
    /// Where they come from.
    pub loader: Loader,
    batch: Batch,
}

impl Drawing {
    /// From where the loader is.
    pub fn new(loader: Loader) -> Self {
        Self { loader, batch: Batch::default() }
    }
}

impl Dealer for Drawing {
    type Hand = Drawn;

    fn deal(&mut self) -> Result<Drawn, Failure> {
        self.loader.fill(&mut self.batch)?;
        let Batch { size, channels, epoch, .. } = self.batch;
        Ok(Drawn {
            pictures: Tensor::new(&[self.batch.len(), size, size, channels], &self.batch.pixels),
            people: self.batch.labels.iter().map(|&label| i64::from(label)).collect(),
            indices: self.batch.indices.clone(),
            epoch,
            are_thirds: false,
        })
    }

    fn save(&self, state: &mut State) {
        state.put_integer("data-position", self.loader.position() as i64);
    }

    fn load(&mut self, state: &State) -> Result<(), StateError> {
        self.loader.seek(state.integer("data-position")? as u64);
        Ok(())
    }
}
