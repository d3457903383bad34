//! The state of a training holds everything a later step depends on.

use gobelin_autograd::Precision;
use gobelin_facenet::FaceNetOptions;
use gobelin_facenet::trainer::FaceNetTrainer;
use gobelin_harness::{Recipe, check_device, check_resume, cli};

/// A small trainer on drawn faces, by the flags that make it differ.
fn made(words: &str) -> FaceNetTrainer {
    let small = "facenet --size 16 --width 2 --dimensions 8 --people 3 --faces 3 --held-out 40";
    let words = small.split_whitespace().chain(words.split_whitespace());
    let matches = cli::command::<FaceNetOptions>().get_matches_from(words);
    let (mut run, mut own, given) = cli::options::<FaceNetOptions>(&matches).unwrap();
    own.settle(&mut run, &given).unwrap();
    own.build(&run).unwrap()
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
        check_resume(|| made(words), 5);
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
        "--mining semi-hard --fallback largest --flip",
        "--mining batch-all --optimiser adagrad --pretrain 1",
        "--loss contrastive --mining distance-weighted --seed 3",
    ] {
        check_device(|| made(words), &card, 2, 2e-3);
    }
}
