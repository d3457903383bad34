//! The trainer's state holds everything a later step depends on.

use gobelin_cyclegan::CycleGanOptions;
use gobelin_cyclegan::trainer::CycleGanTrainer;
use gobelin_harness::{check_device, check_replay, check_resume, made};

/// A small trainer on drawn seasons, by the flags that make it differ.
fn small(words: &str) -> CycleGanTrainer {
    made::<CycleGanOptions>(&format!("cyclegan --size 24 --width 2 --blocks 1 --held-out 2 {words}"))
}

#[test]
fn resumed_before_any_step_training_goes_on_the_same() {
    for words in [
        // Full after two steps: what is given out then hangs on the pool and its random numbers.
        "--pool 2 --constant-steps 2 --decay-steps 4",
        "--pool 3 --batch 2 --identity 0.5 --loss hinge --crop-from 30",
        "--pool 0 --cycle 0 --loss ns --upsample resize --flip=false --channels 1",
    ] {
        check_resume(|| small(words), 8);
    }
}

#[test]
fn a_card_learns_what_the_host_learns() {
    let Some(card) = gobelin_emulation::asked_for() else { return };
    for words in ["--pool 2", "--pool 0 --cycle 0 --loss ns --upsample resize --flip=false --channels 1"] {
        check_device(|| small(words), &card, 2, 2e-3);
    }
}

/// A card that works as late as it may, and has at once what is sent ahead; that above is the other way round.
#[test]
fn a_card_replays_what_it_would_do() {
    let Some(card) = gobelin_emulation::asked_for_in(gobelin_emulation::Order::Backwards) else { return };
    for words in [
        // The rate falls from the third step on; the pools give older pictures from the third on.
        "--pool 2 --identity 0.5 --constant-steps 2 --decay-steps 4",
        "--pool 3 --batch 2 --cycle 0 --loss hinge --upsample resize",
    ] {
        check_replay(|| small(words), &card, 5);
    }
}
