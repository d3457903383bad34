//! The state of a training holds everything a later step depends on.

use gobelin_facenet::FaceNetOptions;
use gobelin_facenet::trainer::FaceNetTrainer;
use gobelin_harness::{check_device, check_replay, check_resume, made};

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

#[test]
fn a_card_replays_what_it_would_do() {
    let Some(card) = gobelin_emulation::asked_for() else { return };
    for words in [
        "--mining semi-hard",
        "--mining semi-hard --fallback hardest --chunk 4 --optimiser adagrad",
        "--mining batch-hard --distance plain --flip",
        "--mining batch-hard --soft-margin --chunk 5",
        "--mining batch-all",
        "--mining batch-all --soft-margin --distance plain",
        "--mining distance-weighted --chunk 3",
        "--mining distance-weighted --soft-margin",
        "--mining offline --mine-every 2 --mine-from 20 --fallback hardest",
        "--mining semi-hard --pretrain 3",
        "--mining semi-hard --pretrain 9",
        "--mining semi-hard --pretrain 3 --chunk 4",
        "--loss contrastive --mining batch-all",
        "--loss contrastive --mining distance-weighted",
        "--loss contrastive --mining offline --mine-every 2 --mine-from 20 --chunk 4",
    ] {
        let before = card.replayed_nodes();
        check_replay(|| small(words), &card, 5);
        assert!(card.replayed_nodes() > before, "{words}: nothing was replayed");
    }
}
