//! The non-saturating game (Goodfellow et al. 2014, section 3): the discriminator of [`super::minmax`], and a generator
//! that raises the probability of its pictures instead of lowering that of being found out.
//!
//! The fixed point is the same; the gradient is strongest where the generator is worst.

use gobelin_autograd::{Var, ops};

/// `mean(-ln sigmoid(fake))`.
pub fn generator(fake: &Var) -> Var {
    ops::mean(&ops::softplus(&ops::neg(fake)))
}
