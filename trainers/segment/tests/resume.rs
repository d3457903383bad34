//! The state holds everything a later step depends on.

use gobelin_autograd::Precision;
use gobelin_harness::{Recipe, check_device, check_resume, cli};
use gobelin_segment::{SegmentOptions, SegmentTrainer};

/// A small trainer on drawn data, by the flags that make it differ.
fn made(words: &str) -> SegmentTrainer {
    let small = "segment --width 2 --depth 2 --size 16 --batch 2 --held-out 3";
    let words = small.split_whitespace().chain(words.split_whitespace());
    let matches = cli::command::<SegmentOptions>().get_matches_from(words);
    let (mut run, mut own, given) = cli::options::<SegmentOptions>(&matches).unwrap();
    own.settle(&mut run, &given).unwrap();
    own.build(&run).unwrap()
}

#[test]
fn resumed_before_any_step_training_goes_on_the_same() {
    for words in [
        "--loss bce --class-weights balance",
        "--loss cross-entropy --pixel-weights --refine 3 --cldice 0.5",
        "--data roads --loss dice --topology 0.1 --refine 2",
        "--compare --pixel-updates 1.5 --topology 0.01",
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
    for words in ["--loss bce --class-weights balance", "--data roads --loss dice --topology 0.1 --refine 2"]
    {
        check_device(|| made(words), &card, 2, 2e-3);
    }
}
