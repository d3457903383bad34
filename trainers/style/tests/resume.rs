//! The state holds everything a later step depends on.

use gobelin_harness::{check_device, check_replay, check_resume, made};
use gobelin_style::StyleOptions;
use gobelin_style::trainer::StyleTrainer;

/// A small painting, by the flags that make it differ. Shallow layers keep it to the first blocks of VGG-19.
fn small(words: &str) -> StyleTrainer {
    made::<StyleOptions>(&format!(
        "style --size 16 --content-layer conv2_1 --style-layers conv1_1,conv2_1 {words}"
    ))
}

#[test]
fn resumed_before_any_step_painting_goes_on_the_same() {
    for words in [
        "--scales 1 --history 2",
        "--scales 2 --scale-steps 2 --start noise",
        "--scales 2 --scale-steps 2 --optimiser adam --style drawn:mosaic --style drawn:bricks:3 --style-weights 1,2 --keep-colour --tv 0.1",
    ] {
        check_resume(|| small(words), 4);
    }
}

#[test]
fn a_card_paints_what_the_host_paints() {
    let Some(card) = gobelin_emulation::asked_for() else { return };
    for words in [
        "--scales 1",
        "--scales 2 --scale-steps 2 --optimiser adam --style drawn:mosaic --style drawn:bricks:3 --style-weights 1,2 --keep-colour --tv 0.1",
    ] {
        check_device(|| small(words), &card, 2, 2e-3);
    }
}

#[test]
fn a_card_replays_what_it_would_do() {
    let Some(card) = gobelin_emulation::asked_for() else { return };
    for words in [
        "--scales 2 --history 2 --scale-steps 3",
        "--scales 2 --scale-steps 2 --start noise --tv 0.1 --keep-colour",
        "--scales 2 --scale-steps 3 --optimiser adam --style drawn:mosaic --style drawn:bricks:3 --style-weights 1,2",
        "--scales 1 --optimiser adam --keep-colour --tv 0.1",
    ] {
        check_replay(|| small(words), &card, 6);
    }
}
