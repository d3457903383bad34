//! The flags of `gobelin cyclegan`.

use std::str::FromStr;

use clap::{ArgAction, ValueEnum};
use gobelin_autograd::optimiser::Schedule;
use gobelin_autograd::random;
use gobelin_datasets::{Augmentation, Dataset, Domains, Loader, LoaderOptions, OpenOptions, Source, Split};
use gobelin_harness::{Defaults, Error, Failure, Given, Recipe, RunOptions, Tool};
use gobelin_losses::gan::Adversarial;
use gobelin_nets::dcgan::Upsampling;
use gobelin_nets::resnet_generator;
use rand::Rng;
use serde::{Deserialize, Serialize};

use crate::apply;
use crate::game::{Game, Rules};
use crate::judge::Judge;
use crate::trainer::CycleGanTrainer;

/// Epochs of the constant and of the falling learning rate (appendix 7.1).
const EPOCHS: u64 = 100;
/// Half the steps of the first command on a new machine.
const HALF: u64 = 5000;
/// What a score of discriminators with 1, 2 and 3 layers sees.
const PATCHES: [usize; 3] = [16, 34, 70];
/// The stream of the run's seed that orders the pictures of B.
const ORDER_OF_B: u64 = 3;

/// What is particular to CycleGAN. What is not given is chosen by the data, and then written to config.toml.
#[derive(Clone, Debug, clap::Args, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct CycleGanOptions {
    /// Rows and columns of the pictures, a multiple of 4 [default: 32 for seasons, else 256]
    #[arg(long, value_name = "PIXELS")]
    pub size: Option<usize>,
    /// Colours: 1 (grey) or 3 [default: as the data]
    #[arg(long, value_name = "N")]
    pub channels: Option<usize>,
    /// Residual blocks of the generators [default: 6 up to 128 pixels, else 9, as in the paper]
    #[arg(long, value_name = "N")]
    pub blocks: Option<usize>,
    /// Channels of the generators' widest map; the blocks have four times as many [default: 64, as in the paper; 16 for
    /// seasons at their default size]
    #[arg(long, value_name = "W")]
    pub width: Option<usize>,
    /// Channels of the discriminators' first map [default: as --width]
    #[arg(long, value_name = "W")]
    pub discriminator_width: Option<usize>,
    /// Pixels a side that each score of the discriminators sees: 16, 34 or 70 [default: 70, as in the paper; 34 for
    /// seasons at their default size]
    #[arg(long, value_name = "PIXELS")]
    pub patch: Option<usize>,
    /// How the generators double their maps
    #[arg(long, value_enum, default_value_t = Upsample::Deconv)]
    pub upsample: Upsample,
    /// The adversarial loss of both sides
    #[arg(long, value_enum, default_value_t = Loss::Ls)]
    pub loss: Loss,
    /// Weight of the cycle loss beside the adversarial one; 0: none
    #[arg(long, value_name = "LAMBDA", default_value_t = 10.0)]
    pub cycle: f32,
    /// Weight of the identity loss as a share of --cycle, 0.5 where the paper uses it; 0: none [default: 0; 0.5 for
    /// seasons]
    #[arg(long, value_name = "SHARE")]
    pub identity: Option<f32>,
    /// Translations of earlier steps that each discriminator is reminded of; 0: none
    #[arg(long, value_name = "N", default_value_t = 50)]
    pub pool: usize,
    /// Learning rate of all nets
    #[arg(long, value_name = "RATE", default_value_t = 2e-4)]
    pub learning_rate: f64,
    /// Adam: what the mean of gradients keeps
    #[arg(long, value_name = "BETA", default_value_t = 0.5)]
    pub beta1: f64,
    /// Adam: what the mean of squared gradients keeps
    #[arg(long, value_name = "BETA", default_value_t = 0.999)]
    pub beta2: f64,
    /// Steps at the full learning rate [default: 100 epochs of the larger domain, as in the paper; 5000 for seasons]
    #[arg(long, value_name = "N")]
    pub constant_steps: Option<u64>,
    /// Steps after them in which the learning rate falls to 0; 0: it stays. --steps is both together where not given
    /// [default: as --constant-steps]
    #[arg(long, value_name = "N")]
    pub decay_steps: Option<u64>,
    /// Crop each picture anywhere from this shorter side; --size: in the middle [default: as 286 to 256; --size for
    /// seasons]
    #[arg(long, value_name = "PIXELS")]
    pub crop_from: Option<usize>,
    /// Turn pictures left to right, one time in two
    #[arg(long, value_name = "BOOL", default_value_t = true, action = ArgAction::Set, num_args = 0..=1,
          require_equals = true, default_missing_value = "true")]
    pub flip: bool,
    /// Held-out pictures of each domain that metrics are taken from
    #[arg(long, value_name = "N", default_value_t = 64)]
    pub held_out: usize,
}

/// `--loss`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Loss {
    /// Least squares, as in the paper
    Ls,
    /// Non-saturating
    Ns,
    /// Hinge
    Hinge,
}

impl From<Loss> for Adversarial {
    fn from(loss: Loss) -> Self {
        match loss {
            Loss::Ls => Self::Ls,
            Loss::Ns => Self::Ns,
            Loss::Hinge => Self::Hinge,
        }
    }
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

impl CycleGanOptions {
    fn refuse(message: impl Into<String>) -> Failure {
        Error::Call(message.into()).into()
    }

    /// Values out of range, and values that cannot go together.
    fn check(&self) -> Result<(), Failure> {
        let between = |flag: &str, value: f64, low: f64, high: f64, help: &str| {
            if (low..=high).contains(&value) {
                return Ok(());
            }
            Err(Self::refuse(format!("--{flag} {value}: expected {low} to {high}{help}")))
        };
        if let Some(size) = self.size.filter(|size| !(size.is_multiple_of(4) && (24..=512).contains(size))) {
            return Err(Self::refuse(format!("--size {size}: expected a multiple of 4 from 24 to 512")));
        }
        if let Some(channels) = self.channels.filter(|channels| ![1, 3].contains(channels)) {
            return Err(Self::refuse(format!("--channels {channels}: expected 1 (grey) or 3 (colours)")));
        }
        between("blocks", self.blocks.unwrap_or(6) as f64, 1.0, 64.0, "")?;
        between("width", self.width.unwrap_or(64) as f64, 1.0, 1024.0, "")?;
        between("discriminator-width", self.discriminator_width.unwrap_or(64) as f64, 1.0, 1024.0, "")?;
        if let Some(patch) = self.patch.filter(|patch| !PATCHES.contains(patch)) {
            return Err(Self::refuse(format!("--patch {patch}: expected 16, 34 or 70")));
        }
        between("cycle", f64::from(self.cycle), 0.0, 1e6, " (0: no cycle loss)")?;
        let identity = self.identity.unwrap_or(0.0);
        between("identity", f64::from(identity), 0.0, 1e3, " (0: no identity loss)")?;
        between("pool", self.pool as f64, 0.0, 99_999.0, "")?;
        between("learning-rate", self.learning_rate, 0.0, 10.0, "")?;
        between("beta1", self.beta1, 0.0, 0.999_999, "")?;
        between("beta2", self.beta2, 0.0, 0.999_999, "")?;
        between("constant-steps", self.constant_steps.unwrap_or(0) as f64, 0.0, 1e12, "")?;
        between("decay-steps", self.decay_steps.unwrap_or(0) as f64, 0.0, 1e12, "")?;
        between("held-out", self.held_out as f64, 1.0, 1e6, "")?;
        if identity > 0.0 && self.cycle == 0.0 {
            let message = format!(
                "--identity {identity}: its weight is a share of --cycle, which is 0; use --cycle 10"
            );
            return Err(Self::refuse(message));
        }
        Ok(())
    }

    fn open(&self, run: &RunOptions, split: Split) -> Result<Domains, Failure> {
        let source = Source::from_str(&run.data).map_err(|error| Self::refuse(error.to_string()))?;
        let options =
            OpenOptions { split, size: self.size.unwrap_or(256), channels: self.channels.unwrap_or(3) };
        source.open_domains(&options)?.ok_or_else(|| {
            let message =
                format!("--data {}: expected two domains; use seasons or ab:DIR", run.data.escape_debug());
            Self::refuse(message)
        })
    }
}

impl Recipe for CycleGanOptions {
    type Trainer = CycleGanTrainer;
    const NAME: &'static str = "cyclegan";
    const ABOUT: &'static str = "Train translators of pictures between two domains without pairs";
    const DEFAULTS: Defaults =
        Defaults { data: "seasons", steps: 2 * HALF, batch: 1, log_every: 50, sample_every: 1000 };
    const TOOLS: &'static [Tool] = &[apply::TOOL];

    fn settle(&mut self, run: &mut RunOptions, given: &Given) -> Result<(), Failure> {
        self.check()?;
        let source = Source::from_str(&run.data).map_err(|error| Self::refuse(error.to_string()))?;
        let drawn = source == Source::Seasons;
        // The first command on a new machine: small enough for minutes on two cores.
        let demonstration = drawn && self.size.is_none();
        let size = *self.size.get_or_insert(if drawn { 32 } else { 256 });
        let width = *self.width.get_or_insert(if demonstration { 16 } else { 64 });
        self.discriminator_width.get_or_insert(width);
        self.patch.get_or_insert(if demonstration { 34 } else { 70 });
        self.blocks.get_or_insert(if size <= 128 { 6 } else { 9 });
        // Without it houses may change places: nothing else forbids what the way back undoes.
        self.identity.get_or_insert(if drawn && self.cycle > 0.0 { 0.5 } else { 0.0 });
        let domains = self.open(run, Split::Train)?;
        let shape = domains.shape();
        self.channels.get_or_insert(shape.map_or(3, |shape| shape.channels));
        let epoch = (domains.a.len().max(domains.b.len()) / run.batch).max(1) as u64;
        let constant = *self.constant_steps.get_or_insert(if drawn { HALF } else { EPOCHS * epoch });
        let decay = *self.decay_steps.get_or_insert(constant);
        if !given.contains("steps") && constant + decay > 0 {
            run.steps = constant + decay;
        }
        let jittered = (size * 286 + 128) / 256;
        let crop_from = *self.crop_from.get_or_insert(if drawn { size } else { jittered });
        if crop_from < size || crop_from > 4096 {
            let message = format!("--crop-from {crop_from}: expected --size ({size}) to 4096");
            return Err(Self::refuse(message));
        }
        Ok(())
    }

    fn build(&self, run: &RunOptions) -> Result<CycleGanTrainer, Failure> {
        let mut options = self.clone();
        // Changes nothing in what was settled, but refuses a config.toml that was spoilt by hand.
        options.settle(&mut run.clone(), &Given::default())?;
        options.build_settled(run)
    }
}

impl CycleGanOptions {
    fn build_settled(&self, run: &RunOptions) -> Result<CycleGanTrainer, Failure> {
        let settled = "settled before";
        let (size, channels) = (self.size.expect(settled), self.channels.expect(settled));
        let rules = Rules {
            generator: resnet_generator::Options {
                blocks: self.blocks.expect(settled),
                width: self.width.expect(settled),
                channels,
                upsampling: match self.upsample {
                    Upsample::Deconv => Upsampling::Deconv,
                    Upsample::Resize => Upsampling::Resize,
                },
            },
            discriminator_width: self.discriminator_width.expect(settled),
            discriminator_layers: 1 + PATCHES
                .iter()
                .position(|patch| Some(*patch) == self.patch)
                .expect(settled),
            loss: self.loss.into(),
            cycle: self.cycle,
            identity: self.identity.expect(settled),
            learning_rate: self.learning_rate,
            betas: [self.beta1, self.beta2],
            exact: run.exact,
        };
        let schedule = match self.decay_steps.expect(settled) {
            0 => Schedule::Constant,
            decay => Schedule::Linear { constant: self.constant_steps.expect(settled), decay },
        };
        let Domains { a, b } = self.open(run, Split::Train)?;
        let crop_from = self.crop_from.filter(|&from| from > size);
        let loader = |dataset, seed| {
            let options = LoaderOptions {
                seed,
                augmentation: Augmentation { flip: self.flip, crop_from, ..Augmentation::default() },
                ..LoaderOptions::new(run.batch, size, channels)
            };
            Loader::new(dataset, options)
        };
        // An order of its own for B: where the domains are as large as each other, the same order would show pairs.
        let order_of_b = random::generator(run.seed, ORDER_OF_B).next_u64();
        let loaders = [loader(a, run.seed)?, loader(b, order_of_b)?];
        let paired = Source::from_str(&run.data).is_ok_and(|source| source == Source::Seasons);
        let judge = Judge::new(self.open(run, Split::HeldOut)?, size, channels, self.held_out, paired)?;
        Ok(CycleGanTrainer::new(Game::new(rules, run.seed), schedule, loaders, judge, self.pool, run))
    }
}
