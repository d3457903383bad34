//! Super-resolution as a task: a network that learns, and the held-out pictures it is measured on.

use gobelin_autograd::{Tensor, Var, ops};
use gobelin_harness::{Grid, State, StateError, StepReport};
use gobelin_nets::weights::{self, Weights};

use crate::degrade::{enlarge, shrink};
use crate::judge::Quality;
use crate::restorer::{Judged, Restorer};
use crate::task::Task;

/// Pictures a grid of samples shows.
const SHOWN: usize = 6;
/// Steps for which a discriminator must have been sure before it is told: a single batch proves nothing.
const LASTING: i64 = 100;
/// True pictures surer than this and made ones surer than its opposite: nothing is left to learn from.
const SURE: f32 = 0.99;

/// A network that learns to enlarge pictures, and how good it is.
pub struct Restoration {
    restorer: Restorer,
    held_out: HeldOut,
    /// How good the network is now, where that was asked since its last update.
    quality: Option<Quality>,
    /// For how many steps the discriminator has been sure.
    sure: i64,
}

/// Pictures never trained on.
struct HeldOut {
    truth: Tensor,
    small: Tensor,
    bicubic: Tensor,
    bicubic_quality: Quality,
}

impl Restoration {
    /// A task measured on the pictures `truth` `(N, S, S, 3)`, `S` a multiple of the network's scale.
    pub fn new(restorer: Restorer, truth: Tensor) -> Self {
        let scale = restorer.scale();
        let small = shrink(&truth, scale);
        let bicubic = enlarge(&small, scale);
        let bicubic_quality = Quality::of(&bicubic, &truth, scale);
        let held_out = HeldOut { truth, small, bicubic, bicubic_quality };
        Self { restorer, held_out, quality: None, sure: 0 }
    }

    fn quality(&mut self) -> Quality {
        let (restorer, held_out) = (&self.restorer, &self.held_out);
        *self.quality.get_or_insert_with(|| {
            Quality::of(&restorer.enlarge(&held_out.small), &held_out.truth, restorer.scale())
        })
    }

    /// Warns of a discriminator that has won.
    fn watch(&mut self, judged: Judged, report: StepReport) -> StepReport {
        self.sure = if judged.real > SURE && judged.fake < 1.0 - SURE { self.sure + 1 } else { 0 };
        if self.sure < LASTING {
            return report;
        }
        report.warning(
            "saturated-discriminator",
            format!(
                "the discriminator has told every picture apart for {LASTING} steps, so little is learned from it; \
                 try a smaller --critic-learning-rate or --gan-loss ls"
            ),
        )
    }
}

impl Task for Restoration {
    fn update(&mut self, pictures: &Tensor) -> StepReport {
        self.quality = None;
        let told = self.restorer.update(&shrink(pictures, self.restorer.scale()), pictures);
        let report = StepReport::new().loss("loss", told.loss);
        let Some(judged) = told.judged else { return report.diagnostic("gradient-norm", told.gradient) };
        let report = report
            .loss("loss/critic", judged.loss)
            .diagnostic("loss/perceptual", told.likeness)
            .diagnostic("gradient-norm", told.gradient)
            .diagnostic("gradient-norm/critic", judged.gradient)
            .diagnostic("probability/real", judged.real)
            .diagnostic("probability/made", judged.fake);
        self.watch(judged, report)
    }

    fn gradient_norms(&self) -> Vec<(String, f32)> {
        let mut norms = self.restorer.network.gradient_norms("network");
        let critic = self.restorer.opponent.as_ref().map(|opponent| opponent.critic.gradient_norms("critic"));
        norms.extend(critic.into_iter().flatten());
        norms
    }

    fn save(&self, state: &mut State) {
        self.restorer.network.save("network", state);
        if let Some(opponent) = &self.restorer.opponent {
            opponent.critic.save("critic", state);
            state.put_integer("sure", self.sure);
        }
    }

    fn load(&mut self, state: &State) -> Result<(), StateError> {
        self.restorer.network.load("network", state)?;
        if let Some(opponent) = &mut self.restorer.opponent {
            opponent.critic.load("critic", state)?;
            self.sure = state.integer("sure")?;
        }
        self.quality = None;
        Ok(())
    }

    /// The small picture, bicubic interpolation, the network's and the true one side by side.
    fn samples(&mut self) -> Vec<Grid> {
        let HeldOut { truth, small, bicubic, .. } = &self.held_out;
        let count = SHOWN.min(truth.shape()[0]);
        let first = |pictures: &Tensor| ops::narrow(&pictures.clone().into(), 0, 0, count);
        let made = self.restorer.enlarge(first(small).tensor());
        let small = ops::upsample_nearest(&first(small), self.restorer.scale());
        let columns = [small, first(bicubic), made.into(), first(truth)];
        let picture = |(row, column): (usize, usize)| ops::narrow(&columns[column], 0, row, 1);
        let places = (0..count).flat_map(|row| (0..columns.len()).map(move |column| (row, column)));
        let pictures: Vec<Var> = places.map(picture).collect();
        let all = ops::concat(&pictures.iter().collect::<Vec<_>>(), 0);
        let shape = all.shape().try_into().expect("pictures have four axes");
        vec![Grid::signed("enlarged", shape, all.tensor().data()).columns(columns.len())]
    }

    fn evaluate(&mut self) -> Vec<(String, f64)> {
        let (found, bicubic) = (self.quality(), self.held_out.bicubic_quality);
        vec![
            ("psnr".into(), found.psnr),
            ("psnr-bicubic".into(), bicubic.psnr),
            ("ssim".into(), found.ssim),
            ("ssim-bicubic".into(), bicubic.ssim),
        ]
    }

    fn summary(&mut self) -> String {
        let (found, bicubic) = (self.quality(), self.held_out.bicubic_quality);
        format!(
            "PSNR {:.2} dB (bicubic {:.2}), SSIM {:.4} (bicubic {:.4}), luma, mean over {} held-out pictures",
            found.psnr,
            bicubic.psnr,
            found.ssim,
            bicubic.ssim,
            self.held_out.truth.shape()[0]
        )
    }

    fn export(&self) -> Vec<(String, Weights)> {
        let network = weights::stored(&self.restorer.network.net);
        let critic = self.restorer.opponent.as_ref().map(|opponent| weights::stored(&opponent.critic.net));
        std::iter::once(("super-resolution.safetensors".to_owned(), network))
            .chain(critic.map(|critic| ("patch-discriminator.safetensors".to_owned(), critic)))
            .collect()
    }
}
