//! Squares of pictures in, updates out: what both tasks share.

use gobelin_autograd::Tensor;
use gobelin_datasets::{Batch, Loader};
use gobelin_harness::{Failure, Grid, State, StateError, StepReport, Summary, Trainer};
use gobelin_nets::weights::Weights;

use crate::task::Task;

/// Trains a network on squares cut from pictures. One step is one update, and one of the discriminator where there is one.
pub struct SuperresTrainer {
    task: Box<dyn Task>,
    loader: Loader,
    batch: Batch,
    /// Pictures that did not serve, as far as they have been told.
    skipped: usize,
}

impl SuperresTrainer {
    /// A trainer at its beginning.
    pub(crate) fn new(task: Box<dyn Task>, loader: Loader) -> Self {
        Self { task, loader, batch: Batch::default(), skipped: 0 }
    }

    /// Warns of pictures that did not serve since the last step.
    fn tell_skipped(&mut self, report: StepReport) -> StepReport {
        let skipped = self.loader.skipped();
        let before = std::mem::replace(&mut self.skipped, skipped.len());
        match skipped.values().next() {
            Some(first) if skipped.len() > before => report.warning(
                "skipped-pictures",
                format!("{} pictures skipped so far; the first: {first}", skipped.len()),
            ),
            _ => report,
        }
    }
}

impl Trainer for SuperresTrainer {
    fn step(&mut self, _: u64) -> Result<StepReport, Failure> {
        self.loader.fill(&mut self.batch)?;
        let Batch { size, channels, .. } = self.batch;
        let pictures = Tensor::new(&[self.batch.len(), size, size, channels], &self.batch.pixels);
        let report = self.task.update(&pictures);
        Ok(self.tell_skipped(report))
    }

    fn gradient_norms(&self) -> Vec<(String, f32)> {
        self.task.gradient_norms()
    }

    fn save(&self, state: &mut State) {
        self.task.save(state);
        state.put_integer("data-position", self.loader.position() as i64);
    }

    fn load(&mut self, state: &State) -> Result<(), StateError> {
        self.task.load(state)?;
        self.loader.seek(state.integer("data-position")? as u64);
        Ok(())
    }

    fn samples(&mut self) -> Result<Vec<Grid>, Failure> {
        Ok(self.task.samples())
    }

    fn evaluate(&mut self) -> Result<Vec<(String, f64)>, Failure> {
        Ok(self.task.evaluate())
    }

    fn export(&mut self) -> Vec<(String, Weights)> {
        self.task.export()
    }

    fn summary(&mut self) -> Result<Summary, Failure> {
        Ok(Summary { metrics: self.task.evaluate(), line: self.task.summary() })
    }
}
