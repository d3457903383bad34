//! CycleGAN at 128 pixels, batch 1: least squares, ten times the cycle loss, five times the identity loss; one update of both
//! generators, then one of both discriminators.

use gobelin_autograd::optimiser::{Adam, AdamOptions, Optimiser};
use gobelin_autograd::random::{self, Generator};
use gobelin_autograd::{Parameter, Tape, Tensor, Var, ops};
use gobelin_losses::gan::{Labels, least_squares};
use gobelin_nets::patch_discriminator::PatchDiscriminator;
use gobelin_nets::resnet_generator::{Options, ResnetGenerator};
use gobelin_nets::{Module, Pass, parameters};

const SIZE: usize = 128;
const CYCLE: f32 = 10.0;
const IDENTITY: f32 = 5.0;

pub(super) fn prepare() -> Box<dyn FnMut()> {
    let mut numbers = random::generator(0, 0);
    let picture = |numbers: &mut Generator| random::uniform(&[1, SIZE, SIZE, 3], -1.0, 1.0, numbers);
    let pictures = [picture(&mut numbers), picture(&mut numbers)];
    let mut game = Game::new(&mut numbers);
    Box::new(move || {
        let fakes = game.update_generators(&pictures);
        game.update_discriminators(&pictures, &fakes);
    })
}

/// Of each pair, the first is of domain A and the second of B.
struct Game {
    /// To B from A, and to A from B.
    generators: [ResnetGenerator; 2],
    /// Of B, and of A: each judges what the generator of its place makes.
    discriminators: [PatchDiscriminator; 2],
    generator_side: Side,
    discriminator_side: Side,
}

/// Weights that are updated together.
struct Side {
    weights: Vec<Parameter>,
    optimiser: Adam,
}

impl Side {
    fn new(nets: [&dyn Module; 2]) -> Self {
        let named = nets.into_iter().enumerate().flat_map(|(number, net)| {
            parameters(net).into_iter().map(move |(name, weight)| (format!("{number}.{name}"), weight))
        });
        let named: Vec<_> = named.collect();
        let weights = named.iter().map(|(_, weight)| weight.clone()).collect();
        let options = AdamOptions { learning_rate: 2e-4, betas: [0.5, 0.999], ..AdamOptions::default() };
        Self { weights, optimiser: Adam::new(named, options) }
    }

    fn update(&mut self, tape: Tape, loss: &Var) {
        let gradients = tape.parameter_gradients(loss, &self.weights);
        drop(tape);
        self.optimiser.step(&gradients);
    }
}

impl Game {
    fn new(numbers: &mut Generator) -> Self {
        let options = Options { blocks: 6, ..Options::default() };
        let generators = [(); 2].map(|()| ResnetGenerator::new(options, numbers));
        let discriminators = [(); 2].map(|()| PatchDiscriminator::new(64, 3, numbers));
        let generator_side = Side::new([&generators[0], &generators[1]]);
        let discriminator_side = Side::new([&discriminators[0], &discriminators[1]]);
        Self { generators, discriminators, generator_side, discriminator_side }
    }

    /// One update of the generators; what they made: of B, and of A.
    fn update_generators(&mut self, [a, b]: &[Tensor; 2]) -> [Tensor; 2] {
        let tape = Tape::new();
        let pass = Pass::training(&tape);
        let [to_b, to_a] = &self.generators;
        // A picture to translate and one to leave as it is go through a net together: nothing in it mixes pictures, and its
        // filters are transformed once for both.
        let both = |net: &ResnetGenerator, first: &Tensor, second: &Tensor| {
            let pair = ops::concat(&[&first.clone().into(), &second.clone().into()], 0);
            let made = net.forward(&pass, &pair);
            [ops::narrow(&made, 0, 0, 1), ops::narrow(&made, 0, 1, 1)]
        };
        let [fake_b, same_b] = both(to_b, a, b);
        let [fake_a, same_a] = both(to_a, b, a);
        let fooled = |judge: &PatchDiscriminator, fake: &Var| {
            let scores = judge.forward(&Pass::frozen(), fake);
            ops::scale(&least_squares::generator(&scores, least_squares::Targets::default()), 2.0)
        };
        let away = |made: &Var, from: &Tensor, weight: f32| {
            ops::scale(&ops::mean_absolute_difference(made, &from.clone().into()), weight)
        };
        let terms = [
            fooled(&self.discriminators[0], &fake_b),
            fooled(&self.discriminators[1], &fake_a),
            away(&to_a.forward(&pass, &fake_b), a, CYCLE),
            away(&to_b.forward(&pass, &fake_a), b, CYCLE),
            away(&same_b, b, IDENTITY),
            away(&same_a, a, IDENTITY),
        ];
        let loss = terms.into_iter().reduce(|sum, term| ops::add(&sum, &term)).expect("six terms");
        let fakes = [fake_b.into_tensor(), fake_a.into_tensor()];
        self.generator_side.update(tape, &loss);
        fakes
    }

    /// One update of the discriminators on the real pictures of A and B, and on those made of B and A.
    fn update_discriminators(&mut self, [a, b]: &[Tensor; 2], [fake_b, fake_a]: &[Tensor; 2]) {
        let tape = Tape::new();
        let pass = Pass::training(&tape);
        let loss = |judge: &PatchDiscriminator, real: &Tensor, fake: &Tensor| {
            let pair = ops::concat(&[&real.clone().into(), &fake.clone().into()], 0);
            let scores = judge.forward(&pass, &pair);
            let of = |place| ops::narrow(&scores, 0, place, 1);
            least_squares::discriminator(
                &of(0),
                &of(1),
                least_squares::Targets::default(),
                &Labels::default(),
            )
        };
        let [of_b, of_a] = &self.discriminators;
        let loss = ops::add(&loss(of_b, b, fake_b), &loss(of_a, a, fake_a));
        self.discriminator_side.update(tape, &loss);
    }
}
