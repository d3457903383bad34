//! The flags of `gobelin segment`.

use std::str::FromStr;
use std::sync::Arc;

use clap::ValueEnum;
use gobelin_datasets::{
    Augmentation, Dataset, Loader, LoaderOptions, OpenOptions, Source, Split, Structure, Subset, set_share,
};
use gobelin_harness::{Defaults, Error, Failure, Given, Recipe, RunOptions, Tool, VggOptions};
use gobelin_losses::topology::Topology;
use gobelin_nets::vgg19::{Images, Layer, Pooling, Vgg19};
use serde::{Deserialize, Serialize};

use crate::apply;
use crate::compare::{self, Comparison};
use crate::judge::Judge;
use crate::learner::Learner;
use crate::net::Shape;
use crate::objective::{GapWeights, Objective, Objects, PixelLoss};
use crate::trainer::{SegmentTrainer, Single};
use crate::training::Training;

/// The weight of the topology loss in the paper.
const PAPERS_MU: f32 = 0.1;
/// Steps of a comparison where none are given: a step is an update of six networks and more.
const COMPARED: u64 = 400;
/// Masks from which class weights are taken.
const WEIGHED: usize = 64;

/// What is particular to segmentation. What is not given is chosen by the data, and then written to config.toml.
#[derive(Clone, Debug, clap::Args, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct SegmentOptions {
    /// The loss of pixels
    #[arg(long, value_enum, default_value_t = Loss::Bce)]
    pub loss: Loss,
    /// Weight of the topology loss on VGG-19's features, beside the loss of pixels (the paper's is 0.1); 0: none [default:
    /// 0; 0.1 with --compare]
    #[arg(long, value_name = "MU")]
    pub topology: Option<f32>,
    /// Layers of VGG-19 that the topology loss looks at
    #[arg(long, value_name = "LAYERS", default_value = "relu1_2,relu2_2,relu3_4")]
    pub topology_layers: String,
    /// Answers of the network, each but the first with the one before in sight (the paper's K is 3)
    #[arg(long, value_name = "K", default_value_t = 1)]
    pub refine: usize,
    /// Weight of soft clDice beside the loss of pixels; 0: none
    #[arg(long, value_name = "W", default_value_t = 0.0)]
    pub cldice: f32,
    /// Erosions of clDice's skeleton: half the width of the widest line in pixels
    #[arg(long, value_name = "N", default_value_t = 3)]
    pub cldice_iterations: usize,
    /// Weights of background and mask in the loss of pixels, as 0.6,3; or `balance`: as rare as each is in the training masks
    #[arg(long, value_name = "B,M|balance", default_value = "1,1")]
    pub class_weights: String,
    /// Weigh pixels where two objects nearly touch, as U-Net does
    #[arg(long)]
    pub pixel_weights: bool,
    /// Added to the weight of a pixel where two objects touch
    #[arg(long, value_name = "W0", default_value_t = 10.0)]
    pub gap_weight: f32,
    /// How far that reaches, in pixels
    #[arg(long, value_name = "SIGMA", default_value_t = 5.0)]
    pub gap_sigma: f32,
    /// Where the objects are, for pixel weights and the Rand score: what lines in the masks enclose, or the masks' own pieces
    #[arg(long, value_enum, default_value_t = Side::Background)]
    pub objects: Side,
    /// Rows and columns of what the network trains on: drawn pictures, windows of others [default: 64 for drawn data, for
    /// others 256 or as much as the smallest picture has]
    #[arg(long, value_name = "PIXELS")]
    pub size: Option<usize>,
    /// Colours: 1 (grey) or 3 [default: as the data]
    #[arg(long, value_name = "N")]
    pub channels: Option<usize>,
    /// Channels of the widest map; narrower maps have more [default: 64, as in the paper; 16 for drawn data]
    #[arg(long, value_name = "W")]
    pub width: Option<usize>,
    /// How often the network halves the picture
    #[arg(long, value_name = "N", default_value_t = 4)]
    pub depth: usize,
    /// Adam's learning rate
    #[arg(long, value_name = "RATE", default_value_t = 1e-3)]
    pub learning_rate: f64,
    /// Show pictures only as they are, never turned over or by quarters of a circle
    #[arg(long)]
    pub upright: bool,
    /// Train on the first N pictures only [default: all]
    #[arg(long, value_name = "N")]
    pub pictures: Option<usize>,
    /// Held-out pictures that masks are judged on
    #[arg(long, value_name = "N", default_value_t = 64)]
    pub held_out: usize,
    /// Compare the loss of pixels alone with pixel and topology loss: the same network, data and time, three seeds each;
    /// 400 steps where --steps is not given
    #[arg(long)]
    pub compare: bool,
    /// With --compare: updates on the loss of pixels alone for each on both [default: as many as take the same time, which is
    /// measured first]
    #[arg(long, value_name = "RATIO")]
    pub pixel_updates: Option<f64>,
    /// Which VGG-19
    #[command(flatten)]
    #[serde(flatten)]
    pub vgg: VggOptions,
}

/// `--loss`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Loss {
    /// Binary cross-entropy
    Bce,
    /// Cross-entropy of two classes
    CrossEntropy,
    /// Soft Dice
    Dice,
}

/// `--objects`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Side {
    /// What lines enclose
    Background,
    /// The masks' own pieces
    Foreground,
}

impl From<Side> for Objects {
    fn from(side: Side) -> Self {
        match side {
            Side::Background => Self::Background,
            Side::Foreground => Self::Foreground,
        }
    }
}

fn refuse(message: impl Into<String>) -> Failure {
    Error::Call(message.into()).into()
}

impl SegmentOptions {
    /// Values out of range, and values that cannot go together.
    fn check(&self) -> Result<(), Failure> {
        let between = |flag: &str, value: f64, low: f64, high: f64, help: &str| {
            if (low..=high).contains(&value) {
                return Ok(());
            }
            Err(refuse(format!("--{flag} {value}: expected {low} to {high}{help}")))
        };
        between("topology", f64::from(self.topology.unwrap_or(0.0)), 0.0, 1e6, " (0: no topology loss)")?;
        between("refine", self.refine as f64, 1.0, 16.0, "")?;
        between("cldice", f64::from(self.cldice), 0.0, 1e6, " (0: no clDice)")?;
        between("cldice-iterations", self.cldice_iterations as f64, 1.0, 64.0, "")?;
        between("gap-weight", f64::from(self.gap_weight), 0.0, 1e4, "")?;
        between("gap-sigma", f64::from(self.gap_sigma), 0.1, 1e4, "")?;
        between("width", self.width.unwrap_or(64) as f64, 1.0, 1024.0, "")?;
        between("depth", self.depth as f64, 1.0, 6.0, "")?;
        between("learning-rate", self.learning_rate, 0.0, 10.0, "")?;
        between("pictures", self.pictures.unwrap_or(1) as f64, 1.0, 1e9, "")?;
        between("held-out", self.held_out as f64, 1.0, 1e6, "")?;
        between("pixel-updates", self.pixel_updates.unwrap_or(1.0), 0.01, 100.0, "")?;
        if let Some(channels) = self.channels.filter(|channels| ![1, 3].contains(channels)) {
            return Err(refuse(format!("--channels {channels}: expected 1 (grey) or 3 (colours)")));
        }
        let unit = 1 << self.depth;
        if let Some(size) = self.size.filter(|size| *size == 0 || *size > 4096 || size % unit != 0) {
            return Err(refuse(format!(
                "--size {size}: expected a multiple of {unit}, as --depth {} halves it {} times, up to 4096",
                self.depth, self.depth
            )));
        }
        self.class_weights()?;
        self.layers()?;
        if self.loss == Loss::Dice && (self.pixel_weights || self.class_weights != "1,1") {
            let message = "--loss dice: it compares areas, not pixels, and takes neither --class-weights nor --pixel-weights; \
                           use --loss bce or cross-entropy";
            return Err(refuse(message));
        }
        if self.compare && self.topology == Some(0.0) {
            return Err(refuse(
                "--compare: with --topology 0 there is nothing to compare; leave it out or give a weight",
            ));
        }
        if self.pixel_updates.is_some() && !self.compare {
            return Err(refuse("--pixel-updates: means something with --compare only"));
        }
        Ok(())
    }

    /// The weights of background and mask; none where they are to be balanced or are both 1.
    fn class_weights(&self) -> Result<Option<[f32; 2]>, Failure> {
        if ["balance", "1,1"].contains(&self.class_weights.as_str()) {
            return Ok(None);
        }
        let numbers: Vec<f32> =
            self.class_weights.split(',').filter_map(|text| text.trim().parse().ok()).collect();
        match numbers[..] {
            [background, mask]
                if [background, mask].iter().all(|w| (0.0..=1e4).contains(w) && background + mask > 0.0) =>
            {
                Ok(Some([background, mask]))
            }
            _ => Err(refuse(format!(
                "--class-weights {}: expected two numbers from 0 to 10000 for background and mask, as 0.6,3, or balance",
                self.class_weights
            ))),
        }
    }

    fn layers(&self) -> Result<Vec<String>, Failure> {
        let names: Vec<String> = self.topology_layers.split(',').map(|name| name.trim().to_owned()).collect();
        for name in &names {
            let layer =
                Layer::from_str(name).map_err(|error| refuse(format!("--topology-layers: {error}")))?;
            let side = layer.smallest_side();
            if self.size.is_some_and(|size| size < side) {
                return Err(refuse(format!(
                    "--topology-layers {name}: sees pictures of {side} pixels or more; use a larger --size"
                )));
            }
        }
        Ok(names)
    }

    fn source(run: &RunOptions) -> Result<Source, Failure> {
        let source = Source::from_str(&run.data).map_err(|error| refuse(error.to_string()))?;
        if source.has_masks() {
            return Ok(source);
        }
        Err(refuse(format!("--data {source}: has no masks to learn; use membranes, roads or pairs:DIR")))
    }

    fn open(&self, run: &RunOptions, split: Split) -> Result<Arc<dyn Dataset>, Failure> {
        let options =
            OpenOptions { split, size: self.size.unwrap_or(64), channels: self.channels.unwrap_or(3) };
        let data = Self::source(run)?.open(&options)?;
        Ok(match self.pictures.filter(|_| split == Split::Train) {
            Some(count) => Arc::new(Subset::first(data, count)),
            None => data,
        })
    }

    /// What of the options depends on the data in files.
    fn settle_by_files(&mut self, run: &RunOptions) -> Result<(), Failure> {
        let data = self.open(run, Split::Train)?;
        let unit = 1 << self.depth;
        let most = data.shortest_side().unwrap_or(usize::MAX);
        let size = *self.size.get_or_insert(most.min(256) / unit * unit);
        if size > most || size == 0 {
            return Err(refuse(format!(
                "{}: the smallest picture has a side of {most} pixels; expected at least {} for --size and --depth {}; use \
                 smaller ones, or leave that picture out",
                data.describe(),
                size.max(unit),
                self.depth
            )));
        }
        if self.channels.is_none() {
            self.channels = Some(
                gobelin_datasets::held_out_samples(&*data, 1)
                    .next()
                    .expect("data holds a picture")?
                    .1
                    .picture
                    .channels,
            );
        }
        Ok(())
    }
}

impl Recipe for SegmentOptions {
    type Trainer = SegmentTrainer;
    const NAME: &'static str = "segment";
    const ABOUT: &'static str = "Train a U-Net to find thin connected structures in pictures";
    const DEFAULTS: Defaults =
        Defaults { data: "membranes", steps: 1500, batch: 8, log_every: 20, sample_every: 250 };
    const TOOLS: &'static [Tool] = &[apply::TOOL];

    fn settle(&mut self, run: &mut RunOptions, given: &Given) -> Result<(), Failure> {
        self.check()?;
        let source = Self::source(run)?;
        if let Source::Structures(structure) = &source {
            let size = *self.size.get_or_insert(64);
            if !Structure::SIZES.contains(&size) {
                return Err(refuse(format!(
                    "--size {size}: pictures are drawn with {:?} pixels",
                    Structure::SIZES
                )));
            }
            self.channels.get_or_insert(structure.channels());
            self.width.get_or_insert(16);
        } else {
            self.settle_by_files(run)?;
            self.width.get_or_insert(64);
        }
        let (size, width) = (self.size.expect("settled"), self.width.expect("settled"));
        let bottom = run.batch * (size >> self.depth).pow(2);
        if bottom < 2 {
            return Err(refuse(format!(
                "--batch {} of --size {size}: batch norm needs two numbers at the bottom of a network of --depth {}; use larger \
                 ones",
                run.batch, self.depth
            )));
        }
        if width << self.depth > 8192 {
            return Err(refuse(format!(
                "--width {width} with --depth {}: {} channels at the bottom; expected 8192 at most",
                self.depth,
                width << self.depth
            )));
        }
        if self.class_weights == "balance" {
            let set = set_share(&*self.open(run, Split::Train)?, WEIGHED)?;
            self.class_weights = format!("{:.4},{:.4}", 0.5 / (1.0 - set).max(1e-4), 0.5 / set);
        }
        self.topology.get_or_insert(if self.compare { PAPERS_MU } else { 0.0 });
        self.check()?;
        if self.compare && !given.contains("steps") {
            run.steps = COMPARED;
        }
        if self.compare && self.pixel_updates.is_none() {
            self.pixel_updates = Some(compare::measured_ratio(self, run)?);
        }
        Ok(())
    }

    fn build(&self, run: &RunOptions) -> Result<SegmentTrainer, Failure> {
        let mut options = self.clone();
        // Changes nothing in what was settled, but refuses a config.toml that was spoilt by hand.
        options.settle(&mut run.clone(), &Given::default())?;
        options.build_settled(run)
    }
}

impl SegmentOptions {
    fn build_settled(&self, run: &RunOptions) -> Result<SegmentTrainer, Failure> {
        let held_out = self.open(run, Split::HeldOut)?;
        // Masks in which nothing is set would only be noticed after the training.
        set_share(&*held_out, self.held_out)?;
        let judge = Judge::new(held_out, self.held_out, self.objects.into());
        let size = self.size.expect("settled");
        let vgg = self.network(run)?;
        if self.compare {
            let comparison = Comparison::new(self, run, vgg.as_ref(), judge)?;
            return Ok(SegmentTrainer::Comparison(Box::new(comparison)));
        }
        let training = self.training(run, vgg.as_ref(), run.seed)?;
        Ok(SegmentTrainer::One(Box::new(Single::new(training, judge, size)?)))
    }

    /// The network that the topology loss looks through, where there is such a loss.
    pub(crate) fn network(&self, run: &RunOptions) -> Result<Option<Vgg19>, Failure> {
        if self.topology.unwrap_or(0.0) == 0.0 {
            return Ok(None);
        }
        let vgg = self.vgg.open(Images::Unit, Pooling::Max)?;
        Ok(Some(if run.exact { vgg.exact() } else { vgg }))
    }

    /// A network with its data at the beginning, by settled options; with the topology loss if `vgg` is given.
    pub(crate) fn training(
        &self,
        run: &RunOptions,
        vgg: Option<&Vgg19>,
        seed: u64,
    ) -> Result<Training, Failure> {
        let settled = "settled before";
        let (size, channels) = (self.size.expect(settled), self.channels.expect(settled));
        let mu = if vgg.is_some() { self.topology.unwrap_or(0.0) } else { 0.0 };
        let layers = self.layers()?;
        let objective = Objective {
            pixel: match self.loss {
                Loss::Bce => PixelLoss::Bce,
                Loss::CrossEntropy => PixelLoss::CrossEntropy,
                Loss::Dice => PixelLoss::Dice,
            },
            class_weights: self.class_weights()?,
            gap_weights: self.pixel_weights.then_some(GapWeights {
                objects: self.objects.into(),
                w0: self.gap_weight,
                sigma: self.gap_sigma,
            }),
            topology: vgg.map(|vgg| (Topology { mu, layers }, vgg.clone())),
            cldice: (self.cldice > 0.0).then_some((self.cldice, self.cldice_iterations)),
        };
        let shape = Shape {
            channels,
            classes: objective.classes(),
            width: self.width.expect(settled),
            depth: self.depth,
            refine: self.refine,
        };
        let options = LoaderOptions {
            seed,
            augmentation: Augmentation {
                flip: !self.upright,
                turn: !self.upright,
                window: true,
                ..Augmentation::default()
            },
            ..LoaderOptions::new(run.batch, size, channels)
        };
        let loader = Loader::new(self.open(run, Split::Train)?, options)?;
        let learner = Learner::new(shape, objective, self.learning_rate, run.exact, seed);
        Ok(Training::new(learner, loader, mu))
    }
}
