//! A GAN's state holds everything a later step depends on.

use gobelin_gan::GanOptions;
use gobelin_gan::trainer::GanTrainer;
use gobelin_harness::{Recipe, check_resume, cli};

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
