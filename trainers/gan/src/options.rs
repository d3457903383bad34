//! The flags of `gobelin gan`.

use std::str::FromStr;

use clap::ValueEnum;
use gobelin_datasets::{Loader, LoaderOptions, OpenOptions, Source, Split};
use gobelin_harness::{Defaults, Error, Failure, Given, Recipe, RunOptions};
use gobelin_losses::gan::Adversarial;
use gobelin_nets::dcgan::{Norm, SIZES, Shape, UnknownSize, Upsampling};
use serde::{Deserialize, Serialize};

use crate::game::{Game, Method, Rules};
use crate::trainer::GanTrainer;

/// What is particular to GANs. What is not given is chosen by the loss and the data, and then written to config.toml.
#[derive(Clone, Debug, clap::Args, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct GanOptions {
    /// What both nets minimise
    #[arg(long, value_enum, default_value_t = Loss::Ns)]
    pub loss: Loss,
    /// Rows and columns of the pictures: 28, 32, 64 or 128 [default: 28 for idx, 32 for cifar10 and faces, else 64]
    #[arg(long, value_name = "PIXELS")]
    pub size: Option<usize>,
    /// Colours: 1 (grey) or 3 [default: as the data]
    #[arg(long, value_name = "N")]
    pub channels: Option<usize>,
    /// Channels of the map beside the picture; the maps behind have more [default: 64, as in the paper; 32 for faces at
    /// their default size]
    #[arg(long, value_name = "W")]
    pub width: Option<usize>,
    /// Length of the noise [paper: 100]
    #[arg(long, value_name = "Z", default_value_t = 100)]
    pub noise: usize,
    /// How both nets learn [default: adam; rmsprop for wgan]
    #[arg(long, value_enum)]
    pub optimiser: Option<Optimiser>,
    /// Learning rate of both nets [default: 2e-4; 5e-5 for rmsprop]
    #[arg(long, value_name = "RATE")]
    pub learning_rate: Option<f64>,
    /// Adam: what the mean of gradients keeps
    #[arg(long, value_name = "BETA", default_value_t = 0.5)]
    pub beta1: f64,
    /// Adam: what the mean of squared gradients keeps
    #[arg(long, value_name = "BETA", default_value_t = 0.999)]
    pub beta2: f64,
    /// Discriminator updates before each generator update [default: 1; 5 for wgan]
    #[arg(long, value_name = "N")]
    pub critic_updates: Option<usize>,
    /// Generator updates at the start (and every 500th later) before which the critic gets 100 updates [default: 25 for
    /// wgan with clipping, else 0]
    #[arg(long, value_name = "N")]
    pub warm_start: Option<u64>,
    /// Clip the critic's weights to plus and minus this after each of its updates; 0: not [default: 0.01 for wgan without
    /// gradient penalty, else 0]
    #[arg(long, value_name = "LIMIT")]
    pub clip: Option<f32>,
    /// Weight of the gradient penalty (WGAN-GP's is 10); 0: none
    #[arg(long, value_name = "LAMBDA", default_value_t = 0.0)]
    pub gradient_penalty: f32,
    /// Weight of the R1 penalty; 0: none
    #[arg(long, value_name = "GAMMA", default_value_t = 0.0)]
    pub r1: f32,
    /// The discriminator's norm [default: batch; instance with a penalty]
    #[arg(long, value_enum)]
    pub norm: Option<NormKind>,
    /// How the generator doubles its maps
    #[arg(long, value_enum, default_value_t = Upsample::Deconv)]
    pub upsample: Upsample,
    /// What the average of the generator's weights keeps at each update; 0: no average [default: 0, as in the paper; 0.995
    /// for faces at their default size]
    #[arg(long, value_name = "DECAY")]
    pub ema: Option<f64>,
    /// Real pictures are labelled 1 minus this
    #[arg(long, value_name = "AMOUNT", default_value_t = 0.0)]
    pub label_smoothing: f32,
    /// The probability that a picture's label is swapped
    #[arg(long, value_name = "P", default_value_t = 0.0)]
    pub label_noise: f32,
    /// Show pictures also turned left to right
    #[arg(long)]
    pub flip: bool,
    /// Held-out pictures that metrics compare with
    // An evaluation's time grows with them; the distance of real to real, which falls with them, is told beside it.
    #[arg(long, value_name = "N", default_value_t = 256)]
    pub held_out: usize,
}

/// `--loss`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Loss {
    /// Min-max, the first GAN
    Minmax,
    /// Non-saturating
    Ns,
    /// Least squares
    Ls,
    /// Wasserstein
    Wgan,
    /// Hinge
    Hinge,
}

impl From<Loss> for Adversarial {
    fn from(loss: Loss) -> Self {
        match loss {
            Loss::Minmax => Self::MinMax,
            Loss::Ns => Self::Ns,
            Loss::Ls => Self::Ls,
            Loss::Wgan => Self::Wgan,
            Loss::Hinge => Self::Hinge,
        }
    }
}

/// `--optimiser`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Optimiser {
    /// Adam
    Adam,
    /// RMSprop
    Rmsprop,
}

/// `--norm`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NormKind {
    /// Batch norm
    Batch,
    /// Instance norm with scale and shift
    Instance,
    /// Spectral norm of the weights
    Spectral,
}

/// `--upsample`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Upsample {
    /// Transposed convolutions, as in the paper
    Deconv,
    /// Nearest neighbours, then a convolution
    Resize,
}

impl GanOptions {
    fn refuse(message: impl Into<String>) -> Failure {
        Error::Call(message.into()).into()
    }

    /// Values out of range, and values that cannot go together.
    fn check(&self, run: &RunOptions) -> Result<(), Failure> {
        let between = |flag: &str, value: f64, low: f64, high: f64, help: &str| {
            if (low..=high).contains(&value) {
                return Ok(());
            }
            Err(Self::refuse(format!("--{flag} {value}: expected {low} to {high}{help}")))
        };
        if let Some(size) = self.size.filter(|size| !SIZES.contains(size)) {
            return Err(Self::refuse(format!("--{}", UnknownSize(size))));
        }
        if let Some(channels) = self.channels.filter(|channels| ![1, 3].contains(channels)) {
            return Err(Self::refuse(format!("--channels {channels}: expected 1 (grey) or 3 (colours)")));
        }
        between("width", self.width.unwrap_or(64) as f64, 1.0, 1024.0, "")?;
        between("noise", self.noise as f64, 1.0, 65536.0, "")?;
        between("beta1", self.beta1, 0.0, 0.999_999, "")?;
        between("beta2", self.beta2, 0.0, 0.999_999, "")?;
        between("learning-rate", self.learning_rate.unwrap_or(0.0), 0.0, 10.0, "")?;
        between("critic-updates", self.critic_updates.unwrap_or(1) as f64, 1.0, 1000.0, "")?;
        between("clip", f64::from(self.clip.unwrap_or(0.0)), 0.0, 100.0, " (0: no clipping)")?;
        between("gradient-penalty", f64::from(self.gradient_penalty), 0.0, 1e6, "")?;
        between("r1", f64::from(self.r1), 0.0, 1e6, "")?;
        between("ema", self.ema.unwrap_or(0.0), 0.0, 0.999_999, " (0: no average)")?;
        between("label-smoothing", f64::from(self.label_smoothing), 0.0, 0.5, "")?;
        between("label-noise", f64::from(self.label_noise), 0.0, 0.5, "")?;
        between("held-out", self.held_out as f64, 2.0, 1e6, "")?;
        let critic = Adversarial::from(self.loss).is_critic();
        if critic && (self.label_smoothing > 0.0 || self.label_noise > 0.0) {
            let message =
                "--label-smoothing and --label-noise: this loss has no labels; use --loss minmax, ns or ls";
            return Err(Self::refuse(message));
        }
        let penalised = self.gradient_penalty > 0.0 || self.r1 > 0.0;
        if penalised && self.norm == Some(NormKind::Batch) {
            let message = "--norm batch: a gradient penalty looks at each picture alone, batch norm mixes them; use \
                           --norm instance or spectral";
            return Err(Self::refuse(message));
        }
        // The narrow end of a generator is one picture's worth of values: batch norm needs two.
        if run.batch < 2 {
            return Err(Self::refuse(format!(
                "--batch {}: batch norm needs pictures to compare; use 2 or more",
                run.batch
            )));
        }
        Ok(())
    }

    fn open(
        &self,
        run: &RunOptions,
        split: Split,
    ) -> Result<std::sync::Arc<dyn gobelin_datasets::Dataset>, Failure> {
        let source = Source::from_str(&run.data).map_err(|error| Self::refuse(error.to_string()))?;
        let options =
            OpenOptions { split, size: self.size.unwrap_or(32), channels: self.channels.unwrap_or(3) };
        Ok(source.open(&options)?)
    }
}

impl Recipe for GanOptions {
    type Trainer = GanTrainer;
    const NAME: &'static str = "gan";
    const ABOUT: &'static str = "Train a generator of pictures against a discriminator";
    const DEFAULTS: Defaults =
        Defaults { data: "faces", steps: 2400, batch: 64, log_every: 10, sample_every: 400 };

    fn settle(&mut self, run: &mut RunOptions, _: &Given) -> Result<(), Failure> {
        self.check(run)?;
        let source = Source::from_str(&run.data).map_err(|error| Self::refuse(error.to_string()))?;
        // The first command on a new machine: faces that anybody sees within four minutes on two cores, which the
        // paper's size and width take half an hour for.
        let demonstration = source == Source::Faces && self.size.is_none();
        self.width.get_or_insert(if demonstration { 32 } else { 64 });
        self.ema.get_or_insert(if demonstration { 0.995 } else { 0.0 });
        self.size.get_or_insert(match source {
            Source::Idx(_) => 28,
            Source::Cifar10(_) | Source::Faces => 32,
            _ => 64,
        });
        if self.channels.is_none() {
            let data = self.open(run, Split::Train)?;
            self.channels = Some(data.shape().map_or(3, |shape| shape.channels));
        }
        let wasserstein = self.loss == Loss::Wgan;
        let optimiser = *self.optimiser.get_or_insert(match self.loss {
            Loss::Wgan if self.gradient_penalty == 0.0 => Optimiser::Rmsprop,
            _ => Optimiser::Adam,
        });
        self.learning_rate.get_or_insert(if optimiser == Optimiser::Rmsprop { 5e-5 } else { 2e-4 });
        self.critic_updates.get_or_insert(if wasserstein { 5 } else { 1 });
        let clip =
            *self.clip.get_or_insert(if wasserstein && self.gradient_penalty == 0.0 { 0.01 } else { 0.0 });
        self.warm_start.get_or_insert(if wasserstein && clip > 0.0 { 25 } else { 0 });
        let penalised = self.gradient_penalty > 0.0 || self.r1 > 0.0;
        self.norm.get_or_insert(if penalised { NormKind::Instance } else { NormKind::Batch });
        Ok(())
    }

    fn build(&self, run: &RunOptions) -> Result<GanTrainer, Failure> {
        let mut options = self.clone();
        // Changes nothing in what was settled, but refuses a config.toml that was spoilt by hand.
        options.settle(&mut run.clone(), &Given::default())?;
        options.build_settled(run)
    }
}

impl GanOptions {
    fn build_settled(&self, run: &RunOptions) -> Result<GanTrainer, Failure> {
        let settled = "settled before";
        let shape = Shape {
            size: self.size.expect(settled),
            channels: self.channels.expect(settled),
            width: self.width.expect(settled),
            noise: self.noise,
        };
        let rules = Rules {
            shape,
            loss: self.loss.into(),
            upsampling: match self.upsample {
                Upsample::Deconv => Upsampling::Deconv,
                Upsample::Resize => Upsampling::Resize,
            },
            norm: match self.norm.expect(settled) {
                NormKind::Batch => Norm::Batch,
                NormKind::Instance => Norm::Instance,
                NormKind::Spectral => Norm::Spectral,
            },
            method: match self.optimiser.expect(settled) {
                Optimiser::Adam => Method::Adam([self.beta1, self.beta2]),
                Optimiser::Rmsprop => Method::RmsProp,
            },
            learning_rate: self.learning_rate.expect(settled),
            clip: self.clip.filter(|&limit| limit > 0.0),
            gradient_penalty: self.gradient_penalty,
            r1: self.r1,
            average: self.ema.expect(settled),
            exact: run.exact,
        };
        let game = Game::new(rules, run.seed).map_err(|error| Self::refuse(error.to_string()))?;
        let options = LoaderOptions {
            seed: run.seed,
            augmentation: gobelin_datasets::Augmentation { flip: self.flip, ..Default::default() },
            ..LoaderOptions::new(run.batch, shape.size, shape.channels)
        };
        let loader = Loader::new(self.open(run, Split::Train)?, options)?;
        GanTrainer::new(game, loader, self.open(run, Split::HeldOut)?, self, run)
    }
}
