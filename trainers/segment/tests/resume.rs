//! The state holds everything a later step depends on.

use gobelin_emulation::{Order, asked_for_in};
use gobelin_harness::{check_device, check_replay, check_resume, made};
use gobelin_segment::{SegmentOptions, SegmentTrainer};

/// A small trainer on drawn data, by the flags that make it differ.
fn small(words: &str) -> SegmentTrainer {
    made::<SegmentOptions>(&format!("segment --width 2 --depth 2 --size 16 --batch 2 --held-out 3 {words}"))
}

#[test]
fn resumed_before_any_step_training_goes_on_the_same() {
    for words in [
        "--loss bce --class-weights balance",
        "--loss cross-entropy --pixel-weights --refine 3 --cldice 0.5",
        "--data roads --loss dice --topology 0.1 --refine 2",
        "--compare --pixel-updates 1.5 --topology 0.01",
    ] {
        check_resume(|| small(words), 3);
    }
}

#[test]
fn a_card_learns_what_the_host_learns() {
    let Some(card) = gobelin_emulation::asked_for() else { return };
    for words in [
        "--loss bce --class-weights balance",
        "--data roads --loss dice --topology 0.1 --refine 2",
        "--compare --pixel-updates 1.5 --topology 0.01",
    ] {
        check_device(|| small(words), &card, 2, 2e-3);
    }
}

/// Whichever comes first, the next pictures or the end of what reads the last.
#[test]
fn a_card_replays_what_it_would_do() {
    for (order, words) in [
        (Order::Forwards, "--loss bce --class-weights balance --cldice 0.5"),
        (Order::Backwards, "--loss bce --pixel-weights --class-weights 1,3"),
        (Order::Backwards, "--loss cross-entropy"),
        (Order::Forwards, "--loss cross-entropy --pixel-weights --refine 2"),
        (Order::Backwards, "--data roads --loss dice --topology 0.1 --refine 2"),
        (Order::Forwards, "--compare --pixel-updates 1.5 --topology 0.01"),
    ] {
        let Some(card) = asked_for_in(order) else { return };
        check_replay(|| small(words), &card, 4);
    }
}
