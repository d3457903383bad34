//! The state of a training holds everything a later step depends on.

use gobelin_facenet::FaceNetOptions;
use gobelin_facenet::trainer::FaceNetTrainer;
use gobelin_harness::{check_device, check_resume, made};

/// A small trainer on drawn faces, by the flags that make it differ.
fn small(words: &str) -> FaceNetTrainer {
    made::<FaceNetOptions>(&format!(
        "facenet --size 16 --width 2 --dimensions 8 --people 3 --faces 3 --held-out 40 {words}"
    ))
}

#[test]
fn resumed_before_any_step_training_goes_on_the_same() {
    for words in [
        "--mining semi-hard --fallback largest --flip",
        "--mining batch-hard --soft-margin --distance plain --chunk 4",
        "--mining batch-all --optimiser adagrad",
        "--mining distance-weighted --pretrain 2",
        "--mining offline --mine-every 2 --mine-from 20 --pretrain 1 --fallback hardest",
        "--loss contrastive --mining distance-weighted --seed 3",
    ] {
        check_resume(|| small(words), 5);
    }
}

#[test]
fn a_card_learns_what_the_host_learns() {
    let Some(card) = gobelin_emulation::asked_for() else { return };
    for words in [
        "--mining semi-hard --fallback largest --flip",
        "--mining batch-all --optimiser adagrad --pretrain 1",
        "--loss contrastive --mining distance-weighted --seed 3",
    ] {
        check_device(|| small(words), &card, 2, 2e-3);
    }
}
