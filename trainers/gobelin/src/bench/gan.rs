//! DCGAN with the non-saturating loss: one update of each side, as `gobelin gan` plays it.

use gobelin_autograd::{Tape, Tensor, random};
use gobelin_gan::game::{Game, Method, Rules};
use gobelin_losses::gan::{Adversarial, Labels};
use gobelin_nets::dcgan::{Norm, Shape, Upsampling};

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

pub(super) fn prepare() -> Box<dyn FnMut()> {
    let mut game = game(RULES);
    let (real, labels) = (real(), Labels::default());
    let mut numbers = random::generator(SEED, 2);
    Box::new(move || {
        let tape = Tape::new();
        let fake = game.draw(Some(&tape), &noise(&mut numbers));
        game.update_discriminator(&real, fake.tensor(), &labels, &mut numbers);
        game.update_generator(tape, &fake);
    })
}

pub(super) fn game(rules: Rules) -> Game {
    Game::new(rules, SEED).expect("there are nets of this size")
}

pub(super) fn real() -> Tensor {
    super::pictures(&[BATCH, SHAPE.size, SHAPE.size, SHAPE.channels])
}

pub(super) fn noise(numbers: &mut random::Generator) -> Tensor {
    random::normal(&[BATCH, 1, 1, SHAPE.noise], 0.0, 1.0, numbers)
}
