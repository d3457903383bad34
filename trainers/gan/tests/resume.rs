//! A GAN's state holds everything a later step depends on.

use gobelin_autograd::Precision;
use gobelin_gan::GanOptions;
use gobelin_gan::trainer::GanTrainer;
use gobelin_harness::{Recipe, check_device, check_resume, cli};

/// A small trainer on drawn faces, by the flags that make it differ.
fn made(words: &str) -> GanTrainer {
    let small = "gan --width 4 --noise 8 --batch 8 --held-out 4";
    let words = small.split_whitespace().chain(words.split_whitespace());
    let matches = cli::command::<GanOptions>().get_matches_from(words);
    let (mut run, mut own, given) = cli::options::<GanOptions>(&matches).unwrap();
    own.settle(&mut run, &given).unwrap();
    own.build(&run).unwrap()
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
        check_resume(|| made(words), 4);
    }
}

/// On the emulated card, where `GOBELIN_EMULATION` asks for it.
#[test]
fn a_card_learns_what_the_host_learns() {
    if std::env::var_os("GOBELIN_EMULATION").is_none() {
        return;
    }
    let card = gobelin_emulation::device().expect("a compiler").with_precision(Precision::F32);
    for words in [
        "--size 28 --loss ns --ema 0.9 --label-noise 0.3",
        "--size 28 --loss wgan --critic-updates 2 --warm-start 0",
        "--size 28 --loss wgan --gradient-penalty 10 --critic-updates 2 --warm-start 0",
        "--size 28 --loss hinge --norm spectral --upsample resize",
        "--size 28 --channels 1 --loss ls --r1 1 --optimiser rmsprop",
    ] {
        check_device(|| made(words), &card, 2, 2e-3);
    }
}
