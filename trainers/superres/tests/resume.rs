//! The state holds everything a later step depends on.

use gobelin_harness::{check_device, check_replay, check_resume, made};
use gobelin_superres::{SuperresOptions, SuperresTrainer};

/// A small trainer on drawn data, by the flags that make it differ.
fn small(words: &str) -> SuperresTrainer {
    made::<SuperresOptions>(&format!("superres --width 4 --size 32 --batch 2 --held-out 2 {words}"))
}

#[test]
fn resumed_before_any_step_training_goes_on_the_same() {
    for words in [
        "--loss mse --blocks 1",
        "--loss perceptual+gan --layers relu1_2 --blocks 1 --patch 16",
        "--task style --style drawn:mosaic --style-size 24",
    ] {
        check_resume(|| small(words), 3);
    }
}

#[test]
fn a_card_learns_what_the_host_learns() {
    let Some(card) = gobelin_emulation::asked_for() else { return };
    for words in [
        "--loss mse --blocks 1",
        "--loss perceptual+gan --layers relu1_2 --blocks 1 --patch 16",
        "--task style --style drawn:mosaic --style-size 24",
    ] {
        check_device(|| small(words), &card, 2, 2e-3);
    }
}

/// A card that works as late as it may, and has at once what is sent ahead; that above is the other way round.
#[test]
fn a_card_replays_what_it_would_do() {
    let Some(card) = gobelin_emulation::asked_for_in(gobelin_emulation::Order::Backwards) else { return };
    for words in [
        "--loss mse --blocks 1 --skip",
        "--loss perceptual --layers relu1_1 --blocks 1",
        "--loss perceptual+gan --layers relu1_1 --blocks 1 --patch 16",
        "--task style --style drawn:mosaic --style-size 24 --tv 1e-4 --content-layer relu1_2 --style-layers relu1_1,relu1_2",
    ] {
        check_replay(|| small(words), &card, 3);
    }
}
