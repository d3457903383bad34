//! The non-saturating game (Goodfellow et al. 2014, section 3): the discriminator of [`super::minmax`], and a generator
//! that raises the probability of its pictures instead of lowering that of being found out.
//!
//! The fixed point is the same; the gradient is strongest where the generator is worst.

use gobelin_autograd::{Var, ops};

use super::entry::{LABEL_NOISE, LABEL_SMOOTHING, SEED, SIDE, TENSORS, labels, sided};
use super::minmax;
use crate::catalogue::LossEntry;

/// `mean(-ln sigmoid(fake))`.
pub fn generator(fake: &Var) -> Var {
    ops::mean(&ops::softplus(&ops::neg(fake)))
}

pub(crate) const ENTRY: LossEntry = LossEntry {
    name: "gan-ns",
    about: "non-saturating GAN: d as gan-minmax; g -ln s(fake), s the sigmoid",
    paper: "Goodfellow et al. 2014, section 3",
    tensors: TENSORS,
    options: &[SIDE, LABEL_SMOOTHING, LABEL_NOISE, SEED],
    vgg: false,
    run: |call| sided(call, |real, fake| minmax::discriminator(real, fake, &labels(call)), generator),
};
