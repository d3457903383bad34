//! What a network can be trained for.

use gobelin_autograd::Tensor;
use gobelin_harness::{Grid, State, StateError, StepReport};
use gobelin_nets::weights::Weights;

/// A network in training for one purpose, as [`crate::trainer::SuperresTrainer`] feeds it: the harness's trainer without
/// its data.
pub trait Task {
    /// One update from pictures `(N, crop, crop, 3)` in [-1, 1].
    fn update(&mut self, pictures: &Tensor) -> StepReport;

    /// The norm of each gradient of the last update.
    fn gradient_norms(&self) -> Vec<(String, f32)>;

    /// Stores everything a later update depends on.
    fn save(&self, state: &mut State);

    /// Takes back what [`Task::save`] stored.
    ///
    /// # Errors
    /// Something is missing or does not fit.
    fn load(&mut self, state: &State) -> Result<(), StateError>;

    /// What the network makes of held-out pictures.
    fn samples(&mut self) -> Vec<Grid>;

    /// How good that is.
    fn evaluate(&mut self) -> Vec<(String, f64)>;

    /// The same in one line.
    fn summary(&mut self) -> String;

    /// The trained weights.
    fn export(&self) -> Vec<(String, Weights)>;
}
