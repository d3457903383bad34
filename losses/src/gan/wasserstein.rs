//! Wasserstein GAN: the critic's mean difference estimates how far drawn pictures are from real ones.
//!
//! D (the critic) `mean(fake) - mean(real)`, G `-mean(fake)`.
//!
//! What it is for: a loss that means something: minus the critic's is an estimate of the Wasserstein-1 distance, up to a factor, and
//! falls as pictures get better. The gradient does not fade however sure the critic is, so it should be trained far: five updates or
//! more for each of the generator's.
//!
//! When it fails: the estimate only holds for a critic with a bounded slope, and nothing in this loss bounds it: without clipping
//! after *each* of its steps, or [`super::penalty::gradient_penalty`], it runs off to minus infinity. Clipped critics learn slowly and
//! prefer simple functions; momentum makes them swing (the paper takes RMSprop). Then: the penalty with Adam, beta1 0.
//!
//! Shapes: `real` and `fake` scores of any shapes, means over each. The second derivatives are 0. Unit: the scores'.
//! Source: Arjovsky et al. 2017, algorithm 1; the sign is that of a loss to be minimised.

use gobelin_autograd::{Var, ops};

use super::entry::{SIDE, TENSORS, sided};
use crate::catalogue::LossEntry;

/// `mean(fake) - mean(real)`: minus the estimate of the distance.
pub fn critic(real: &Var, fake: &Var) -> Var {
    ops::sub(&ops::mean(fake), &ops::mean(real))
}

/// `-mean(fake)`.
pub fn generator(fake: &Var) -> Var {
    ops::neg(&ops::mean(fake))
}

pub(crate) const ENTRY: LossEntry = LossEntry {
    name: "gan-wgan",
    about: "Wasserstein GAN: d mean(fake) - mean(real); g -mean(fake)",
    paper: "Arjovsky et al. 2017, algorithm 1",
    tensors: TENSORS,
    options: &[SIDE],
    vgg: false,
    run: |call| sided(call, critic, generator),
};
