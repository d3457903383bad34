//! The hinge game: the discriminator learns only from pictures that are not yet beyond its margin.
//!
//! D `mean(max(0, 1 - real)) + mean(max(0, 1 + fake))`, G `-mean(fake)`.
//!
//! What it is for: large networks with spectral norm (SAGAN, BigGAN): real and drawn pictures that are told apart well enough give
//! no gradient, so the discriminator does not grow surer without end.
//!
//! When it fails: a discriminator that is beyond its margin everywhere stands still while the generator still moves: smaller
//! steps for the generator, or more updates of the discriminator. Without a bound on its slope the scores mean little; then: spectral
//! norm, or R1.
//!
//! Shapes: `real` and `fake` scores of any shapes, means over each. The gradient on the margin is 0; the second derivatives are 0.
//! Unit: the scores'. D is 2 where all scores are 0.
//! Source: Lim and Ye 2017; Miyato et al. 2018, section 3.

use gobelin_autograd::{Var, ops};

use super::entry::{SIDE, TENSORS, sided};
use crate::catalogue::LossEntry;

/// `mean(max(0, 1 - real)) + mean(max(0, 1 + fake))`.
pub fn discriminator(real: &Var, fake: &Var) -> Var {
    let outside = |margin: &Var| ops::mean(&ops::relu(&ops::add_scalar(margin, 1.0)));
    ops::add(&outside(&ops::neg(real)), &outside(fake))
}

/// `-mean(fake)`.
pub fn generator(fake: &Var) -> Var {
    ops::neg(&ops::mean(fake))
}

pub(crate) const ENTRY: LossEntry = LossEntry {
    name: "gan-hinge",
    about: "hinge GAN: d max(0, 1 - real) + max(0, 1 + fake); g -fake",
    paper: "Lim and Ye 2017; Miyato et al. 2018",
    tensors: TENSORS,
    options: &[SIDE],
    vgg: false,
    run: |call| sided(call, discriminator, generator),
};
