//! The discriminator of `--loss perceptual+gan`: it learns to tell enlarged pictures from true ones, and the network to be taken
//! for true (Ledig et al. 2017, section 2.2, whose network differs: here patches are judged, Isola et al. 2017).

use gobelin_autograd::optimiser::Descent;
use gobelin_autograd::{Figure, Tape, Tensor, Var, ops};
use gobelin_losses::gan::{Adversarial, Labels};
use gobelin_nets::patch_discriminator::PatchDiscriminator;
use gobelin_nets::{Module, Pass};

/// The game both sides play: the original discriminator, a generator whose gradient does not fade.
const GAME: Adversarial = Adversarial::Ns;

/// A discriminator in training.
pub struct Adversary {
    /// The discriminator.
    pub net: PatchDiscriminator,
    /// How it learns.
    pub descent: Descent,
    /// The weight of being taken for true in the network's loss.
    pub weight: f32,
}

/// What an update of the discriminator tells.
#[derive(Clone, Copy, Debug, Default)]
pub struct Judged<N = f64> {
    /// Its loss: the sum of its two terms; `2 ln 2` for one that cannot tell anything.
    pub loss: N,
    /// Its mean score of true pictures.
    pub real: N,
    /// Its mean score of enlarged ones.
    pub fake: N,
    /// The norm of its gradient.
    pub gradient: N,
}

impl Adversary {
    /// How far enlarged pictures are from being taken for true, without its weight. The discriminator is a constant here.
    pub fn resistance(&self, made: &Var, exact: bool) -> Var {
        GAME.generator(&self.net.forward(&Pass::frozen().exact(exact), made))
    }

    /// One update on true and enlarged pictures.
    pub fn update(&mut self, real: &Tensor, fake: &Tensor, exact: bool) -> Judged<Figure> {
        let tape = Tape::new();
        let pass = Pass::training(&tape).exact(exact);
        let [on_real, on_fake] =
            [real, fake].map(|pictures| self.net.forward(&pass, &pictures.clone().into()));
        let [real, fake] = [&on_real, &on_fake].map(|scores| (&ops::mean(&scores.detach())).into());
        let loss = GAME.discriminator(&on_real, &on_fake, &Labels::default());
        drop((on_real, on_fake));
        Judged { loss: (&loss).into(), real, fake, gradient: self.descent.update(tape, &loss) }
    }
}
