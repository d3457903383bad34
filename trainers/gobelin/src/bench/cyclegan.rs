//! CycleGAN at 128 pixels, batch 1: least squares, ten times the cycle loss, five times the identity loss; one update of
//! both generators, then one of both discriminators, as `gobelin cyclegan` plays it.

use gobelin_cyclegan::game::{Game, Rules};
use gobelin_losses::gan::Adversarial;
use gobelin_nets::resnet_generator::Options;

use super::setup::Setup;

const SIZE: usize = 128;

pub(super) fn prepare(setup: &Setup) -> Box<dyn FnMut()> {
    let rules = Rules {
        generator: Options { blocks: setup.pick(6, 1), width: setup.pick(64, 2), ..Options::default() },
        discriminator_width: setup.pick(64, 2),
        discriminator_layers: 3,
        loss: Adversarial::Ls,
        cycle: 10.0,
        identity: 0.5,
        learning_rate: 2e-4,
        betas: [0.5, 0.999],
        exact: false,
    };
    let size = setup.pick(SIZE, 24);
    let mut game = Game::new(rules, 0);
    game.generators.nets.iter().for_each(|net| setup.net(net));
    game.discriminators.nets.iter().for_each(|net| setup.net(net));
    let real = [1, 2].map(|stream| setup.put(super::pictures_of(stream, &[1, size, size, 3])));
    let mut replay = setup.replay();
    Box::new(move || {
        replay.run((), |()| {
            let (_, fakes) = game.update_generators(&real);
            game.update_discriminators(&real, &fakes);
        });
    })
}
