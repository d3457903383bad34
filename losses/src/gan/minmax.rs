//! The min-max game of the first GAN (Goodfellow et al. 2014, equation 1).
//!
//! Its generator's gradient fades where the discriminator is sure, which early in training it is: compare
//! [`super::non_saturating`].

use gobelin_autograd::{Var, ops};

use super::entry::{LABEL_NOISE, LABEL_SMOOTHING, SEED, SIDE, TENSORS, labels, sided};
use super::{Labels, cross_entropy};
use crate::catalogue::LossEntry;

/// `mean(-ln sigmoid(real)) + mean(-ln(1 - sigmoid(fake)))`; with labels, the cross-entropy of logits and labels.
pub fn discriminator(real: &Var, fake: &Var, labels: &Labels) -> Var {
    ops::add(&cross_entropy(real, &labels.real), &cross_entropy(fake, &labels.fake))
}

/// `mean(ln(1 - sigmoid(fake)))`: at most 0, and without a lower bound.
pub fn generator(fake: &Var) -> Var {
    ops::neg(&ops::mean(&ops::softplus(fake)))
}

pub(crate) const ENTRY: LossEntry = LossEntry {
    name: "gan-minmax",
    about: "min-max GAN: d -ln s(real) - ln(1 - s(fake)); g ln(1 - s(fake)), s the sigmoid",
    paper: "Goodfellow et al. 2014, equation 1",
    tensors: TENSORS,
    options: &[SIDE, LABEL_SMOOTHING, LABEL_NOISE, SEED],
    vgg: false,
    run: |call| sided(call, |real, fake| discriminator(real, fake, &labels(call)), generator),
};
