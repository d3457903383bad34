//! Least squares GAN: scores are pulled to targets, so pictures on the right side of the border but far from it still give a
//! gradient.
//!
//! D `mean((real - b)^2) / 2 + mean((fake - a)^2) / 2`, G `mean((fake - c)^2) / 2`.
//!
//! What it is for: translating pictures with a discriminator of patches (CycleGAN, pix2pix), where it is calmer than the
//! cross-entropy games. With `b - c = 1` and `b - a = 2` the generator minimises the Pearson chi-squared divergence.
//!
//! When it fails: the gradient grows with the score, so a score that runs off drags the weights with it: lower the rate, or
//! [`super::hinge`]. Scores are no probabilities; a D of 0.25 and a G of 0.125 say only that all of them are 0.5.
//!
//! Shapes: `real` and `fake` scores of any shapes, means over each. Defaults: `a` 0, `b` 1, `c` 1. `label-smoothing` lowers `b`;
//! `label-noise` swaps `a` and `b` for a share of the scores. Smooth. Unit: the square of the scores'.
//! Source: Mao et al. 2017, equation 2 and section 3.3.

use gobelin_autograd::{Tensor, Var, ops};

use super::Labels;
use super::entry::{LABEL_NOISE, LABEL_SMOOTHING, SEED, SIDE, TENSORS, noisy, sided};
use crate::catalogue::{Domain, LossEntry, OptionKind, OptionSpec};

/// The paper's three targets.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Targets {
    /// `a`: the discriminator's for generated pictures.
    pub fake: f32,
    /// `b`: the discriminator's for real pictures.
    pub real: f32,
    /// `c`: the generator's for its pictures.
    pub generator: f32,
}

impl Default for Targets {
    /// The paper's 0-1 coding: `a = 0`, `b = c = 1`.
    fn default() -> Self {
        Self { fake: 0.0, real: 1.0, generator: 1.0 }
    }
}

/// `mean((real - b)^2) / 2 + mean((fake - a)^2) / 2`; labels between 0 and 1 stand for targets between `a` and `b`.
pub fn discriminator(real: &Var, fake: &Var, targets: Targets, labels: &Labels) -> Var {
    let half = |scores: &Var, labels: &Tensor| {
        let target = ops::scale(&labels.clone().into(), targets.real - targets.fake);
        let target = ops::add_scalar(&target, targets.fake);
        ops::scale(&ops::mean(&ops::square(&ops::sub(scores, &target))), 0.5)
    };
    ops::add(&half(real, &labels.real), &half(fake, &labels.fake))
}

/// `mean((fake - c)^2) / 2`.
pub fn generator(fake: &Var, targets: Targets) -> Var {
    ops::scale(&ops::mean(&ops::square(&ops::add_scalar(fake, -targets.generator))), 0.5)
}

const fn target(name: &'static str, default: &'static str, help: &'static str) -> OptionSpec {
    OptionSpec { name, kind: OptionKind::Number(Domain::Any), default, help }
}

pub(crate) const ENTRY: LossEntry = LossEntry {
    name: "gan-ls",
    about: "least squares GAN: d (real - b)^2 / 2 + (fake - a)^2 / 2; g (fake - c)^2 / 2",
    paper: "Mao et al. 2017, equation 2",
    tensors: TENSORS,
    options: &[
        SIDE,
        target("a", "0", "the discriminator's target for fakes"),
        target("b", "1", "the discriminator's target for real pictures"),
        target("c", "1", "the generator's target"),
        LABEL_SMOOTHING,
        LABEL_NOISE,
        SEED,
    ],
    vgg: false,
    run: |call| {
        // Smoothing lowers the target b itself, whatever a is.
        let targets = Targets {
            fake: call.number("a"),
            real: call.number("b") - call.number("label-smoothing"),
            generator: call.number("c"),
        };
        sided(
            call,
            |real, fake| discriminator(real, fake, targets, &noisy(call, 0.0)),
            |fake| generator(fake, targets),
        )
    },
};
