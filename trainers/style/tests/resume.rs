//! The state holds everything a later step depends on.

use gobelin_harness::{check_device, check_resume, made};
use gobelin_style::StyleOptions;
use gobelin_style::trainer::StyleTrainer;

/// A small painting, by the flags that make it differ. Shallow layers keep it to the first blocks of VGG-19.
fn small(words: &str) -> StyleTrainer {
    made::<StyleOptions>(&format!(
        "style --size 16 --content-layer conv2_1 --style-layers conv1_1,conv2_1 --scale-steps 2 {words}"
    ))
}

#[test]
fn resumed_before_any_step_painting_goes_on_the_same() {
    for words in [
        "--scales 1 --history 2",
        "--scales 2 --start noise",
        "--scales 2 --optimiser adam --style drawn:mosaic --style drawn:bricks:3 --style-weights 1,2 --keep-colour --tv 0.1",
    ] {
        check_resume(|| small(words), 4);
    }
}

#[test]
fn a_card_paints_what_the_host_paints() {
    let Some(card) = gobelin_emulation::asked_for() else { return };
    for words in [
        "--scales 1",
        "--scales 2 --optimiser adam --style drawn:mosaic --style drawn:bricks:3 --style-weights 1,2 --keep-colour --tv 0.1",
    ] {
        check_device(|| small(words), &card, 2, 2e-3);
    }
}
