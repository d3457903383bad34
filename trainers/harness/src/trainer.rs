//! What a trainer is: its step, and how its state goes in and out.

use crate::error::Failure;
use crate::grid::Grid;
use crate::options::{Given, RunOptions};
use crate::state::{State, StateError};
use crate::tool::Tool;
use gobelin_autograd::Device;
use gobelin_nets::weights::Weights;
use serde::{Serialize, de::DeserializeOwned};

/// One algorithm in training: only what is particular to its paper. The
/// harness does the rest.
pub trait Trainer {
    /// One step, the `step`-th since the beginning of training; the first is 1.
    ///
    /// All randomness comes from generators that [`Trainer::save`] stores, so
    /// that a resumed run draws what an uninterrupted one would have drawn.
    ///
    /// # Errors
    /// Whatever stops training, as data that cannot be read any more.
    fn step(&mut self, step: u64) -> Result<StepReport, Failure>;

    /// Moves what is trained to a graphics card, where later steps then compute; whether it can. Asked once, before the first step
    /// and before [`Trainer::load`].
    fn to_device(&mut self, card: &Device) -> bool {
        let _ = card;
        false
    }

    /// The L2 norm of each gradient of the last step, by its parameter's name.
    /// Asked for only when a loss is not finite, to say where it began.
    fn gradient_norms(&self) -> Vec<(String, f32)> {
        Vec::new()
    }

    /// Stores everything that a later step depends on.
    fn save(&self, state: &mut State);

    /// Takes the state that [`Trainer::save`] stored.
    ///
    /// # Errors
    /// An entry is missing or has another shape.
    fn load(&mut self, state: &State) -> Result<(), StateError>;

    /// What the model makes, from fixed noise or fixed inputs. Must leave the
    /// state as it found it: how often samples are drawn must not matter.
    ///
    /// # Errors
    /// Whatever stops training.
    fn samples(&mut self) -> Result<Vec<Grid>, Failure>;

    /// Metrics that are too slow for every step, computed when samples are
    /// drawn. Must leave the state as it found it.
    ///
    /// # Errors
    /// Whatever stops training.
    fn evaluate(&mut self) -> Result<Vec<(String, f64)>, Failure> {
        Ok(Vec::new())
    }

    /// The trained weights: file names ending in `.safetensors`, and tensors
    /// under the names and in the shapes PyTorch's users expect, as
    /// [`gobelin_nets::weights::stored`] gives them.
    fn export(&mut self) -> Vec<(String, Weights)>;

    /// Other files of what was made, by name, written beside the weights: pictures that are the result itself.
    ///
    /// # Errors
    /// Whatever stops training.
    fn files(&mut self) -> Result<Vec<(String, Vec<u8>)>, Failure> {
        Ok(Vec::new())
    }

    /// How well it went, asked for once, after the last step.
    ///
    /// # Errors
    /// Whatever stops training.
    fn summary(&mut self) -> Result<Summary, Failure>;

    /// Texts for the run directory, as a table of what came out: file names and contents. Asked for once, after the last
    /// step.
    ///
    /// # Errors
    /// Whatever stops training.
    fn reports(&mut self) -> Result<Vec<(String, String)>, Failure> {
        Ok(Vec::new())
    }
}

/// A trainer's own flags, and how they make a trainer.
///
/// Derive `clap::Args`, `serde::Serialize` and `serde::Deserialize` with
/// `#[serde(rename_all = "kebab-case")]`, so that each key of config.toml is
/// the name of its flag. Flags' default values are clap's (`default_value_t`).
pub trait Recipe: clap::Args + Serialize + DeserializeOwned {
    /// What these options make.
    type Trainer: Trainer;
    /// The subcommand, the first part of run directories' names, and the
    /// trainer's name in config.toml.
    const NAME: &'static str;
    /// One line for the help.
    const ABOUT: &'static str;
    /// What the shared flags are when they are not given.
    const DEFAULTS: Defaults;
    /// Subcommands that use what was trained.
    const TOOLS: &'static [Tool] = &[];

    /// Fills in defaults that depend on other flags, and refuses values that
    /// cannot go together. Called for a new run only; what it leaves goes
    /// into config.toml.
    ///
    /// # Errors
    /// [`crate::Error::Call`] for flags that cannot be served.
    fn settle(&mut self, run: &mut RunOptions, given: &Given) -> Result<(), Failure> {
        let _ = (run, given);
        Ok(())
    }

    /// Opens the data and makes the nets in their seeded beginning.
    ///
    /// What is made must not depend on `run.steps`: training that ends at step
    /// n and is resumed to step m must be training to step m. A schedule's
    /// length is an option of its own.
    ///
    /// # Errors
    /// The data cannot be read or does not fit.
    fn build(&self, run: &RunOptions) -> Result<Self::Trainer, Failure>;
}

/// Defaults of the shared flags for one trainer.
#[derive(Clone, Copy, Debug)]
pub struct Defaults {
    /// `--data`
    pub data: &'static str,
    /// `--steps`
    pub steps: u64,
    /// `--batch`
    pub batch: usize,
    /// `--log-every`
    pub log_every: u64,
    /// `--sample-every`
    pub sample_every: u64,
}

/// What one step tells: its losses, its diagnostics, signs of trouble, and notes.
#[derive(Clone, Debug, Default)]
pub struct StepReport {
    pub(crate) losses: Vec<(String, f64)>,
    pub(crate) diagnostics: Vec<(String, f64)>,
    pub(crate) warnings: Vec<(&'static str, String)>,
    pub(crate) notes: Vec<String>,
}

impl StepReport {
    /// A report of nothing.
    pub fn new() -> StepReport {
        StepReport::default()
    }

    /// A loss: shown in the progress bar; the run stops if it is not finite.
    pub fn loss(mut self, name: impl Into<String>, value: impl Into<f64>) -> StepReport {
        self.losses.push((name.into(), value.into()));
        self
    }

    /// A diagnostic: goes to metrics.jsonl and TensorBoard at logged steps.
    pub fn diagnostic(mut self, name: impl Into<String>, value: impl Into<f64>) -> StepReport {
        self.diagnostics.push((name.into(), value.into()));
        self
    }

    /// A sign of trouble: `kind` names it in metrics.jsonl
    /// (`saturated-discriminator`), `text` says in one line what was seen and
    /// what may help. Told when it begins, not at every step that repeats it.
    pub fn warning(mut self, kind: &'static str, text: impl Into<String>) -> StepReport {
        self.warnings.push((kind, text.into()));
        self
    }

    /// A line for the user that is no sign of trouble, as at the end of an epoch.
    pub fn note(mut self, text: impl Into<String>) -> StepReport {
        self.notes.push(text.into());
        self
    }

    /// The signs of trouble: kind and text.
    pub fn warnings(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.warnings.iter().map(|(kind, text)| (*kind, text.as_str()))
    }

    /// Losses, then diagnostics.
    pub fn scalars(&self) -> impl Iterator<Item = &(String, f64)> {
        self.losses.iter().chain(&self.diagnostics)
    }
}

/// How well a whole training went.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    /// Final metrics by name, for metrics.jsonl.
    pub metrics: Vec<(String, f64)>,
    /// The last line the user sees, which the harness ends with where
    /// everything lies.
    pub line: String,
}
