//! The state holds everything a later step depends on.

use gobelin_harness::{Recipe, check_resume, cli};
use gobelin_style::StyleOptions;
use gobelin_style::trainer::StyleTrainer;

/// A small painting, by the flags that make it differ. Shallow layers keep it to the first blocks of VGG-19.
fn made(words: &str) -> StyleTrainer {
    let small = "style --size 16 --content-layer conv2_1 --style-layers conv1_1,conv2_1 --scale-steps 2";
    let words = small.split_whitespace().chain(words.split_whitespace());
    let matches = cli::command::<StyleOptions>().get_matches_from(words);
    let (mut run, mut own, given) = cli::options::<StyleOptions>(&matches).unwrap();
    own.settle(&mut run, &given).unwrap();
    own.build(&run).unwrap()
}

#[test]
fn resumed_before_any_step_painting_goes_on_the_same() {
    for words in [
        "--scales 1 --history 2",
        "--scales 2 --start noise",
        "--scales 2 --optimiser adam --style drawn:mosaic --style drawn:bricks:3 --style-weights 1,2 --keep-colour --tv 0.1",
    ] {
        check_resume(|| made(words), 4);
    }
}
