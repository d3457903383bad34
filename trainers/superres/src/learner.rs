//! A network that learns, and one update of it.

use gobelin_autograd::optimiser::{Adam, AdamOptions, Descent};
use gobelin_autograd::random::{self, Generator};
use gobelin_autograd::{Figure, Tape, ops};
use gobelin_nets::patch_discriminator::PatchDiscriminator;
use gobelin_nets::{Module, Pass, parameters};

use crate::adversary::{Adversary, Judged};
use crate::lessons::Lesson;
use crate::network::{Network, Shape};
use crate::objective::{Objective, TERMS};
use crate::trouble::deviation;

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
pub struct Learned<N = f64> {
    /// The loss.
    pub loss: N,
    /// Its terms that [`Learner::terms`] names, without their weights.
    pub terms: [N; TERMS],
    /// What the discriminator said, if there is one.
    pub judged: Judged<N>,
    /// The norm of the network's gradient.
    pub gradient: N,
    /// The deviation of the values that the network made, and of those it should have made.
    pub deviations: [N; 2],
    /// How many of those that it made are darker than black or lighter than white.
    pub outside: N,
}

impl<N> Learned<N> {
    /// Its numbers, in the order of [`Learned::of`].
    pub fn numbers(self) -> [N; 12] {
        let Self { loss, terms: [a, b, c], judged, gradient, deviations: [made, wanted], outside } = self;
        let Judged { loss: of_judge, real, fake, gradient: gradient_of_judge } = judged;
        [loss, a, b, c, of_judge, real, fake, gradient_of_judge, gradient, made, wanted, outside]
    }

    /// From its numbers.
    pub fn of(numbers: [N; 12]) -> Self {
        let [loss, a, b, c, of_judge, real, fake, gradient_of_judge, gradient, made, wanted, outside] =
            numbers;
        let judged = Judged { loss: of_judge, real, fake, gradient: gradient_of_judge };
        Self { loss, terms: [a, b, c], judged, gradient, deviations: [made, wanted], outside }
    }
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

    /// One update: first of the network, with the discriminator as it is, then of the discriminator, on what the network has made.
    pub fn update(&mut self, Lesson { wanted, seen, .. }: &Lesson) -> Learned<Figure> {
        let tape = Tape::new();
        let pass = Pass::training(&tape).exact(self.exact);
        let made = self.network.module.forward(&pass, &seen.as_ref().unwrap_or(wanted).clone().into());
        let losses = self.objective.losses(&made, wanted);
        let mut learned = Learned { terms: losses.terms, ..Learned::<Figure>::default() };
        let mut loss = losses.whole;
        if let Some(adversary) = &self.adversary {
            let resistance = adversary.resistance(&made, self.exact);
            learned.terms = [(&loss).into(), (&resistance).into(), Figure::default()];
            loss = ops::add(&loss, &ops::scale(&resistance, adversary.weight));
        }
        let made = made.detach().into_tensor();
        learned.loss = (&loss).into();
        learned.gradient = self.descent.update(tape, &loss);
        drop(loss);
        if let Some(adversary) = &mut self.adversary {
            learned.judged = adversary.update(wanted, &made, self.exact);
        }
        learned.deviations = [&made, wanted].map(deviation);
        learned.outside = (&ops::count_outside(&made, -1.0, 1.0)).into();
        learned
    }

    /// What the terms of the loss are called, where there are several.
    pub fn terms(&self) -> &'static [&'static str] {
        if self.adversary.is_some() { &["perceptual", "adversarial"] } else { self.objective.terms() }
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
