//! DCGAN's nets as a WGAN: five critic updates with pictures of their own, then one of the generator.

use gobelin_autograd::Tape;
use gobelin_gan::game::{Hand, Method, Rules};
use gobelin_losses::gan::{Adversarial, Labels};

use super::gan;
use super::setup::Setup;

const CRITIC_UPDATES: usize = 5;

const RULES: Rules = Rules {
    loss: Adversarial::Wgan,
    method: Method::RmsProp,
    learning_rate: 5e-5,
    clip: Some(0.01),
    ..gan::RULES
};

pub(super) fn prepare(setup: &Setup) -> Box<dyn FnMut()> {
    let mut game = gan::game(RULES, setup);
    let (real, labels) = (gan::real(&game, setup), setup.put(Labels::default()));
    let mut chance = setup.stream(gan::SEED, 2);
    let (mut critic, mut artist) = (setup.replay(), setup.replay());
    Box::new(move || {
        for _ in 0..CRITIC_UPDATES {
            critic.run((), |()| {
                let noise = gan::noise(&real, &game, &mut chance);
                let fake = game.draw(None, &noise).into_tensor();
                let hand = Hand { real: real.clone(), labels: labels.clone(), place: None };
                game.update_discriminator(&hand, &fake);
            });
        }
        artist.run((), |()| {
            let tape = Tape::new();
            let fake = game.draw(Some(&tape), &gan::noise(&real, &game, &mut chance));
            game.update_generator(tape, &fake);
        });
    })
}
