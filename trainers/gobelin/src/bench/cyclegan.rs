//! CycleGAN at 128 pixels, batch 1: least squares, ten times the cycle loss, five times the identity loss; one update of
//! both generators, then one of both discriminators, as `gobelin cyclegan` plays it.

use gobelin_cyclegan::game::{Game, Rules};
use gobelin_losses::gan::Adversarial;
use gobelin_nets::resnet_generator::Options;

const SIZE: usize = 128;

pub(super) fn prepare() -> Box<dyn FnMut()> {
    let rules = Rules {
        generator: Options { blocks: 6, ..Options::default() },
        discriminator_width: 64,
        discriminator_layers: 3,
        loss: Adversarial::Ls,
        cycle: 10.0,
        identity: 0.5,
        learning_rate: 2e-4,
        betas: [0.5, 0.999],
        exact: false,
    };
    let mut game = Game::new(rules, 0);
    let real = [1, 2].map(|stream| super::pictures_of(stream, &[1, SIZE, SIZE, 3]));
    Box::new(move || {
        let (_, fakes) = game.update_generators(&real);
        game.update_discriminators(&real, &fakes);
    })
}
