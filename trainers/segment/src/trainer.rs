//! What a run of `gobelin segment` does and shows.

use gobelin_autograd::Device;
use gobelin_datasets::Picture;
use gobelin_harness::{Failure, Grid, State, StateError, StepReport, Summary, Trainer};
use gobelin_nets::weights::Weights;

use crate::compare::Comparison;
use crate::judge::{Judge, Scores, bits};
use crate::panels::Panels;
use crate::training::{THRESHOLD, Training};

/// Pictures in a grid of samples.
pub(crate) const SHOWN: usize = 6;

/// Trains one network, or compares two losses.
pub enum SegmentTrainer {
    /// One network. A step is one update.
    One(Box<Single>),
    /// `--compare`.
    Comparison(Box<Comparison>),
}

/// One network in training.
pub struct Single {
    training: Training,
    judge: Judge,
    shown: Vec<[Picture; 2]>,
    /// How good the masks are now, where that was asked since the last update.
    scores: Option<Scores>,
}

impl Single {
    /// At its beginning; samples show `size` pixels a side.
    ///
    /// # Errors
    /// If the held-out pictures cannot be read.
    pub fn new(training: Training, judge: Judge, size: usize) -> Result<Self, Failure> {
        let shown = judge.shown(SHOWN, size)?;
        Ok(Self { training, judge, shown, scores: None })
    }

    fn scores(&mut self) -> Result<Scores, Failure> {
        let scores = match self.scores {
            Some(scores) => scores,
            None => self.judge.scores(|picture| self.training.segment(picture))?,
        };
        self.scores = Some(scores);
        Ok(scores)
    }
}

impl Trainer for Single {
    fn step(&mut self, _: u64) -> Result<StepReport, Failure> {
        self.scores = None;
        let (learned, report) = self.training.update()?;
        let mut report = report.loss("loss", learned.loss);
        let parts = [
            ("loss/pixel", Some(learned.pixel)),
            ("loss/topology", learned.topology),
            ("loss/cldice", learned.cldice),
        ];
        for (name, value) in parts {
            if let Some(value) = value {
                report = report.diagnostic(name, value);
            }
        }
        Ok(report
            .diagnostic("gradient-norm", learned.gradient)
            .diagnostic("set/predicted", learned.predicted)
            .diagnostic("set/actual", learned.actual))
    }

    fn to_device(&mut self, card: &Device) -> bool {
        self.training.to_device(card);
        true
    }

    fn gradient_norms(&self) -> Vec<(String, f32)> {
        self.training
            .learner
            .descent
            .gradient_norms()
            .map(|(name, norm)| (name.to_owned(), norm as f32))
            .collect()
    }

    fn save(&self, state: &mut State) {
        self.training.save(state, "unet");
    }

    fn load(&mut self, state: &State) -> Result<(), StateError> {
        self.scores = None;
        self.training.load(state, "unet")
    }

    /// A row a picture: the picture, its mask, the probabilities of each answer, and what is wrong with the last.
    fn samples(&mut self) -> Result<Vec<Grid>, Failure> {
        let mut panels = Panels::default();
        let mut columns = 0;
        for [picture, mask] in &self.shown {
            panels.picture(picture);
            panels.picture(mask);
            let answers = self.training.probabilities(picture);
            for answer in &answers {
                panels.probabilities(answer, picture);
            }
            let last = answers.last().expect("at least one answer");
            let found: Vec<bool> = last.iter().map(|value| *value >= THRESHOLD).collect();
            panels.verdict(&found, &bits(mask), picture);
            columns = answers.len() + 3;
        }
        Ok(vec![panels.grid("masks", columns)])
    }

    fn evaluate(&mut self) -> Result<Vec<(String, f64)>, Failure> {
        Ok(self.scores()?.named().map(|(name, value)| (name.to_owned(), value)).collect())
    }

    fn export(&mut self) -> Vec<(String, Weights)> {
        vec![("unet.safetensors".into(), self.training.weights())]
    }

    fn summary(&mut self) -> Result<Summary, Failure> {
        let scores = self.scores()?;
        let line = format!(
            "IoU {:.3}, quality {:.3} within 2 pixels, Rand V {:.3}, Betti errors {:.2} (pieces) and {:.2} (holes) on {} \
             held-out pictures",
            scores.get("iou"),
            scores.get("quality"),
            scores.get("rand-v"),
            scores.get("betti-0-error"),
            scores.get("betti-1-error"),
            self.judge.count()
        );
        Ok(Summary { metrics: self.evaluate()?, line })
    }
}

impl SegmentTrainer {
    fn inner(&self) -> &dyn Trainer {
        match self {
            Self::One(single) => &**single,
            Self::Comparison(comparison) => &**comparison,
        }
    }

    fn inner_mut(&mut self) -> &mut dyn Trainer {
        match self {
            Self::One(single) => &mut **single,
            Self::Comparison(comparison) => &mut **comparison,
        }
    }
}

impl Trainer for SegmentTrainer {
    fn step(&mut self, step: u64) -> Result<StepReport, Failure> {
        self.inner_mut().step(step)
    }

    fn to_device(&mut self, card: &Device) -> bool {
        self.inner_mut().to_device(card)
    }

    fn gradient_norms(&self) -> Vec<(String, f32)> {
        self.inner().gradient_norms()
    }

    fn save(&self, state: &mut State) {
        self.inner().save(state);
    }

    fn load(&mut self, state: &State) -> Result<(), StateError> {
        self.inner_mut().load(state)
    }

    fn samples(&mut self) -> Result<Vec<Grid>, Failure> {
        self.inner_mut().samples()
    }

    fn evaluate(&mut self) -> Result<Vec<(String, f64)>, Failure> {
        self.inner_mut().evaluate()
    }

    fn export(&mut self) -> Vec<(String, Weights)> {
        self.inner_mut().export()
    }

    fn summary(&mut self) -> Result<Summary, Failure> {
        self.inner_mut().summary()
    }

    fn reports(&mut self) -> Result<Vec<(String, String)>, Failure> {
        self.inner_mut().reports()
    }
}
