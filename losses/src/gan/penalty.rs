//! Penalties on a critic's gradient with respect to its pictures: losses with a derivative inside, which need second
//! derivatives to be learned from.
//!
//! - [`gradient_penalty`]: `weight * mean((|grad D(x)| - 1)^2)` between real and drawn pictures; what [`super::wasserstein`] needs.
//! - [`r1`]: `gamma / 2 * mean(|grad D(x)|^2)` at real pictures; for any of the games, [`super::non_saturating`] first of all.
//!
//! What they are for: a discriminator that is sure of everything has a slope that tells the generator nothing. The first holds the
//! slope at 1, the second lowers it where pictures are real, so that the game comes to rest there.
//!
//! When they fail: a critic with batch norm mixes the pictures of a batch, and these penalties look at each picture alone: use
//! another norm or none. They cost a second pass through the critic. Much weight makes it too flat to tell anything apart; the useful
//! `gamma` of R1 grows with the size of the pictures.
//!
//! In `gobelin loss` they have no name, since they take a network and not tensors.
//! Source: Gulrajani et al. 2017, equation 3; Mescheder et al. 2018, equation 9.

use gobelin_autograd::{Tape, Tensor, Var, ops};

/// `weight * mean((|grad D(x)|_2 - 1)^2)` at `x` on the lines between real and generated pictures (Gulrajani et al. 2017,
/// equation 3), the norm taken for each picture.
///
/// `real` and `fake` are `(N, ...)`; `place` is `(N)`, uniform in [0, 1]: how far along its line each `x` lies, 1 at the
/// real one. The paper's weight is 10.
///
/// # Panics
/// If the shapes do not fit.
#[track_caller]
pub fn gradient_penalty(
    tape: &Tape,
    critic: impl Fn(&Var) -> Var,
    real: &Tensor,
    fake: &Tensor,
    place: &Tensor,
    weight: f32,
) -> Var {
    let mut each = vec![1; real.shape().len()];
    each[0] = place.len();
    let place = Var::constant(place.reshape(&each));
    let (real, fake) = (Var::constant(real.clone()), Var::constant(fake.clone()));
    let mixed = ops::add(&fake, &ops::mul(&ops::sub(&real, &fake), &place));
    let squares = squared_norms(tape, critic, mixed.into_tensor());
    ops::scale(&ops::mean(&ops::square(&ops::add_scalar(&ops::sqrt(&squares), -1.0))), weight)
}

/// `gamma / 2 * mean(|grad D(x)|^2)` at real pictures (Mescheder et al. 2018, equation 9): R1. `real` is `(N, ...)`.
pub fn r1(tape: &Tape, critic: impl Fn(&Var) -> Var, real: &Tensor, gamma: f32) -> Var {
    ops::scale(&ops::mean(&squared_norms(tape, critic, real.clone())), 0.5 * gamma)
}

/// The squared norm of the critic's gradient at each picture.
fn squared_norms(tape: &Tape, critic: impl Fn(&Var) -> Var, pictures: Tensor) -> Var {
    let x = tape.leaf(pictures);
    // The scores are summed: each depends on its own picture only.
    let gradient = tape.differentiable_gradients(&ops::sum(&critic(&x)), &[&x]).remove(0);
    let axes: Vec<usize> = (1..x.shape().len()).collect();
    ops::sum_axes(&ops::square(&gradient), &axes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use gobelin_autograd::check::GradientCheck;
    use gobelin_autograd::ops::Side::Plain;
    use gobelin_autograd::random;

    fn numbers(shape: &[usize], stream: u64) -> Tensor {
        random::normal(shape, 0.0, 1.0, &mut random::generator(11, stream))
    }

    #[test]
    fn a_linear_critic_has_its_weight_as_gradient() {
        let weight = Tensor::new(&[2, 1], [3.0, 4.0]);
        let critic = |x: &Var| ops::matmul(x, Plain, &weight.clone().into(), Plain);
        let (real, fake, place) = (numbers(&[5, 2], 1), numbers(&[5, 2], 2), numbers(&[5], 3));
        let tape = Tape::new();
        assert!((gradient_penalty(&tape, critic, &real, &fake, &place, 10.0).item() - 160.0).abs() < 1e-3);
        assert!((r1(&tape, critic, &real, 2.0).item() - 25.0).abs() < 1e-4);
    }

    #[test]
    fn the_norm_is_taken_for_each_picture() {
        // D(x) = sum(x^2) / 2 has gradient x: norms 0 and 5, penalties 1 and 16.
        let critic = |x: &Var| ops::scale(&ops::sum_axes(&ops::square(x), &[1]), 0.5);
        let x = Tensor::new(&[2, 2], [0.0, 0.0, 3.0, 4.0]);
        let found =
            gradient_penalty(&Tape::new(), critic, &x, &x, &Tensor::new(&[2], [0.5, 0.5]), 1.0).item();
        assert!((found - 8.5).abs() < 1e-5, "{found}");
    }

    #[test]
    fn penalties_can_be_learned_from() {
        let (real, fake) = (numbers(&[4, 3], 1), numbers(&[4, 3], 2));
        let place = random::uniform(&[4], 0.0, 1.0, &mut random::generator(1, 0));
        let weights = [numbers(&[3, 6], 3), numbers(&[6, 1], 4)];
        let critic = |w: &[Var], x: &Var| {
            ops::matmul(&ops::tanh(&ops::matmul(x, Plain, &w[0], Plain)), Plain, &w[1], Plain)
        };
        GradientCheck::default().assert(&weights, |w| {
            let tape = if w[0].is_tracked() { w[0].tape() } else { Tape::new() };
            gradient_penalty(&tape, |x| critic(w, x), &real, &fake, &place, 10.0)
        });
        GradientCheck::default().assert(&weights, |w| {
            let tape = if w[0].is_tracked() { w[0].tape() } else { Tape::new() };
            r1(&tape, |x| critic(w, x), &real, 10.0)
        });
    }
}
