//! The state holds everything a later step depends on.

use gobelin_autograd::Precision;
use gobelin_harness::{Recipe, check_device, check_resume, cli};
use gobelin_superres::{SuperresOptions, SuperresTrainer};

/// A small trainer on drawn data, by the flags that make it differ.
fn made(words: &str) -> SuperresTrainer {
    let small = "superres --width 4 --size 32 --batch 2 --held-out 2";
    let words = small.split_whitespace().chain(words.split_whitespace());
    let matches = cli::command::<SuperresOptions>().get_matches_from(words);
    let (mut run, mut own, given) = cli::options::<SuperresOptions>(&matches).unwrap();
    own.settle(&mut run, &given).unwrap();
    own.build(&run).unwrap()
}

#[test]
fn resumed_before_any_step_training_goes_on_the_same() {
    for words in [
        "--loss mse --blocks 1",
        "--loss perceptual+gan --layers relu1_2 --blocks 1 --patch 16",
        "--task style --style drawn:mosaic --style-size 24",
    ] {
        check_resume(|| made(words), 3);
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
        "--loss mse --blocks 1",
        "--loss perceptual+gan --layers relu1_2 --blocks 1 --patch 16",
        "--task style --style drawn:mosaic --style-size 24",
    ] {
        check_device(|| made(words), &card, 2, 2e-3);
    }
}
