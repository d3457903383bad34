//! The flags of `gobelin superres`, and what they make.

mod check;
mod painting;

use std::collections::BTreeMap;
use std::str::FromStr;
use std::sync::Arc;

use clap::ValueEnum;
use gobelin_datasets::{
    AtLeast, Augmentation, Dataset, Loader, LoaderOptions, OpenOptions, Remembered, Source, Split, Subset,
    faces, held_out_samples,
};
use gobelin_harness::{Defaults, Failure, Given, Recipe, RunOptions, Tool, VggOptions};
use gobelin_losses::layers::Layers;
use gobelin_losses::perceptual::Perceptual;
use gobelin_nets::dcgan::Upsampling;
use gobelin_nets::super_resolution;
use gobelin_nets::vgg19::{Images, Pooling, Vgg19};
use serde::{Deserialize, Serialize};

use self::check::{layer_names, refuse};
use crate::apply;
use crate::judge::Judge;
use crate::learner::{AdversaryOptions, Learner};
use crate::network::Shape;
use crate::objective::Objective;
use crate::trainer::{SuperresTrainer, Task};

/// Steps on drawn pictures, for minutes on two cores; on others the paper's.
const DRAWN_STEPS: u64 = 1000;
const PAPERS_STEPS: u64 = 200_000;
const PAPERS_STYLE_STEPS: u64 = 40_000;
/// Drawn pictures to train on: each takes as long to draw as a step.
const DRAWN: usize = 440;
/// Rows and columns of drawn pictures at least, so that their strokes are some pixels wide.
const DRAWN_SIDE: usize = 192;
/// What a score of discriminators with 1, 2 and 3 layers sees.
const PATCHES: [usize; 3] = [16, 34, 70];
/// What is particular to super-resolution. What is not given is chosen by the data, and then written to config.toml.
#[derive(Clone, Debug, clap::Args, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct SuperresOptions {
    /// What the network learns: to enlarge pictures, or to paint them in a style
    #[arg(long, value_enum, default_value_t = Work::SuperResolution)]
    pub task: Work,
    /// How many times larger on each side: 4 or 8 [default: 4]
    #[arg(long, value_name = "N")]
    pub scale: Option<usize>,
    /// What the network minimises [default: perceptual with --vgg, else mse]
    #[arg(long, value_enum)]
    pub loss: Option<Loss>,
    /// Layers of VGG-19 that the perceptual loss looks at
    #[arg(long, value_name = "LAYERS", default_value = "relu2_2")]
    pub layers: String,
    /// With --loss perceptual+gan: weight of being taken for a true picture
    #[arg(long, value_name = "W", default_value_t = 1e-3)]
    pub gan_weight: f32,
    /// Channels of the discriminator's first map [default: as --width]
    #[arg(long, value_name = "W")]
    pub discriminator_width: Option<usize>,
    /// Pixels a side that each score of the discriminator sees: 16, 34 or 70
    #[arg(long, value_name = "PIXELS", default_value_t = 34)]
    pub patch: usize,
    /// The discriminator's learning rate
    #[arg(long, value_name = "RATE", default_value_t = 1e-4)]
    pub discriminator_rate: f64,
    /// With --task style: the picture whose style is taken, a PNG or JPEG file, drawn:KIND or drawn:KIND:SEED [default: drawn:brush:2]
    #[arg(long, value_name = "PICTURE")]
    pub style: Option<String>,
    /// With --task style: the longer side of that picture in pixels [default: as --size]
    #[arg(long, value_name = "PIXELS")]
    pub style_size: Option<usize>,
    /// With --task style: how much the content counts [default: 1; 5 for random filters]
    #[arg(long, value_name = "W")]
    pub content_weight: Option<f32>,
    /// With --task style: the layer that sees the content [default: the paper's relu3_3; conv2_2 for random filters]
    #[arg(long, value_name = "LAYER")]
    pub content_layer: Option<String>,
    /// With --task style: how much the style counts
    #[arg(long, value_name = "W", default_value_t = 5.0)]
    pub style_weight: f32,
    /// With --task style: the layers that see the style [default: the paper's relu1_2,relu2_2,relu3_3,relu4_3;
    /// conv1_1,conv2_1,conv3_1,conv4_1 for random filters]
    #[arg(long, value_name = "LAYERS")]
    pub style_layers: Option<String>,
    /// With --task style: how much smoothness counts, the total variation summed over a picture in [-1, 1]
    #[arg(long, value_name = "W", default_value_t = 1e-6)]
    pub tv: f32,
    /// What ends a block of VGG-19 [default: max, as it was trained; average for random filters]
    #[arg(long, value_enum)]
    pub pooling: Option<Pool>,
    /// Rows and columns of what the network trains on: drawn pictures; windows of others, or for --task style whole ones made as
    /// small [default: 96 for drawn data; else the paper's 288, or 256 for --task style]
    #[arg(long, value_name = "PIXELS")]
    pub size: Option<usize>,
    /// Channels of the network's maps, for --task style of the widest [default: the paper's 64 and 32; 32 and 16 for drawn data]
    #[arg(long, value_name = "W")]
    pub width: Option<usize>,
    /// Residual blocks of the enlarging network
    #[arg(long, value_name = "N", default_value_t = 4)]
    pub blocks: usize,
    /// How the enlarging network doubles its maps [default: deconv, as in the paper; resize for drawn data]
    #[arg(long, value_enum)]
    pub upsample: Option<Upsample>,
    /// The enlarging network only draws what bicubic interpolation lacks [default: no, as in the paper; yes for drawn data]
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
    pub skip: Option<bool>,
    /// The network's learning rate, Adam's
    #[arg(long, value_name = "RATE", default_value_t = 1e-3)]
    pub learning_rate: f64,
    /// Held-out pictures that the network is judged on
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub held_out: usize,
    /// Which VGG-19.
    #[command(flatten)]
    #[serde(flatten)]
    pub vgg: VggOptions,
}

/// `--task`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Work {
    /// To enlarge pictures
    SuperResolution,
    /// To paint them
    Style,
}

/// `--loss`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Loss {
    /// The mean squared difference of pixels
    Mse,
    /// The difference of what VGG-19 sees
    Perceptual,
    /// That, and a discriminator
    #[value(name = "perceptual+gan")]
    #[serde(rename = "perceptual+gan")]
    PerceptualGan,
}

/// `--pooling`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pool {
    /// The maximum
    Max,
    /// The mean
    Average,
}

/// `--upsample`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Upsample {
    /// A transposed convolution
    Deconv,
    /// Nearest neighbours and a convolution, which leaves no checkerboard
    Resize,
}

impl SuperresOptions {
    /// The loss where none is given.
    fn own_loss(&self) -> Loss {
        if self.vgg.vgg.is_some() { Loss::Perceptual } else { Loss::Mse }
    }

    /// What sizes are multiples of.
    fn multiple(&self) -> usize {
        match self.task {
            Work::SuperResolution => self.scale.unwrap_or(4),
            Work::Style => 4,
        }
    }

    fn source(run: &RunOptions) -> Result<Source, Failure> {
        let source = Source::from_str(&run.data).map_err(|error| refuse(error.to_string()))?;
        match source {
            Source::Drawings | Source::Faces | Source::Folder(_) => Ok(source),
            _ => Err(refuse(format!("--data {source}: expected drawings, faces or folder:DIR"))),
        }
    }

    fn open(&self, run: &RunOptions, split: Split) -> Result<Arc<dyn Dataset>, Failure> {
        let source = Self::source(run)?;
        let size = self.size.expect("settled before");
        let enlarging = self.task == Work::SuperResolution;
        let drawn = if enlarging { size.max(DRAWN_SIDE) } else { size };
        if source == Source::Faces && !faces::SIZES.contains(&drawn) {
            return Err(refuse(format!(
                "--size {size}: faces are drawn with {} pixels at most",
                faces::SIZES.end()
            )));
        }
        let data = source.open(&OpenOptions { split, size: drawn, channels: 3 })?;
        Ok(match source {
            // Windows are cut out of pictures as they are; what is enlarged already teaches nothing.
            Source::Folder(_) if enlarging => Arc::new(AtLeast::new(data, size)),
            Source::Folder(_) => data,
            _ if split == Split::HeldOut => data,
            _ => Arc::new(Remembered::new(Arc::new(Subset::first(data, DRAWN)))),
        })
    }

    fn shape(&self) -> Shape {
        let settled = "settled before";
        let width = self.width.expect(settled);
        match self.task {
            Work::Style => Shape::Transform { width },
            Work::SuperResolution => Shape::SuperResolution(super_resolution::Options {
                scale: self.scale.expect(settled),
                width,
                blocks: self.blocks,
                upsampling: match self.upsample.expect(settled) {
                    Upsample::Deconv => Upsampling::Deconv,
                    Upsample::Resize => Upsampling::Resize,
                },
                skip: self.skip.expect(settled),
            }),
        }
    }

    fn network(&self, run: &RunOptions) -> Result<Vgg19, Failure> {
        let pooling = match self.pooling.expect("settled before") {
            Pool::Max => Pooling::Max,
            Pool::Average => Pooling::Average,
        };
        let vgg = self.vgg.open(Images::Signed, pooling)?;
        Ok(if run.exact { vgg.exact() } else { vgg })
    }
}

impl Recipe for SuperresOptions {
    type Trainer = SuperresTrainer;
    const NAME: &'static str = "superres";
    const ABOUT: &'static str = "Train a network that enlarges pictures, or paints them in a style";
    const DEFAULTS: Defaults =
        Defaults { data: "drawings", steps: DRAWN_STEPS, batch: 4, log_every: 20, sample_every: 250 };
    const TOOLS: &'static [Tool] = &[apply::TOOL];

    fn settle(&mut self, run: &mut RunOptions, given: &Given) -> Result<(), Failure> {
        self.check_given(given)?;
        let drawn = !matches!(Self::source(run)?, Source::Folder(_));
        let enlarging = self.task == Work::SuperResolution;
        if enlarging {
            self.scale.get_or_insert(4);
            self.loss = Some(self.loss.unwrap_or_else(|| self.own_loss()));
            self.upsample.get_or_insert(if drawn { Upsample::Resize } else { Upsample::Deconv });
            self.skip.get_or_insert(drawn);
        } else {
            self.settle_painting();
        }
        if !enlarging || self.loss != Some(Loss::Mse) {
            let random = self.vgg.vgg.is_none();
            self.pooling.get_or_insert(if random { Pool::Average } else { Pool::Max });
        }
        self.size.get_or_insert(match (drawn, self.task) {
            (true, _) => 96,
            (false, Work::SuperResolution) => 288,
            (false, Work::Style) => 256,
        });
        let width = *self.width.get_or_insert(match (drawn, self.task) {
            (true, Work::SuperResolution) | (false, Work::Style) => 32,
            (true, Work::Style) => 16,
            (false, Work::SuperResolution) => 64,
        });
        if self.loss == Some(Loss::PerceptualGan) {
            self.discriminator_width.get_or_insert(width);
        }
        if !enlarging && self.style_size.is_none() {
            self.style_size = self.size;
        }
        self.check()?;
        if !given.contains("steps") && !drawn {
            run.steps = if enlarging { PAPERS_STEPS } else { PAPERS_STYLE_STEPS };
        }
        Ok(())
    }

    fn build(&self, run: &RunOptions) -> Result<SuperresTrainer, Failure> {
        let mut options = self.clone();
        // Changes nothing in what was settled, but refuses a config.toml that was spoilt by hand.
        options.settle(&mut run.clone(), &Given::default())?;
        options.build_settled(run)
    }
}

impl SuperresOptions {
    fn build_settled(&self, run: &RunOptions) -> Result<SuperresTrainer, Failure> {
        let size = self.size.expect("settled");
        let data = self.open(run, Split::Train)?;
        // Data that cannot be trained on is refused now, not in the first step.
        held_out_samples(&*data, 1).next().expect("data holds a picture")?;
        let enlarging = self.task == Work::SuperResolution;
        let options = LoaderOptions {
            seed: run.seed,
            augmentation: Augmentation {
                flip: true,
                turn: enlarging,
                window: enlarging,
                ..Augmentation::default()
            },
            ..LoaderOptions::new(run.batch, size, 3)
        };
        let loader = Loader::new(data, options)?;
        let held_out = self.open(run, Split::HeldOut)?;
        let (objective, task) = match self.task {
            Work::Style => self.painting(run, held_out)?,
            Work::SuperResolution => self.enlarging(run, &held_out)?,
        };
        let adversary = (self.loss == Some(Loss::PerceptualGan)).then(|| AdversaryOptions {
            layers: 1 + PATCHES.iter().position(|patch| *patch == self.patch).expect("checked"),
            width: self.discriminator_width.expect("settled"),
            learning_rate: self.discriminator_rate,
            weight: self.gan_weight,
        });
        let learner =
            Learner::new(self.shape(), objective, adversary, self.learning_rate, run.exact, run.seed);
        Ok(SuperresTrainer::new(task, learner, loader, self.about()))
    }

    fn enlarging(&self, run: &RunOptions, held_out: &Arc<dyn Dataset>) -> Result<(Objective, Task), Failure> {
        let scale = self.scale.expect("settled");
        let objective = match self.loss.expect("settled") {
            Loss::Mse => Objective::Mse,
            Loss::Perceptual | Loss::PerceptualGan => Objective::Perceptual {
                loss: Perceptual { layers: Layers::alike(&layer_names(&self.layers), 1.0) },
                vgg: self.network(run)?,
            },
        };
        let judge = Judge::new(held_out, self.held_out, scale)?;
        Ok((objective, Task::SuperResolution { scale, judge, scores: None }))
    }

    /// What the weights' file says of itself.
    fn about(&self) -> BTreeMap<String, String> {
        let words = match self.task {
            Work::Style => [("task", "style".to_owned()), ("style", self.style.clone().unwrap_or_default())],
            Work::SuperResolution => {
                let scale = self.scale.expect("settled");
                [("task", "super-resolution".to_owned()), ("scale", scale.to_string())]
            }
        };
        words.map(|(name, word)| (name.to_owned(), word)).into()
    }
}
