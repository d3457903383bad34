//! A network with the data it learns from.

use gobelin_autograd::{Device, Replay};
use gobelin_datasets::{Loader, Picture};
use gobelin_harness::{Failure, Hands, Skipped, State, StateError, StepReport};
use gobelin_nets::to_device;
use gobelin_nets::weights::{self, Weights};

use crate::learner::{Learned, Learner, Told};
use crate::lessons::{Lesson, Lessons, POSITION};
use crate::trouble::Trouble;

/// The probability from which a pixel is set.
pub const THRESHOLD: f32 = 0.5;

/// A learner, its data, and what it is watched for.
pub struct Training {
    /// The learner.
    pub learner: Learner,
    /// A whole update.
    once: Replay<Lesson, Told>,
    lessons: Hands<Lessons>,
    skipped: Skipped,
    trouble: Trouble,
    /// The weight of what VGG-19 sees.
    mu: f32,
}

impl Training {
    /// At its beginning; `loader` gives pictures with masks, `mu` is the weight of the topology loss in the objective.
    pub fn new(learner: Learner, loader: Loader, mu: f32) -> Self {
        Self {
            lessons: Hands::new(Lessons::new(loader, learner.objective.gap_weights)),
            learner,
            once: Replay::default(),
            skipped: Skipped::default(),
            trouble: Trouble::default(),
            mu,
        }
    }

    /// Computes on a card from now on.
    pub fn to_device(&mut self, card: &Device) {
        to_device(&self.learner.segmenter.net, card);
        self.lessons.to_device(card);
        self.once = Replay::on(card);
    }

    /// One update on the next batch: what it told, and signs of trouble.
    ///
    /// # Errors
    /// If the data cannot be read.
    pub fn update(&mut self) -> Result<(Learned, StepReport), Failure> {
        let lesson = self.lessons.take()?;
        let Self { learner, once, .. } = self;
        let told = once.run(lesson, |lesson| learner.update(&lesson));
        // Before pictures are dealt that this update does not see.
        let report = self.skipped.watch([self.lessons.dealer().loader()], StepReport::new());
        self.lessons.deal_ahead();
        let learned = told.read();
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
        let mut position = State::new();
        self.lessons.save(&mut position);
        state.put_part(prefix, position);
        self.trouble.save(state, &format!("{prefix}/trouble"));
    }

    /// Takes back what was stored.
    ///
    /// # Errors
    /// An entry is missing or has another shape.
    pub fn load(&mut self, state: &State, prefix: &str) -> Result<(), StateError> {
        state.load_module(&format!("{prefix}/net"), &self.learner.segmenter.net)?;
        state.load_optimiser(&format!("{prefix}/optimiser"), &mut *self.learner.descent.optimiser)?;
        let mut position = State::new();
        position.put_integer(POSITION, state.integer(&format!("{prefix}/{POSITION}"))?);
        self.lessons.load(&position)?;
        self.trouble = Trouble::load(state, &format!("{prefix}/trouble"))?;
        Ok(())
    }

    /// The weights as files have them.
    pub fn weights(&self) -> Weights {
        weights::stored(&self.learner.segmenter.net)
    }
}
