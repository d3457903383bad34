//! The non-saturating game: the discriminator of [`super::minmax`], and a generator that raises the probability of its pictures
//! instead of lowering that of being found out.
//!
//! With `s` the sigmoid: D as min-max, G `mean(-ln s(fake))`.
//!
//! What it is for: the usual choice. The fixed point is that of min-max, but the generator's gradient, `s(fake) - 1`, is strongest
//! where its pictures are worst.
//!
//! When it fails: a discriminator that is sure of everything still gives a direction that means nothing: the generator runs after
//! it, or draws one picture for all noise. Watch the probabilities of both kinds and the diversity; then: R1
//! ([`super::penalty::r1`]), label smoothing, a smaller discriminator rate, or [`super::wasserstein`].
//!
//! Shapes, options and unit: as min-max. G is ln 2 = 0.693 where the discriminator knows nothing.
//! Source: Goodfellow et al. 2014, section 3.

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
