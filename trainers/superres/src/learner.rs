//! A network that learns, and one update of it.

use gobelin_autograd::optimiser::{Adam, AdamOptions, Descent};
use gobelin_autograd::random::{self, Generator};
use gobelin_autograd::{Tape, Tensor, ops};
use gobelin_nets::patch_discriminator::PatchDiscriminator;
use gobelin_nets::{Module, Pass, parameters};

use crate::adversary::{Adversary, Judged};
use crate::network::{Network, Shape};
use crate::objective::Objective;

/// The discriminator of a learner.
#[derive(Clone, Copy, Debug)]
pub struct AdversaryOptions {
    /// Convolutions between its first and its last, from 1 to 3.
    pub layers: usize,
    /// Channels of its first map.
    pub width: usize,
    /// Its learning rate.
    pub learning_rate: f64,
    /// The weight of its judgement in the network's loss.
    pub weight: f32,
}

/// What an update tells, before the weights change.
#[derive(Clone, Debug, Default)]
pub struct Learned {
    /// The loss.
    pub loss: f32,
    /// Its terms by name, without their weights, where there are several.
    pub terms: Vec<(&'static str, f32)>,
    /// What the discriminator said.
    pub judged: Option<Judged>,
    /// The norm of the network's gradient.
    pub gradient: f64,
    /// What the network made, `(N, H, W, 3)`.
    pub made: Option<Tensor>,
}

/// Adam with the defaults of its authors but for the learning rate.
fn adam(module: &dyn Module, learning_rate: f64) -> Descent {
    let options = AdamOptions { learning_rate, ..AdamOptions::default() };
    Descent::new(parameters(module), |weights| Box::new(Adam::new(weights, options)))
}

/// A network, its loss and its optimiser; and its discriminator, if it has one.
pub struct Learner {
    /// The network.
    pub network: Network,
    /// How it learns.
    pub descent: Descent,
    /// Its discriminator.
    pub adversary: Option<Adversary>,
    objective: Objective,
    exact: bool,
}

impl Learner {
    /// Fresh weights. With `exact`, algorithms that trade digits for speed are refused.
    pub fn new(
        shape: Shape,
        objective: Objective,
        adversary: Option<AdversaryOptions>,
        learning_rate: f64,
        exact: bool,
        seed: u64,
    ) -> Self {
        let mut numbers: Generator = random::generator(seed, 0);
        let network = Network::new(shape, &mut numbers);
        let adversary = adversary.map(|AdversaryOptions { layers, width, learning_rate, weight }| {
            let net = PatchDiscriminator::with_layers(layers, width, 3, &mut numbers);
            Adversary { descent: adam(&net, learning_rate), net, weight }
        });
        Self { descent: adam(&*network.module, learning_rate), network, adversary, objective, exact }
    }

    /// One update on pictures `(N, H, W, 3)` in [-1, 1] that the network is shown and those it should make of them: first of the
    /// network, with the discriminator as it is, then of the discriminator, on what the network has made.
    pub fn update(&mut self, seen: &Tensor, wanted: &Tensor) -> Learned {
        let tape = Tape::new();
        let pass = Pass::training(&tape).exact(self.exact);
        let made = self.network.module.forward(&pass, &seen.clone().into());
        let losses = self.objective.losses(&made, wanted);
        let mut learned = Learned { terms: losses.terms, ..Learned::default() };
        let mut loss = losses.whole;
        if let Some(adversary) = &self.adversary {
            let resistance = adversary.resistance(&made, self.exact);
            learned.terms = vec![("perceptual", loss.item()), ("adversarial", resistance.item())];
            loss = ops::add(&loss, &ops::scale(&resistance, adversary.weight));
        }
        let made = made.detach().into_tensor();
        learned.loss = loss.item();
        learned.gradient = self.descent.update(tape, &loss).get();
        drop(loss);
        learned.judged = self.adversary.as_mut().map(|adversary| adversary.update(wanted, &made, self.exact));
        learned.made = Some(made);
        learned
    }

    /// Whether algorithms that trade digits for speed are refused.
    pub fn is_exact(&self) -> bool {
        self.exact
    }

    /// The objective.
    pub fn objective(&self) -> &Objective {
        &self.objective
    }
}
