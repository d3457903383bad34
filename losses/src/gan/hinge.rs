//! The hinge game (Lim and Ye 2017; Miyato et al. 2018, section 3): the discriminator learns only from pictures on the
//! wrong side of its margin.

use gobelin_autograd::{Var, ops};

/// `mean(max(0, 1 - real)) + mean(max(0, 1 + fake))`.
pub fn discriminator(real: &Var, fake: &Var) -> Var {
    let outside = |margin: &Var| ops::mean(&ops::relu(&ops::add_scalar(margin, 1.0)));
    ops::add(&outside(&ops::neg(real)), &outside(fake))
}

/// `-mean(fake)`.
pub fn generator(fake: &Var) -> Var {
    ops::neg(&ops::mean(fake))
}
