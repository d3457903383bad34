//! A GAN's state holds everything a later step depends on.

use gobelin_emulation::{Order, asked_for_in};
use gobelin_gan::GanOptions;
use gobelin_gan::trainer::GanTrainer;
use gobelin_harness::{check_device, check_replay, check_resume, made};

/// A small trainer on drawn faces, by the flags that make it differ.
fn small(words: &str) -> GanTrainer {
    made::<GanOptions>(&format!("gan --width 4 --noise 8 --batch 8 --held-out 4 {words}"))
}

#[test]
fn resumed_before_any_step_training_goes_on_the_same() {
    for words in [
        "--size 28 --loss minmax --ema 0.9 --label-noise 0.3",
        "--size 32 --loss wgan --warm-start 0 --critic-updates 3",
        "--size 28 --loss wgan --gradient-penalty 10 --critic-updates 2",
        "--size 28 --loss hinge --norm spectral --upsample resize --flip",
        "--size 28 --channels 1 --loss ls --r1 1 --optimiser rmsprop",
    ] {
        check_resume(|| small(words), 4);
    }
}

#[test]
fn a_card_learns_what_the_host_learns() {
    let Some(card) = gobelin_emulation::asked_for() else { return };
    for words in [
        "--size 28 --loss ns --ema 0.9 --label-noise 0.3",
        "--size 28 --loss wgan --critic-updates 2 --warm-start 0",
        "--size 28 --loss wgan --gradient-penalty 10 --critic-updates 2 --warm-start 0",
        "--size 28 --loss hinge --norm spectral --upsample resize",
        "--size 28 --channels 1 --loss ls --r1 1 --optimiser rmsprop",
    ] {
        check_device(|| small(words), &card, 2, 2e-3);
    }
}

/// Whichever comes first, the next pictures or the end of what reads the last.
#[test]
fn a_card_replays_what_it_would_do() {
    for order in [Order::Forwards, Order::Backwards] {
        let Some(card) = asked_for_in(order) else { return };
        for words in [
            "--size 28 --loss ns --ema 0.9 --label-noise 0.3",
            "--size 28 --loss wgan --gradient-penalty 10 --critic-updates 2 --warm-start 0",
            "--size 28 --loss hinge --norm spectral --upsample resize",
        ] {
            check_replay(|| small(words), &card, 3);
        }
    }
}
