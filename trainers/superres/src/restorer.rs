//! A network that learns to enlarge pictures: what it minimises, and one update.

use gobelin_autograd::random;
use gobelin_autograd::{Tape, Tensor, Var, ops};
use gobelin_harness::features;
use gobelin_losses::gan::{Adversarial, Labels};
use gobelin_losses::perceptual::Perceptual;
use gobelin_losses::{Reduction, mse};
use gobelin_nets::patch_discriminator::PatchDiscriminator;
use gobelin_nets::super_resolution::{Options, SuperResolution};
use gobelin_nets::vgg19::Vgg19;
use gobelin_nets::{Module, Pass};

use crate::side::Side;

/// How pictures are compared with the truth.
pub enum Likeness {
    /// By the mean squared error.
    Mse,
    /// By VGG-19's features.
    Perceptual(Perceptual, Vgg19),
}

/// A discriminator of patches (Isola et al. 2017), which restores texture as SRGAN's does (Ledig et al. 2017), at any size
/// of picture.
pub struct Opponent {
    /// The discriminator.
    pub critic: Side<PatchDiscriminator>,
    /// What both sides minimise.
    pub loss: Adversarial,
    /// How much its word counts beside the features.
    pub weight: f32,
}

impl Opponent {
    /// A fresh discriminator of colour pictures; `width` is the channels of its first map.
    pub fn new(width: usize, learning_rate: f64, loss: Adversarial, weight: f32, seed: u64) -> Self {
        let net = PatchDiscriminator::new(width, 3, &mut random::generator(seed, 1));
        Self { critic: Side::new(net, learning_rate), loss, weight }
    }

    /// One update on true pictures and made ones.
    fn update(&mut self, truth: &Tensor, made: &Tensor, exact: bool) -> Judged {
        let tape = Tape::new();
        let pass = Pass::training(&tape).exact(exact);
        let judge = |pictures: &Tensor| self.critic.net.forward(&pass, &pictures.clone().into());
        let (real, fake) = (judge(truth), judge(made));
        let loss = self.loss.discriminator(&real, &fake, &Labels::default());
        let mean_probability = |logits: &Var| ops::mean(&ops::sigmoid(&logits.detach())).item();
        let (real, fake) = (mean_probability(&real), mean_probability(&fake));
        Judged { loss: loss.item(), real, fake, gradient: self.critic.update(tape, &loss) }
    }
}

/// What an update of the discriminator tells.
#[derive(Clone, Copy, Debug)]
pub struct Judged {
    /// Its loss.
    pub loss: f32,
    /// The mean probability given to true pictures.
    pub real: f32,
    /// The mean probability given to made pictures.
    pub fake: f32,
    /// The norm of its gradient.
    pub gradient: f64,
}

/// What an update tells.
#[derive(Clone, Copy, Debug)]
pub struct Told {
    /// The network's loss.
    pub loss: f32,
    /// The part of it that compares with the truth.
    pub likeness: f32,
    /// The norm of the network's gradient.
    pub gradient: f64,
    /// The discriminator's part.
    pub judged: Option<Judged>,
}

/// A network that learns to enlarge pictures.
pub struct Restorer {
    /// The network.
    pub network: Side<SuperResolution>,
    /// How its pictures are compared with the truth.
    pub likeness: Likeness,
    /// The discriminator it learns against, too.
    pub opponent: Option<Opponent>,
    /// Whether algorithms that trade digits for speed are refused.
    pub exact: bool,
}

impl Restorer {
    /// A fresh network, of Adam.
    pub fn new(
        options: Options,
        learning_rate: f64,
        likeness: Likeness,
        opponent: Option<Opponent>,
        seed: u64,
    ) -> Self {
        let network = SuperResolution::new(options, &mut random::generator(seed, 0));
        Self { network: Side::new(network, learning_rate), likeness, opponent, exact: false }
    }

    /// The same with algorithms that trade digits for speed refused, or allowed.
    pub fn exact(self, exact: bool) -> Self {
        Self { exact, ..self }
    }

    /// One update, from small pictures `(N, H, W, 3)` and what they were `(N, scale H, scale W, 3)`, all in [-1, 1].
    pub fn update(&mut self, small: &Tensor, truth: &Tensor) -> Told {
        let tape = Tape::new();
        let made = self.network.net.forward(&Pass::training(&tape).exact(self.exact), &small.clone().into());
        let target = Var::constant(truth.clone());
        let mut loss = match &self.likeness {
            Likeness::Mse => mse::mse(&made, &target, Reduction::Mean),
            Likeness::Perceptual(loss, vgg) => loss.loss(&features(vgg), &made, &target),
        };
        let likeness = loss.item();
        // The network is judged by the discriminator that has just learned from its very pictures.
        let judged = self.opponent.as_mut().map(|opponent| opponent.update(truth, made.tensor(), self.exact));
        if let Some(opponent) = &self.opponent {
            let logits = opponent.critic.net.forward(&Pass::frozen().exact(self.exact), &made);
            loss = ops::add(&loss, &ops::scale(&opponent.loss.generator(&logits), opponent.weight));
        }
        drop(made);
        Told { loss: loss.item(), likeness, gradient: self.network.update(tape, &loss), judged }
    }

    /// How many pixels a pixel becomes on a side.
    pub fn scale(&self) -> usize {
        self.network.net.options().scale
    }

    /// Enlarges pictures one by one, as after training. Changes nothing.
    pub fn enlarge(&self, small: &Tensor) -> Tensor {
        let pass = Pass::evaluation().exact(self.exact);
        let one = |number| {
            let picture = ops::narrow(&small.clone().into(), 0, number, 1);
            self.network.net.forward(&pass, &picture)
        };
        let made: Vec<Var> = (0..small.shape()[0]).map(one).collect();
        ops::concat(&made.iter().collect::<Vec<_>>(), 0).into_tensor()
    }
}
