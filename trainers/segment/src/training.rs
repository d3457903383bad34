//! A network with the data it learns from.

use gobelin_autograd::{Device, Replay, Tensor};
use gobelin_datasets::{Batch, Loader, Picture};
use gobelin_harness::{Failure, Skipped, State, StateError, StepReport};
use gobelin_nets::to_device;
use gobelin_nets::weights::{self, Weights};

use crate::learner::{Learned, Learner, Lesson, Told};
use crate::trouble::Trouble;

/// The probability from which a pixel is set.
pub const THRESHOLD: f32 = 0.5;

/// A learner, its data, and what it is watched for.
pub struct Training {
    /// The learner.
    pub learner: Learner,
    /// A whole update.
    once: Replay<Lesson, Told>,
    loader: Loader,
    batch: Batch,
    skipped: Skipped,
    trouble: Trouble,
    /// The weight of what VGG-19 sees.
    mu: f32,
}

impl Training {
    /// At its beginning; `loader` gives pictures with masks, `mu` is the weight of the topology loss in the objective.
    pub fn new(learner: Learner, loader: Loader, mu: f32) -> Self {
        Self {
            learner,
            once: Replay::default(),
            loader,
            batch: Batch::default(),
            skipped: Skipped::default(),
            trouble: Trouble::default(),
            mu,
        }
    }

    /// Computes on a card from now on.
    pub fn to_device(&mut self, card: &Device) {
        to_device(&self.learner.segmenter.net, card);
        self.once = Replay::on(card);
    }

    /// One update on the next batch: what it told, and signs of trouble.
    ///
    /// # Errors
    /// If the data cannot be read.
    pub fn update(&mut self) -> Result<(Learned, StepReport), Failure> {
        self.loader.fill(&mut self.batch)?;
        let Batch { size, channels, .. } = self.batch;
        let shape = |channels: usize| [self.batch.len(), size, size, channels];
        let pictures = Tensor::new(&shape(channels), &self.batch.pixels);
        let masks = Tensor::new(&shape(1), &self.batch.masks);
        let lesson = self.learner.lesson(pictures, masks);
        let Self { learner, once, .. } = self;
        let learned = once.run(lesson, |lesson| learner.update(&lesson)).read();
        let report = self.skipped.watch([&self.loader], StepReport::new());
        let report = self.trouble.watch(&learned, self.mu, report);
        Ok((learned, report))
    }

    /// The probability of the mask at each pixel, in each of the network's answers.
    pub fn probabilities(&self, picture: &Picture) -> Vec<Vec<f32>> {
        self.learner.segmenter.probabilities(picture, self.learner.is_exact())
    }

    /// The mask of a picture, by the network's last answer.
    pub fn segment(&self, picture: &Picture) -> Vec<bool> {
        let answers = self.probabilities(picture);
        let last = answers.last().expect("at least one answer");
        last.iter().map(|probability| *probability >= THRESHOLD).collect()
    }

    /// Stores everything a later update depends on under `prefix`.
    pub fn save(&self, state: &mut State, prefix: &str) {
        state.put_module(&format!("{prefix}/net"), &self.learner.segmenter.net);
        state.put_optimiser(&format!("{prefix}/optimiser"), &*self.learner.descent.optimiser);
        state.put_integer(format!("{prefix}/data-position"), self.loader.position() as i64);
        self.trouble.save(state, &format!("{prefix}/trouble"));
    }

    /// Takes back what was stored.
    ///
    /// # Errors
    /// An entry is missing or has another shape.
    pub fn load(&mut self, state: &State, prefix: &str) -> Result<(), StateError> {
        state.load_module(&format!("{prefix}/net"), &self.learner.segmenter.net)?;
        state.load_optimiser(&format!("{prefix}/optimiser"), &mut *self.learner.descent.optimiser)?;
        self.loader.seek(state.integer(&format!("{prefix}/data-position"))? as u64);
        self.trouble = Trouble::load(state, &format!("{prefix}/trouble"))?;
        Ok(())
    }

    /// The weights as files have them.
    pub fn weights(&self) -> Weights {
        weights::stored(&self.learner.segmenter.net)
    }
}
