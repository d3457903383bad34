//! From coarse to fine, and what a run shows.

use std::cell::OnceCell;

use gobelin_autograd::optimiser::{LbfgsStep, Progress};
use gobelin_autograd::{Device, Tensor, ops, random};
use gobelin_datasets::Picture;
use gobelin_harness::{
    Failure, Grid, State, StateError, StepReport, Summary, Trainer, check_pictures, put_pictures,
};
use gobelin_losses::style_transfer::StyleTransfer;
use gobelin_nets::vgg19::Vgg19;
use gobelin_nets::weights::{Stored, Weights};
use safetensors::Dtype;

use crate::aim::{Aim, Distances};
use crate::colour;
use crate::painter::{Method, Painter};
use crate::pictures::{fitted, picture, tensor};

/// More values than this part of all, outside of what a picture can show, are worth a warning.
const MUCH_CLIPPED: f64 = 0.2;

/// What a style transfer is done by.
pub struct Plan {
    /// The picture whose content is kept.
    pub content: Picture,
    /// Its name for people.
    pub content_name: String,
    /// Those whose style is taken, with weights whose sum is 1, and a name for people.
    pub styles: Vec<(Picture, f32, String)>,
    /// Seen through.
    pub network: Vgg19,
    /// The loss; its `tv_weight` is that of the mean over pixels.
    pub loss: StyleTransfer,
    /// How the picture is changed.
    pub method: Method,
    /// The longer side of the picture at each scale, the last that of the result.
    pub sizes: Vec<usize>,
    /// The longer side of styles, relative to that of the picture.
    pub style_scale: f64,
    /// Steps at each scale but the last.
    pub scale_steps: u64,
    /// Whether only the luminance is painted.
    pub keep_colour: bool,
    /// Begins with noise of this seed, not with the content.
    pub noise: Option<u64>,
    /// The graphics card that it is done on, if it is.
    pub card: Option<Device>,
}

/// Paints a picture. One step is one step of the optimiser.
pub struct StyleTrainer {
    plan: Plan,
    /// Which of the sizes it is at.
    scale: usize,
    /// At this scale; made when it is first needed.
    stage: OnceCell<Stage>,
    painter: Painter,
    /// How far the picture is, where that was asked since its last change.
    now: Option<Distances>,
}

/// What a scale is painted towards.
struct Stage {
    aim: Aim,
    /// How far the content picture is from it.
    before: Distances,
}

impl StyleTrainer {
    /// A trainer at its beginning, at the coarsest scale.
    pub fn new(plan: Plan) -> Self {
        let painter = Painter::new(plan.start(), plan.method);
        Self { plan, scale: 0, stage: OnceCell::new(), painter, now: None }
    }

    /// Goes to a scale, with a picture of any size to begin from.
    fn rescale(&mut self, scale: usize, from: &Tensor) {
        let [height, width] = self.plan.size(scale);
        let picture = ops::resize_bilinear(&from.clone().into(), [height, width]).into_tensor();
        self.stage = OnceCell::new();
        self.painter = Painter::new(picture, self.plan.method);
        self.scale = scale;
    }

    fn stage(&self) -> &Stage {
        self.stage.get_or_init(|| self.plan.stage(self.scale))
    }

    /// The picture as it would be seen, `(1, H, W, 3)`.
    fn shown(&self) -> Picture {
        let painted = self.painter.picture();
        if self.plan.keep_colour {
            picture(&colour::with_luminance(&tensor(&self.plan.content_at(self.scale)), &painted))
        } else {
            picture(&painted)
        }
    }

    /// How far the picture, as it would be seen, is from the aim.
    fn now(&mut self) -> &Distances {
        if self.now.is_none() {
            let shown = tensor(&self.shown());
            let seen = if self.plan.keep_colour { colour::luminance(&shown) } else { shown };
            self.now = Some(self.stage().aim.distances(&self.plan.placed(&seen)));
        }
        self.now.as_ref().expect("just computed")
    }
}

impl Plan {
    /// Rows and columns of the picture at a scale.
    fn size(&self, scale: usize) -> [usize; 2] {
        fitted([self.content.height, self.content.width], self.sizes[scale])
    }

    fn content_at(&self, scale: usize) -> Picture {
        let [height, width] = self.size(scale);
        self.content.resize(height, width)
    }

    /// The loss at a scale, and how far the content is from it.
    fn stage(&self, scale: usize) -> Stage {
        let (content, styles) = self.seen(scale);
        let content = self.placed(&content);
        let styles: Vec<(Tensor, f32)> =
            styles.iter().map(|(style, weight)| (self.placed(style), *weight)).collect();
        let aim = Aim::new(&self.network, self.loss.clone(), &content, &styles);
        let before = aim.distances(&content);
        Stage { aim, before }
    }

    /// A picture where it is looked at.
    fn placed(&self, picture: &Tensor) -> Tensor {
        self.card.as_ref().map_or_else(|| picture.clone(), |card| picture.to_device(card))
    }

    /// Content and styles at a scale as the network sees them.
    fn seen(&self, scale: usize) -> (Tensor, Vec<(Tensor, f32)>) {
        let content = tensor(&self.content_at(scale));
        let content = if self.keep_colour { colour::luminance(&content) } else { content };
        let longest = style_side(self.sizes[scale], self.style_scale);
        let style = |(picture, weight, _): &(Picture, f32, String)| {
            let [height, width] = fitted([picture.height, picture.width], longest);
            let style = tensor(&picture.resize(height, width));
            if !self.keep_colour {
                return (style, *weight);
            }
            (colour::matched(&colour::luminance(&style), &content), *weight)
        };
        (content.clone(), self.styles.iter().map(style).collect())
    }

    /// All pictures that go in with their names, the content first.
    fn pictures(&self) -> impl Iterator<Item = (&Picture, &str)> {
        let styles = self.styles.iter().map(|(picture, _, name)| (picture, name.as_str()));
        std::iter::once((&self.content, self.content_name.as_str())).chain(styles)
    }

    fn start(&self) -> Tensor {
        let (content, _) = self.seen(0);
        self.placed(&match self.noise {
            Some(seed) => random::uniform(content.shape(), 0.0, 1.0, &mut random::generator(seed, 0)),
            None => content,
        })
    }
}

/// The longer side of styles beside a picture whose longer side is `side`.
pub fn style_side(side: usize, style_scale: f64) -> usize {
    ((side as f64 * style_scale).round() as usize).max(1)
}

impl Trainer for StyleTrainer {
    fn step(&mut self, step: u64) -> Result<StepReport, Failure> {
        let scale = ((step - 1) / self.plan.scale_steps).min(self.plan.sizes.len() as u64 - 1) as usize;
        if scale != self.scale {
            let coarse = self.painter.picture();
            self.rescale(scale, &coarse);
        }
        self.now = None;
        let stage = self.stage.get_or_init(|| self.plan.stage(self.scale));
        let stroke = self.painter.step(&stage.aim);
        let terms = stroke.terms;
        let clipped = stroke.outside / self.painter.picture().len() as f64;
        let mut report = StepReport::new()
            .loss("loss", terms.total)
            .loss("loss/content", terms.content)
            .loss("loss/style", terms.style)
            .loss("loss/tv", terms.variation)
            .diagnostic("gradient-norm", stroke.gradient)
            .diagnostic("longest-side", self.plan.sizes[self.scale] as f64)
            .diagnostic("clipped", clipped);
        if clipped > MUCH_CLIPPED {
            report = report.warning(
                "clipped",
                format!(
                    "{:.0}% of the picture's values are darker than black or lighter than white and will be cut off; \
                     try a larger --alpha or --tv, or --optimiser adam, which stays inside",
                    100.0 * clipped
                ),
            );
        }
        Ok(match &stroke.search {
            Some(search) => searched(report, search),
            None => report,
        })
    }

    fn to_device(&mut self, card: &Device) -> bool {
        self.plan.card = Some(card.clone());
        (self.scale, self.stage, self.now) = (0, OnceCell::new(), None);
        self.painter = Painter::new(self.plan.start(), self.plan.method);
        true
    }

    fn gradient_norms(&self) -> Vec<(String, f32)> {
        // Computed anew: asked for once, when the run stops.
        let gradient = self.stage().aim.evaluate(self.painter.picture()).gradient;
        let norm = gobelin_autograd::optimiser::global_norm(&[gradient]);
        vec![("picture".into(), norm as f32)]
    }

    fn save(&self, state: &mut State) {
        put_pictures(state, self.plan.pictures());
        state.put_integer("scale", self.scale as i64);
        let mut painter = State::new();
        self.painter.save(&mut painter);
        state.put_part("painter", painter);
    }

    fn load(&mut self, state: &State) -> Result<(), StateError> {
        check_pictures(state, self.plan.pictures())?;
        let scale = state.integer("scale")? as usize;
        if scale != self.scale && scale < self.plan.sizes.len() {
            let any = self.painter.picture();
            self.rescale(scale, &any);
        }
        self.now = None;
        self.painter.load(&state.part("painter")?)
    }

    fn samples(&mut self) -> Result<Vec<Grid>, Failure> {
        let Picture { height, width, channels, pixels } = self.shown();
        Ok(vec![Grid::bytes("picture", [1, height, width, channels], pixels)])
    }

    fn evaluate(&mut self) -> Result<Vec<(String, f64)>, Failure> {
        let now = self.now();
        let mut metrics =
            vec![("gram-distance".to_owned(), now.style), ("content-distance".into(), now.content)];
        if now.styles.len() > 1 {
            let each = now.styles.iter().enumerate();
            metrics
                .extend(each.map(|(number, distance)| (format!("gram-distance/{}", number + 1), *distance)));
        }
        Ok(metrics)
    }

    fn export(&mut self) -> Vec<(String, Weights)> {
        let picture = tensor(&self.shown());
        let (height, width) = (picture.shape()[1], picture.shape()[2]);
        let planes = ops::permute_tensor(&picture, &[0, 3, 1, 2]);
        let bytes = planes.data().iter().flat_map(|value| value.to_le_bytes()).collect();
        let stored = Stored { dtype: Dtype::F32, shape: vec![1, 3, height, width], bytes };
        vec![("picture.safetensors".into(), Weights::from([("picture".to_owned(), stored)]))]
    }

    fn files(&mut self) -> Result<Vec<(String, Vec<u8>)>, Failure> {
        Ok(vec![("picture.png".into(), self.shown().encode_png())])
    }

    fn summary(&mut self) -> Result<Summary, Failure> {
        let metrics = self.evaluate()?;
        let (now, before) = (self.now().clone(), self.stage().before.clone());
        let mut line = format!(
            "Gram distance to the style {} before, {} after ({}), content distance {}",
            digits(before.style),
            digits(now.style),
            fall(before.style, now.style),
            digits(now.content)
        );
        if now.styles.len() > 1 {
            let each = self.plan.styles.iter().zip(before.styles.iter().zip(&now.styles));
            let told: Vec<String> = each
                .map(|((.., name), (before, now))| format!("{name} {} to {}", digits(*before), digits(*now)))
                .collect();
            line = format!("{line}; each style: {}", told.join(", "));
        }
        let before = ("gram-distance/before".to_owned(), before.style);
        Ok(Summary { metrics: metrics.into_iter().chain([before]).collect(), line })
    }
}

/// What the line search tells, and whether it failed.
fn searched(report: StepReport, search: &LbfgsStep) -> StepReport {
    let report = report
        .diagnostic("step-length", search.length)
        .diagnostic("evaluations", search.evaluations as f64)
        .diagnostic("restarted", f64::from(u8::from(search.restarted)));
    match search.progress {
        Progress::Wolfe => report,
        Progress::Lower => report.warning(
            "line-search",
            format!(
                "L-BFGS's line search ended after {} trials without a place where the slope is flat; it took the lowest it \
                 found and goes on; if this lasts, try --optimiser adam",
                search.evaluations
            ),
        ),
        Progress::Stalled => report.warning(
            "line-search",
            format!(
                "L-BFGS's line search found nothing lower in {} trials, not even along the gradient: the picture is at a \
                 minimum as far as float32 can tell, and more steps change nothing",
                search.evaluations
            ),
        ),
    }
}

/// Three significant digits.
fn digits(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return format!("{value}");
    }
    let place = 2 - value.abs().log10().floor() as i32;
    if (0..8).contains(&place) { format!("{value:.*}", place as usize) } else { format!("{value:.2e}") }
}

fn fall(before: f64, after: f64) -> String {
    if after < before { format!("{} times less", digits(before / after)) } else { "no less".into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_digits_are_told() {
        let told = [0.0, 1.0, 123.456, 1234.5, 0.012345, 4.567e-9].map(digits);
        assert_eq!(told, ["0", "1.00", "123", "1.23e3", "0.0123", "4.57e-9"]);
        assert_eq!((fall(2.0, 0.5), fall(1.0, 1.0)), ("4.00 times less".into(), "no less".into()));
    }
}
