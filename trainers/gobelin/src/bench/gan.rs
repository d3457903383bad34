//! DCGAN with the non-saturating loss: one update of each side, as `gobelin gan` plays it.

use gobelin_autograd::random::Stream;
use gobelin_autograd::{Tape, Tensor};
use gobelin_gan::game::{Game, Hand, Method, Rules};
use gobelin_losses::gan::{Adversarial, Labels};
use gobelin_nets::dcgan::{Norm, Shape, Upsampling};

use super::setup::Setup;

const BATCH: usize = 64;
const SHAPE: Shape = Shape { size: 64, channels: 3, width: 64, noise: 100 };
pub(super) const SEED: u64 = 0;

pub(super) const RULES: Rules = Rules {
    shape: SHAPE,
    loss: Adversarial::Ns,
    upsampling: Upsampling::Deconv,
    norm: Norm::Batch,
    method: Method::Adam([0.5, 0.999]),
    learning_rate: 2e-4,
    clip: None,
    gradient_penalty: 0.0,
    r1: 0.0,
    average: 0.0,
    exact: false,
};

pub(super) fn prepare(setup: &Setup) -> Box<dyn FnMut()> {
    let mut game = game(RULES, setup);
    let (real, labels) = (real(&game, setup), setup.put(Labels::default()));
    let mut chance = setup.stream(SEED, 2);
    let mut replay = setup.replay();
    Box::new(move || {
        replay.run((), |()| {
            let tape = Tape::new();
            let fake = game.draw(Some(&tape), &noise(&real, &game, &mut chance));
            let hand = Hand { real: real.clone(), labels: labels.clone(), place: None };
            game.update_discriminator(&hand, fake.tensor());
            game.update_generator(tape, &fake);
        });
    })
}

pub(super) fn game(rules: Rules, setup: &Setup) -> Game {
    let shape = setup.pick(SHAPE, Shape { size: 32, width: 4, noise: 8, ..SHAPE });
    let game = Game::new(Rules { shape, ..rules }, SEED).expect("there are nets of this size");
    setup.net(&game.generator.net);
    setup.net(&game.discriminator.net);
    game
}

pub(super) fn real(game: &Game, setup: &Setup) -> Tensor {
    let Shape { size, channels, .. } = game.rules.shape;
    setup.put(super::pictures(&[setup.pick(BATCH, 2), size, size, channels]))
}

/// Noise for as many pictures as the real ones.
pub(super) fn noise(real: &Tensor, game: &Game, chance: &mut Stream) -> Tensor {
    chance.normal(&[real.shape()[0], 1, 1, game.rules.shape.noise], 0.0, 1.0)
}
