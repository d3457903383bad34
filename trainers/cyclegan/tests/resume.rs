//! The trainer's state holds everything a later step depends on.

use gobelin_autograd::Precision;
use gobelin_cyclegan::CycleGanOptions;
use gobelin_cyclegan::trainer::CycleGanTrainer;
use gobelin_harness::{Recipe, check_device, check_resume, cli};

/// A small trainer on drawn seasons, by the flags that make it differ.
fn made(words: &str) -> CycleGanTrainer {
    let small = "cyclegan --size 24 --width 2 --blocks 1 --held-out 2";
    let words = small.split_whitespace().chain(words.split_whitespace());
    let matches = cli::command::<CycleGanOptions>().get_matches_from(words);
    let (mut run, mut own, given) = cli::options::<CycleGanOptions>(&matches).unwrap();
    own.settle(&mut run, &given).unwrap();
    own.build(&run).unwrap()
}

#[test]
fn resumed_before_any_step_training_goes_on_the_same() {
    for words in [
        // Full after two steps: what is given out then hangs on the pool and its random numbers.
        "--pool 2 --constant-steps 2 --decay-steps 4",
        "--pool 3 --batch 2 --identity 0.5 --loss hinge --crop-from 30",
        "--pool 0 --cycle 0 --loss ns --upsample resize --flip=false --channels 1",
    ] {
        check_resume(|| made(words), 8);
    }
}

/// On the emulated card, where `GOBELIN_EMULATION` asks for it.
#[test]
fn a_card_learns_what_the_host_learns() {
    if std::env::var_os("GOBELIN_EMULATION").is_none() {
        return;
    }
    let card = gobelin_emulation::device().expect("a compiler").with_precision(Precision::F32);
    for words in ["--pool 2", "--pool 0 --cycle 0 --loss ns --upsample resize --flip=false --channels 1"] {
        check_device(|| made(words), &card, 2, 2e-3);
    }
}
