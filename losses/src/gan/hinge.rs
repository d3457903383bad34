//! The hinge game (Lim and Ye 2017; Miyato et al. 2018, section 3): the discriminator learns only from pictures on the
//! wrong side of its margin.

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
