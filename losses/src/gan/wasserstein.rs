//! Wasserstein GAN (Arjovsky et al. 2017, algorithm 1): the critic's mean difference estimates the distance of the two
//! distributions, as long as it is Lipschitz, by weight clipping after each of its steps or by
//! [`super::penalty::gradient_penalty`].

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
