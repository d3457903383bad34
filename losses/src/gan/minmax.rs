//! The min-max game of the first GAN: the discriminator tells real from drawn by cross-entropy, the generator minimises what the
//! discriminator maximises.
//!
//! With `s` the sigmoid: D `mean(-ln s(real)) + mean(-ln(1 - s(fake)))`, G `mean(ln(1 - s(fake)))`.
//!
//! What it is for: the theory. With a perfect discriminator the generator minimises the Jensen-Shannon divergence of drawn and
//! real pictures.
//!
//! When it fails: the generator's gradient is `-s(fake)`, which is 0 where the discriminator is sure, and early in training it is
//! sure of everything. Then: [`super::non_saturating`].
//!
//! Shapes: `real` and `fake` logits of any shapes, means over each. `label-smoothing` tells the discriminator `1 - s` of real
//! pictures, `label-noise` the opposite for a share of all. Logits of +-1e4 give finite values and gradients. Smooth. Unit: nats; D is
//! 2 ln 2 = 1.386 where it knows nothing.
//! Source: Goodfellow et al. 2014, equation 1.

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
