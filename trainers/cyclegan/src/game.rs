//! The game: two generators, two discriminators, and one update of each pair (Zhu et al. 2017, section 3).
//!
//! Of everything there are two, of which [`A`] is the first and [`B`] the second: pictures of either domain, the
//! generator that makes such pictures of the other domain's, and the discriminator that judges them.

use gobelin_autograd::optimiser::{Adam, AdamOptions, Descent};
use gobelin_autograd::random;
use gobelin_autograd::{Figure, Tape, Tensor, Var, ops};
use gobelin_losses::cycle::cycle;
use gobelin_losses::gan::{Adversarial, Labels};
use gobelin_nets::patch_discriminator::PatchDiscriminator;
use gobelin_nets::resnet_generator::{self, ResnetGenerator};
use gobelin_nets::{Module, Pass, parameters};

/// The first domain's place in a pair.
pub const A: usize = 0;
/// The second domain's place in a pair.
pub const B: usize = 1;

/// What the game is played by.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// The generators' shape.
    pub generator: resnet_generator::Options,
    /// Channels of the discriminators' first map (64 in the paper).
    pub discriminator_width: usize,
    /// Convolutions between the discriminators' first and last, from 1 to 3 (3 in the paper).
    pub discriminator_layers: usize,
    /// The adversarial loss of both sides (least squares in the paper). No critic's, which nothing here would bound.
    pub loss: Adversarial,
    /// Weight of the cycle loss beside the adversarial one (10 in the paper); 0: none.
    pub cycle: f32,
    /// Weight of the identity loss as a share of `cycle` (0.5 where the paper uses it); 0: none.
    pub identity: f32,
    /// Both sides' learning rate at the start.
    pub learning_rate: f64,
    /// Adam's decay rates of the moments.
    pub betas: [f64; 2],
    /// Whether algorithms that trade digits for speed are refused.
    pub exact: bool,
}

/// Two nets that are updated together.
pub struct Side<Net> {
    /// The nets, of A and of B.
    pub nets: [Net; 2],
    /// Their optimiser.
    pub descent: Descent,
}

impl<Net: Module> Side<Net> {
    fn new(nets: [Net; 2], names: [&str; 2], rules: &Rules) -> Self {
        let named = nets.iter().zip(names).flat_map(|(net, name)| {
            parameters(net)
                .into_iter()
                .map(move |(weight, parameter)| (format!("{name}/{weight}"), parameter))
        });
        let weights: Vec<_> = named.collect();
        let options =
            AdamOptions { learning_rate: rules.learning_rate, betas: rules.betas, ..AdamOptions::default() };
        Self { nets, descent: Descent::new(weights, |weights| Box::new(Adam::new(weights, options))) }
    }
}

/// What an update of the generators tells.
#[derive(Clone, Copy, Debug, Default)]
pub struct Translated<N = f64> {
    /// The sum of all terms.
    pub loss: N,
    /// The adversarial term of the translations to A and to B.
    pub adversarial: [N; 2],
    /// The cycle term of the pictures of A and of B, weighted.
    pub cycle: [N; 2],
    /// The identity term of the pictures of A and of B, weighted.
    pub identity: [N; 2],
    /// The norm of the gradient.
    pub gradient: N,
}

impl<N> Translated<N> {
    /// Its numbers, in the order of [`Translated::of`].
    pub fn numbers(self) -> [N; 8] {
        let Self { loss, adversarial: [to_a, to_b], cycle: [a, b], identity: [same_a, same_b], gradient } =
            self;
        [loss, to_a, to_b, a, b, same_a, same_b, gradient]
    }

    /// From its numbers.
    pub fn of([loss, to_a, to_b, a, b, same_a, same_b, gradient]: [N; 8]) -> Self {
        Self { loss, adversarial: [to_a, to_b], cycle: [a, b], identity: [same_a, same_b], gradient }
    }
}

/// What an update of the discriminators tells.
#[derive(Clone, Copy, Debug, Default)]
pub struct Judged<N = f64> {
    /// The sum of both losses.
    pub loss: N,
    /// The losses of A's and B's discriminator.
    pub losses: [N; 2],
    /// The mean score each gave to real pictures.
    pub real: [N; 2],
    /// The mean score each gave to translations.
    pub fake: [N; 2],
    /// The norm of the gradient.
    pub gradient: N,
}

impl<N> Judged<N> {
    /// Its numbers, in the order of [`Judged::of`].
    pub fn numbers(self) -> [N; 8] {
        let Self { loss, losses: [a, b], real: [real_a, real_b], fake: [fake_a, fake_b], gradient } = self;
        [loss, a, b, real_a, real_b, fake_a, fake_b, gradient]
    }

    /// From its numbers.
    pub fn of([loss, a, b, real_a, real_b, fake_a, fake_b, gradient]: [N; 8]) -> Self {
        Self { loss, losses: [a, b], real: [real_a, real_b], fake: [fake_a, fake_b], gradient }
    }
}

/// Four nets that learn with and against each other.
pub struct Game {
    /// What it is played by.
    pub rules: Rules,
    /// To A from B, and to B from A.
    pub generators: Side<ResnetGenerator>,
    /// Of A, and of B.
    pub discriminators: Side<PatchDiscriminator>,
}

impl Game {
    /// Fresh nets.
    pub fn new(rules: Rules, seed: u64) -> Self {
        let mut numbers = random::generator(seed, 0);
        let generators = [(); 2].map(|()| ResnetGenerator::new(rules.generator, &mut numbers));
        let (layers, width) = (rules.discriminator_layers, rules.discriminator_width);
        let channels = rules.generator.channels;
        let discriminators =
            [(); 2].map(|()| PatchDiscriminator::with_layers(layers, width, channels, &mut numbers));
        Self {
            rules,
            generators: Side::new(generators, ["b-to-a", "a-to-b"], &rules),
            discriminators: Side::new(discriminators, ["a", "b"], &rules),
        }
    }

    /// Sets the learning rate of the next updates.
    pub fn set_learning_rate(&mut self, rate: f64) {
        self.generators.descent.optimiser.set_learning_rate(rate);
        self.discriminators.descent.optimiser.set_learning_rate(rate);
    }

    /// Pictures translated to a domain from the other, to look at.
    pub fn translate(&self, to: usize, pictures: &Tensor) -> Tensor {
        let pass = Pass::evaluation().exact(self.rules.exact);
        self.generators.nets[to].forward(&pass, &pictures.clone().into()).into_tensor()
    }

    /// One update of both generators on real pictures of A and B, the discriminators being constants; and the
    /// translations to A and to B.
    pub fn update_generators(&mut self, real: &[Tensor; 2]) -> (Translated<Figure>, [Tensor; 2]) {
        let rules = self.rules;
        let tape = Tape::new();
        let pass = Pass::training(&tape).exact(rules.exact);
        let judging = Pass::frozen().exact(rules.exact);
        let net = |to: usize| &self.generators.nets[to];
        let mut told = Translated::<Figure>::default();
        let mut terms = Vec::new();
        let mut add = |place: &mut Figure, term: Var| {
            *place = (&term).into();
            terms.push(term);
        };
        let identity = rules.cycle * rules.identity;
        let fakes = [A, B].map(|to| {
            let from = &real[1 - to];
            if identity == 0.0 {
                return net(to).forward(&pass, &from.clone().into());
            }
            // Pictures to translate and pictures to leave alone go through a net together: nothing in it mixes
            // pictures, and its filters are transformed once for both.
            let count = from.shape()[0];
            let both = ops::concat(&[&from.clone().into(), &real[to].clone().into()], 0);
            let made = net(to).forward(&pass, &both);
            let same = ops::narrow(&made, 0, count, real[to].shape()[0]);
            add(&mut told.identity[to], cycle(&same, &real[to].clone().into(), identity));
            ops::narrow(&made, 0, 0, count)
        });
        for domain in [A, B] {
            let scores = self.discriminators.nets[domain].forward(&judging, &fakes[domain]);
            add(&mut told.adversarial[domain], fooling(rules.loss, &scores));
            if rules.cycle > 0.0 {
                let back = net(domain).forward(&pass, &fakes[1 - domain]);
                add(&mut told.cycle[domain], cycle(&back, &real[domain].clone().into(), rules.cycle));
            }
        }
        let loss = terms.into_iter().reduce(|sum, term| ops::add(&sum, &term)).expect("at least two terms");
        told.loss = (&loss).into();
        let fakes = fakes.map(Var::into_tensor);
        told.gradient = self.generators.descent.update(tape, &loss);
        (told, fakes)
    }

    /// One update of both discriminators on real pictures of A and B and on translations to A and B.
    pub fn update_discriminators(&mut self, real: &[Tensor; 2], fake: &[Tensor; 2]) -> Judged<Figure> {
        let rules = self.rules;
        let tape = Tape::new();
        let pass = Pass::training(&tape).exact(rules.exact);
        let mut told = Judged::<Figure>::default();
        let losses = [A, B].map(|domain| {
            // Together, as in `update_generators`.
            let count = real[domain].shape()[0];
            let both = ops::concat(&[&real[domain].clone().into(), &fake[domain].clone().into()], 0);
            let scores = self.discriminators.nets[domain].forward(&pass, &both);
            let on_real = ops::narrow(&scores, 0, 0, count);
            let on_fake = ops::narrow(&scores, 0, count, fake[domain].shape()[0]);
            told.real[domain] = (&ops::mean(&on_real.detach())).into();
            told.fake[domain] = (&ops::mean(&on_fake.detach())).into();
            let loss = telling_apart(rules.loss, &on_real, &on_fake);
            told.losses[domain] = (&loss).into();
            loss
        });
        let loss = ops::add(&losses[A], &losses[B]);
        drop(losses);
        told.loss = (&loss).into();
        told.gradient = self.discriminators.descent.update(tape, &loss);
        told
    }
}

/// What a generator minimises. Least squares without the half that the GAN paper has and CycleGAN's equations have not:
/// the cycle loss is weighted beside it.
fn fooling(loss: Adversarial, scores: &Var) -> Var {
    let value = loss.generator(scores);
    if loss == Adversarial::Ls { ops::scale(&value, 2.0) } else { value }
}

/// What a discriminator minimises: half the sum of its two terms, so that it learns half as fast as the generators
/// (section 4). Least squares has the half already.
fn telling_apart(loss: Adversarial, real: &Var, fake: &Var) -> Var {
    let value = loss.discriminator(real, fake, &Labels::default());
    if loss == Adversarial::Ls { value } else { ops::scale(&value, 0.5) }
}

/// The loss of a discriminator that gives the same score to everything, at its best.
pub fn undecided(loss: Adversarial) -> f32 {
    let score: Var = Tensor::scalar(if loss == Adversarial::Ls { 0.5 } else { 0.0 }).into();
    telling_apart(loss, &score, &score).item()
}
