//! Adversarial losses: what a discriminator (or critic) and a generator minimise.
//!
//! All take logits (a critic's raw scores) of any shape, never probabilities, and are means over them. The
//! discriminator's two terms are added, not halved, except in least squares, as in the papers.
//!
//! | loss | the discriminator learns | the generator's gradient | take it when |
//! |---|---|---|---|
//! | [`non_saturating`] | the probability of being real | strongest where its pictures are found out | you begin: DCGAN's, and of most GANs since |
//! | [`minmax`] | the same | fades where its pictures are found out | you compare with the theory |
//! | [`least_squares`] | to give scores near two targets | grows with the distance of a score from its target | translating pictures: CycleGAN's |
//! | [`hinge`] | only from scores within its margin | constant | with spectral norm, for large pictures |
//! | [`wasserstein`] | scores whose difference is a distance | constant | you want a loss that tells progress, and can pay for the critic |
//!
//! [`penalty`] holds what keeps a discriminator smooth: the gradient penalty and R1.
//!
//! No value of these losses but Wasserstein's says how good the pictures are: both sides move. Report a distance to held-out
//! pictures beside them, [`crate::metrics::pyramid_wasserstein`] or [`crate::metrics::frechet_distance`], and the diversity,
//! [`crate::metrics::mean_pairwise_distance`], which falls when the generator collapses.

mod entry;
pub mod hinge;
pub mod least_squares;
pub mod minmax;
pub mod non_saturating;
pub mod penalty;
pub mod wasserstein;

use gobelin_autograd::random::Stream;
use gobelin_autograd::{Bundle, Tensor, Var, ops};

use crate::bce;
use serde::{Deserialize, Serialize};

/// Which adversarial loss.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Adversarial {
    /// [`minmax`]: the original game (Goodfellow et al. 2014, equation 1).
    MinMax,
    /// [`non_saturating`]: the same discriminator, a generator whose gradient does not fade (ibid., section 3).
    #[default]
    Ns,
    /// [`least_squares`] (Mao et al. 2017).
    Ls,
    /// [`wasserstein`] (Arjovsky et al. 2017).
    Wgan,
    /// [`hinge`] (Lim and Ye 2017; Miyato et al. 2018).
    Hinge,
}

impl Adversarial {
    /// Whether the discriminator is a critic whose scores are no logits of a probability.
    pub fn is_critic(self) -> bool {
        matches!(self, Self::Wgan | Self::Hinge)
    }

    /// What the discriminator minimises, given its logits of real and generated pictures. `labels` has a meaning for
    /// min-max, non-saturating and least squares only.
    pub fn discriminator(self, real: &Var, fake: &Var, labels: &Labels) -> Var {
        match self {
            Self::MinMax | Self::Ns => minmax::discriminator(real, fake, labels),
            Self::Ls => least_squares::discriminator(real, fake, least_squares::Targets::default(), labels),
            Self::Wgan => wasserstein::critic(real, fake),
            Self::Hinge => hinge::discriminator(real, fake),
        }
    }

    /// What the generator minimises, given the discriminator's logits of its pictures.
    pub fn generator(self, fake: &Var) -> Var {
        match self {
            Self::MinMax => minmax::generator(fake),
            Self::Ns => non_saturating::generator(fake),
            Self::Ls => least_squares::generator(fake, least_squares::Targets::default()),
            Self::Wgan => wasserstein::generator(fake),
            Self::Hinge => hinge::generator(fake),
        }
    }
}

/// What the discriminator is told: the probability of being real, for each real and each generated picture.
///
/// Plain labels are 1 and 0. One-sided smoothing tells it `1 - smoothing` of real ones (Salimans et al. 2016, section
/// 3.4); noisy labels swap the two for a few pictures.
#[derive(Clone, Debug)]
pub struct Labels {
    /// For the logits of real pictures: of their shape, or of shape `[]`.
    pub real: Tensor,
    /// For the logits of generated pictures: of their shape, or of shape `[]`.
    pub fake: Tensor,
}

impl Labels {
    /// `1 - smoothing` for real pictures, 0 for generated ones.
    pub fn smooth(smoothing: f32) -> Self {
        Self { real: Tensor::scalar(1.0 - smoothing), fake: Tensor::scalar(0.0) }
    }

    /// As [`Labels::smooth`] for `count` pictures of each kind, each swapped with probability `noise`.
    pub fn noisy(count: usize, smoothing: f32, noise: f32, numbers: &mut Stream) -> Self {
        let mut draw = |probability| {
            let chosen = numbers.bernoulli(&[count], probability);
            ops::scale(&chosen.into(), 1.0 - smoothing).into_tensor()
        };
        Self { real: draw(1.0 - noise), fake: draw(noise) }
    }
}

impl Bundle for Labels {
    fn each_tensor(&mut self, visit: &mut dyn FnMut(&mut Tensor)) {
        visit(&mut self.real);
        visit(&mut self.fake);
    }
}

impl Default for Labels {
    fn default() -> Self {
        Self::smooth(0.0)
    }
}

/// The mean binary cross-entropy of logits and labels in [0, 1].
fn cross_entropy(logits: &Var, labels: &Tensor) -> Var {
    ops::mean(&bce::each(logits, &labels.clone().into(), 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use gobelin_autograd::check::GradientCheck;
    use gobelin_autograd::{Tape, random};

    const ALL: [Adversarial; 5] =
        [Adversarial::MinMax, Adversarial::Ns, Adversarial::Ls, Adversarial::Wgan, Adversarial::Hinge];

    fn logits(stream: u64) -> Tensor {
        random::normal(&[7], 0.0, 2.0, &mut random::generator(5, stream))
    }

    #[test]
    fn values_are_the_papers() {
        let (real, fake) = (logits(1), logits(2));
        let sigmoid = |z: f64| 1.0 / (1.0 + (-z).exp());
        let mean =
            |x: &Tensor, f: &dyn Fn(f64) -> f64| x.data().iter().map(|&v| f(f64::from(v))).sum::<f64>() / 7.0;
        let log_d = |z: f64| -sigmoid(z).ln();
        let log_not_d = |z: f64| -(1.0 - sigmoid(z)).ln();
        let expected = [
            (mean(&real, &log_d) + mean(&fake, &log_not_d), -mean(&fake, &log_not_d)),
            (mean(&real, &log_d) + mean(&fake, &log_not_d), mean(&fake, &log_d)),
            (
                0.5 * mean(&real, &|z| (z - 1.0).powi(2)) + 0.5 * mean(&fake, &|z| z * z),
                0.5 * mean(&fake, &|z| (z - 1.0).powi(2)),
            ),
            (mean(&fake, &|z| z) - mean(&real, &|z| z), -mean(&fake, &|z| z)),
            (
                mean(&real, &|z| (1.0 - z).max(0.0)) + mean(&fake, &|z| (1.0 + z).max(0.0)),
                -mean(&fake, &|z| z),
            ),
        ];
        for (loss, (d, g)) in ALL.into_iter().zip(expected) {
            let (real, fake) = (real.clone().into(), fake.clone().into());
            let found = loss.discriminator(&real, &fake, &Labels::default()).item();
            assert!((f64::from(found) - d).abs() < 1e-5, "{loss:?}: {found}, expected {d}");
            let found = loss.generator(&fake).item();
            assert!((f64::from(found) - g).abs() < 1e-5, "{loss:?}: {found}, expected {g}");
        }
    }

    #[test]
    fn gradients() {
        let labels = Labels::noisy(7, 0.1, 0.3, &mut Stream::new(1, 0));
        for loss in ALL {
            let check = GradientCheck::default().with_kinks(&[-1.0, 1.0]);
            check.assert(&[logits(1), logits(2)], |x| loss.discriminator(&x[0], &x[1], &labels));
            check.assert(&[logits(2)], |x| loss.generator(&x[0]));
        }
    }

    #[test]
    fn huge_logits_are_finite() {
        for loss in ALL {
            let tape = Tape::new();
            let x = tape.leaf(Tensor::new(&[4], [-1e4, -10.0, 10.0, 1e4]));
            let d = loss.discriminator(&x, &x, &Labels::smooth(0.1));
            let g = loss.generator(&x);
            assert!(d.item().is_finite() && g.item().is_finite());
            let gradients = tape.gradients(&ops::add(&d, &g), &[&x]);
            assert!(gradients[0].data().iter().all(|v| v.is_finite()));
        }
    }

    #[test]
    fn noisy_labels_are_swapped_as_often_as_asked() {
        let labels = Labels::noisy(10_000, 0.1, 0.2, &mut Stream::new(1, 0));
        let swapped = labels.real.data().iter().filter(|&&t| t == 0.0).count();
        assert!((1850..2150).contains(&swapped), "{swapped}");
        assert!(labels.fake.data().iter().all(|&t| t == 0.0 || t == 0.9));
    }
}
