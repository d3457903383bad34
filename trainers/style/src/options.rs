//! The flags of `gobelin style`.

use clap::ValueEnum;
use gobelin_datasets::Picture;
use gobelin_harness::{
    Defaults, Device, Error, Failure, Given, Origin, Recipe, RunOptions, VggOptions, available_memory, tell,
};
use gobelin_losses::content::{Content, Normalise};
use gobelin_losses::layers::Layers;
use gobelin_losses::style::Style;
use gobelin_losses::style_transfer::StyleTransfer;
use gobelin_nets::vgg19::{Images, Layer, Pooling};
use serde::{Deserialize, Serialize};

use crate::memory::Need;
use crate::painter::Method;
use crate::pictures::fitted;
use crate::trainer::{Plan, StyleTrainer, style_side};

/// The longer side where none is given and the content is larger, or drawn.
const SIZE: usize = 256;

/// What is particular to style transfer.
#[derive(Clone, Debug, clap::Args, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct StyleOptions {
    /// The picture whose content is kept: a PNG or JPEG file, drawn:KIND or drawn:KIND:SEED
    #[arg(long, value_name = "PICTURE", default_value = "drawn:landscape")]
    pub content: String,
    /// A picture whose style is taken; may be given several times
    #[arg(long, value_name = "PICTURE", default_value = "drawn:brush:2")]
    pub style: Vec<String>,
    /// How much each style counts, in their order: 1,0.5 [default: alike]
    #[arg(long, value_name = "W,W", value_delimiter = ',')]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub style_weights: Vec<f64>,
    /// The longer side of the result in pixels [default: the content's own, at most 256]
    #[arg(long, value_name = "PIXELS")]
    pub size: Option<usize>,
    /// The longer side of the styles, relative to the result's: larger shows them larger
    #[arg(long, value_name = "FACTOR", default_value_t = 1.0)]
    pub style_scale: f64,
    /// Sizes to paint at, each twice the one before, from coarse to fine
    #[arg(long, value_name = "N", default_value_t = 2)]
    pub scales: usize,
    /// Steps at each size but the last
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub scale_steps: u64,
    /// What painting begins with
    #[arg(long, value_enum, default_value_t = Start::Content)]
    pub start: Start,
    /// How the picture is changed
    #[arg(long, value_enum, default_value_t = Optimiser::Lbfgs)]
    pub optimiser: Optimiser,
    /// Adam: how far a step goes; black to white is 1
    #[arg(long, value_name = "RATE", default_value_t = 0.02)]
    pub learning_rate: f64,
    /// L-BFGS: past steps that are remembered
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub history: usize,
    /// How much the content counts
    #[arg(long, value_name = "WEIGHT", default_value_t = 1.0)]
    pub alpha: f32,
    /// How much the style counts
    #[arg(long, value_name = "WEIGHT", default_value_t = 1000.0)]
    pub beta: f32,
    /// How much smoothness counts: weight of the total variation, mean over pixels
    #[arg(long, value_name = "WEIGHT", default_value_t = 0.0)]
    pub tv: f32,
    /// The layer that sees the content: convB_L (before its ReLU), reluB_L or poolB
    #[arg(long, value_name = "LAYER", default_value = "conv4_2")]
    pub content_layer: String,
    /// What the content distance is divided by: its number of features, so that weights mean the same at every size, or nothing
    /// (the paper's sum)
    #[arg(long, value_enum, default_value_t = Divisor::Features)]
    pub content_divisor: Divisor,
    /// The layers that see the style
    #[arg(
        long,
        value_name = "LAYERS",
        value_delimiter = ',',
        default_value = "conv1_1,conv2_1,conv3_1,conv4_1,conv5_1"
    )]
    pub style_layers: Vec<String>,
    /// How much each style layer counts [default: 1 divided by their number]
    #[arg(long, value_name = "W,W", value_delimiter = ',')]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub layer_weights: Vec<f64>,
    /// What ends a block of VGG-19
    #[arg(long, value_enum, default_value_t = Pool::Average)]
    pub pooling: Pool,
    /// Keep the content's colours: only luminance is painted
    #[arg(long)]
    pub keep_colour: bool,
    /// Which VGG-19.
    #[command(flatten)]
    #[serde(flatten)]
    pub vgg: VggOptions,
}

/// `--start`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Start {
    /// The content picture
    Content,
    /// White noise
    Noise,
}

/// `--optimiser`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Optimiser {
    /// L-BFGS, as in the paper
    Lbfgs,
    /// Adam
    Adam,
}

/// `--content-divisor`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Divisor {
    /// The number of features
    Features,
    /// Nothing
    None,
}

/// `--pooling`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pool {
    /// The mean, as in the paper
    Average,
    /// The maximum, as VGG-19 was trained
    Max,
}

fn refuse(message: impl Into<String>) -> Failure {
    Error::Call(message.into()).into()
}

fn layer(flag: &str, name: &str) -> Result<Layer, Failure> {
    name.parse().map_err(|error| refuse(format!("--{flag}: {error}")))
}

impl StyleOptions {
    /// Values out of range, and values that cannot go together.
    fn check(&self, run: &RunOptions) -> Result<(), Failure> {
        let between = |flag: &str, value: f64, low: f64, high: f64| {
            if (low..=high).contains(&value) {
                return Ok(());
            }
            Err(refuse(format!("--{flag} {value}: expected {low} to {high}")))
        };
        if run.batch != 1 {
            return Err(refuse(format!(
                "--batch {}: style transfer paints one picture; leave it out",
                run.batch
            )));
        }
        between("size", self.size.unwrap_or(1) as f64, 1.0, 65536.0)?;
        between("style-scale", self.style_scale, 0.01, 100.0)?;
        between("scales", self.scales as f64, 1.0, 12.0)?;
        between("scale-steps", self.scale_steps as f64, 1.0, 1e9)?;
        between("learning-rate", self.learning_rate, 0.0, 10.0)?;
        between("history", self.history as f64, 1.0, 1000.0)?;
        let mut weights = vec![("alpha", self.alpha), ("beta", self.beta), ("tv", self.tv)];
        weights.extend(self.style_weights.iter().map(|&weight| ("style-weights", weight as f32)));
        weights.extend(self.layer_weights.iter().map(|&weight| ("layer-weights", weight as f32)));
        for (flag, weight) in weights {
            between(flag, weight.into(), 0.0, 1e12)?;
        }
        if self.alpha == 0.0 && self.beta == 0.0 && self.tv == 0.0 {
            return Err(refuse(
                "--alpha 0 --beta 0 --tv 0: nothing is left to paint by; give one of them a weight",
            ));
        }
        let fit = |flag: &str, weights: &[f64], count: usize, of: &str| {
            if weights.is_empty() || weights.len() == count {
                return Ok(());
            }
            let found = weights.len();
            Err(refuse(format!(
                "--{flag}: {found} weights for {count} {of}; give one for each, in their order"
            )))
        };
        fit("style-weights", &self.style_weights, self.style.len(), "style pictures (--style)")?;
        fit("layer-weights", &self.layer_weights, self.style_layers.len(), "layers (--style-layers)")?;
        if !self.style_weights.is_empty() && self.style_weights.iter().sum::<f64>() <= 0.0 {
            return Err(refuse("--style-weights: all are 0; give at least one style a weight"));
        }
        layer("content-layer", &self.content_layer)?;
        for name in &self.style_layers {
            layer("style-layers", name)?;
        }
        let coarse = self.scale_steps.saturating_mul(self.scales as u64 - 1);
        if run.steps <= coarse {
            return Err(refuse(format!(
                "--steps {}: the coarser sizes take {coarse} of them; give more, or fewer --scales or --scale-steps",
                run.steps
            )));
        }
        Ok(())
    }

    fn origins(&self) -> Result<(Origin, Vec<Origin>), Failure> {
        let styles = self.style.iter().map(|text| Origin::parse("style", text)).collect::<Result<_, _>>()?;
        Ok((Origin::parse("content", &self.content)?, styles))
    }

    fn method(&self) -> Method {
        match self.optimiser {
            Optimiser::Lbfgs => Method::Lbfgs { history: self.history },
            Optimiser::Adam => Method::Adam { learning_rate: self.learning_rate },
        }
    }

    /// All layers that are looked at.
    fn layers(&self) -> Result<Vec<Layer>, Failure> {
        let mut layers = vec![layer("content-layer", &self.content_layer)?];
        for name in &self.style_layers {
            layers.push(layer("style-layers", name)?);
        }
        Ok(layers)
    }

    fn loss(&self) -> StyleTransfer {
        let names: Vec<&str> = self.style_layers.iter().map(String::as_str).collect();
        let layers = if self.layer_weights.is_empty() {
            Layers::alike(&names, 1.0 / names.len() as f32)
        } else {
            Layers::new(names.into_iter().zip(self.layer_weights.iter().map(|&weight| weight as f32)))
        };
        let normalise = match self.content_divisor {
            Divisor::Features => Normalise::Chw,
            Divisor::None => Normalise::None,
        };
        StyleTransfer {
            content: Content { layer: self.content_layer.clone(), normalise, ..Content::default() },
            style: Style { layers, ..Style::default() },
            alpha: self.alpha,
            beta: self.beta,
            tv_weight: self.tv,
        }
    }

    /// The longer side at each scale, coarse to fine.
    fn sizes(&self, size: usize) -> Vec<usize> {
        (0..self.scales).rev().map(|halvings| (size >> halvings).max(1)).collect()
    }

    /// Refuses pictures (rows and columns) that do not reach the layers at the coarsest scale.
    fn must_reach(&self, sizes: &[usize], content: [usize; 2], styles: &[[usize; 2]]) -> Result<(), Failure> {
        let check = |flag: &str, name: &str, picture: [usize; 2], longest: usize, deepest: Layer| {
            let [height, width] = fitted(picture, longest);
            let least = deepest.smallest_side();
            if height.min(width) >= least {
                return Ok(());
            }
            let coarse = if sizes.len() > 1 { " at the coarsest size" } else { "" };
            Err(refuse(format!(
                "--{flag} {name}: {width}x{height} pixels{coarse}, but VGG-19's {deepest} sees no picture below \
                 {least}x{least}; give a larger --size, fewer --scales, or shallower layers"
            )))
        };
        let layers = self.layers()?;
        let deepest = |layers: &[Layer]| *layers.iter().max().expect("a layer");
        check("content", &self.content, content, sizes[0], deepest(&layers))?;
        let longest = style_side(sizes[0], self.style_scale);
        for (name, &style) in self.style.iter().zip(styles) {
            check("style", name, style, longest, deepest(&layers[1..]))?;
        }
        Ok(())
    }

    /// Refuses pictures (rows and columns) that do not fit into memory, before anything is computed.
    fn must_fit(
        &self,
        size: usize,
        content: [usize; 2],
        styles: &[[usize; 2]],
        exact: bool,
    ) -> Result<(), Failure> {
        let Some(available) = available_memory() else { return Ok(()) };
        let need = Need { layers: self.layers()?, method: self.method(), exact };
        let at = |size: usize| {
            let longest = style_side(size, self.style_scale);
            let of = |style: &[usize; 2]| need.bytes(fitted(content, size), fitted(*style, longest));
            styles.iter().map(of).max().expect("a style")
        };
        let needed = at(size);
        if needed <= available {
            return Ok(());
        }
        let advice = match (1..size).rev().find(|&smaller| at(smaller) <= available) {
            Some(fits) => format!("use --size {fits} or less"),
            None => "free some memory".into(),
        };
        let [height, width] = fitted(content, size);
        let gigabytes = |bytes: u64| format!("{:.1} GB", bytes as f64 / 1e9);
        Err(refuse(format!(
            "a picture of {width}x{height} needs about {}, {} are available; {advice}",
            gigabytes(needed),
            gigabytes(available)
        )))
    }
}

impl Recipe for StyleOptions {
    type Trainer = StyleTrainer;
    const NAME: &'static str = "style";
    const ABOUT: &'static str = "Paint one picture in the style of another";
    const DEFAULTS: Defaults =
        Defaults { data: "pictures", steps: 200, batch: 1, log_every: 5, sample_every: 25 };

    fn settle(&mut self, run: &mut RunOptions, given: &Given) -> Result<(), Failure> {
        if given.contains("data") {
            return Err(refuse("--data: style transfer takes its pictures with --content and --style"));
        }
        self.check(run)?;
        let (content, styles) = self.origins()?;
        let names: Vec<String> = styles.iter().map(Origin::to_string).collect();
        run.data = format!("{content} in the style of {}", names.join(" and "));
        if self.size.is_none() {
            let [height, width] = content.size("content", SIZE)?;
            self.size = Some(height.max(width).min(SIZE));
        }
        Ok(())
    }

    fn build(&self, run: &RunOptions) -> Result<StyleTrainer, Failure> {
        self.check(run)?;
        let missing = || refuse("config.toml has no size; begin a new run with another --out");
        let size = self.size.ok_or_else(missing)?;
        let side = style_side(size, self.style_scale);
        let sizes = self.sizes(size);
        let (content, styles) = self.origins()?;
        let own = content.size("content", size)?;
        let own_styles: Vec<[usize; 2]> =
            styles.iter().map(|style| style.size("style", side)).collect::<Result<_, _>>()?;
        self.must_reach(&sizes, own, &own_styles)?;
        // A graphics card says itself when its memory ends.
        if run.device == Device::Cpu {
            self.must_fit(size, own, &own_styles, run.exact)?;
        }
        let content = content.open("content", size, run.seed)?;
        let styles: Vec<Picture> =
            styles.iter().map(|style| style.open("style", side, run.seed)).collect::<Result<_, _>>()?;
        if size > own[0].max(own[1]) {
            let [height, width] = own;
            tell(&format!(
                "--size {size}: {} itself has {width}x{height} pixels and is enlarged",
                self.content
            ));
        }
        let pooling = if self.pooling == Pool::Max { Pooling::Max } else { Pooling::Average };
        let network = self.vgg.open(Images::Unit, pooling)?;
        let weights =
            if self.style_weights.is_empty() { vec![1.0; styles.len()] } else { self.style_weights.clone() };
        let sum: f64 = weights.iter().sum();
        let weights = weights.into_iter().map(|weight| (weight / sum) as f32);
        let named = styles.into_iter().zip(weights).zip(&self.style);
        Ok(StyleTrainer::new(Plan {
            content,
            content_name: self.content.clone(),
            styles: named.map(|((picture, weight), name)| (picture, weight, name.clone())).collect(),
            network: if run.exact { network.exact() } else { network },
            loss: self.loss(),
            method: self.method(),
            sizes,
            style_scale: self.style_scale,
            scale_steps: self.scale_steps,
            keep_colour: self.keep_colour,
            noise: (self.start == Start::Noise).then_some(run.seed),
            card: None,
        }))
    }
}
