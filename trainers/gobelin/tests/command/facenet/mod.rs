//! `gobelin facenet`: runs and resumption, and what a run tells.

mod pairs;
mod tools;
mod wrong_calls;

use std::fs;

use tempfile::{TempDir, tempdir};

use crate::shell::{
    CMYK, call, gobelin, metrics, must_not_depend_on_threads, must_survive_kills, write_idx, write_picture,
};

/// What makes a run take less than a second.
const TINY: &str = "--size 16 --width 2 --dimensions 8 --people 3 --faces 2 --held-out 24 --steps 12 --log-every 2 \
                    --sample-every 6 --checkpoint-every 3";

const RUNS: [&str; 3] = [
    "",
    "--data identities:people --mining offline --mine-every 4 --mine-from 12 --pretrain 3 --flip",
    "--data idx:idx --loss contrastive --mining distance-weighted --chunk 4 --optimiser adagrad --exact",
];

/// A new directory with thirty people in `people`, of two to four pictures each of every size and mode, and digits in `idx`.
fn workplace() -> TempDir {
    let here = tempdir().unwrap();
    for person in 0..30 {
        let folder = here.path().join(format!("people/person_{person:02}"));
        fs::create_dir_all(&folder).unwrap();
        for number in 0..2 + person % 3 {
            write_picture(
                &folder.join(format!("person_{person:02}_{:04}.png", number + 1)),
                person * 5 + number,
            );
        }
    }
    fs::write(here.path().join("people/person_07/inks.jpg"), CMYK).unwrap();
    write_idx(&here.path().join("idx"), 64, 40);
    here
}

fn trained(words: &str) -> TempDir {
    let here = workplace();
    let (code, lines) = call(here.path(), &format!("facenet --out run {words}"));
    assert_eq!(code, 0, "facenet {words}: {lines:?}");
    here
}

#[test]
fn a_run_leaves_everything() {
    for words in RUNS {
        let here = workplace();
        let output = gobelin(here.path(), &format!("facenet --out run {TINY} {words}")).output().unwrap();
        let line = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{words}: {}", String::from_utf8_lossy(&output.stderr));
        assert!(line.starts_with("verification accuracy ") && line.contains("never trained on"), "{line}");
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(told.contains("an epoch is ") && told.contains(" of 3 people x 2 faces"), "{told}");

        let run = here.path().join("run");
        let lines = metrics(&run);
        let steps: Vec<u64> = lines.iter().map(|line| line["step"].as_u64().unwrap()).collect();
        assert_eq!(steps, [1, 2, 4, 6, 8, 10, 12, 12], "{words}");
        for line in [&lines[3], &lines[6], &lines[7]] {
            for name in ["accuracy", "val", "auc", "precision-at-1"] {
                let value = line[name].as_f64();
                assert!(value.is_some_and(|value| (0.0..=1.0).contains(&value)), "{words}: {name} in {line}");
            }
        }
        for file in ["samples/roc-000012.png", "samples/confusions-000012.png", "embedder.safetensors"] {
            assert!(run.join(file).exists(), "{words}: {file}");
        }
    }
}

#[test]
fn the_number_of_threads_changes_no_byte() {
    for words in RUNS {
        must_not_depend_on_threads(workplace, &format!("facenet --out run {TINY} {words}"));
    }
}

#[test]
fn killed_and_resumed_a_run_ends_the_same() {
    let run = |words: &&str| must_survive_kills(workplace, &format!("facenet --out run {TINY} {words}"));
    assert!(RUNS.iter().map(run).sum::<u32>() > 0, "no kill came in time");
}

#[test]
fn collapse_is_named_while_it_happens() {
    let named = |words: &str| {
        let here = tempdir().unwrap();
        let small = "--size 16 --width 2 --dimensions 8 --people 3 --faces 3 --held-out 24 --steps 60";
        let (code, lines) = call(here.path(), &format!("facenet --out run {small} {words}"));
        assert_eq!(code, 0, "{words}: {lines:?}");
        let place = lines.iter().position(|line| line.contains("all embeddings have been one point"));
        place.map(|place| (place, lines[place].clone(), lines.len()))
    };
    assert_eq!(named(""), None);
    let (place, line, count) =
        named("--mining batch-hard --margin 1 --learning-rate 0.05").expect("a warning");
    // Before the last of the steps are told.
    assert!(line.starts_with("step ") && place + 3 < count, "{line}");
    assert!(line.ends_with("try --mining semi-hard, a smaller --learning-rate or --pretrain 200"), "{line}");
}

#[test]
fn what_a_run_does_unasked_is_told() {
    let here = workplace();
    let told = |words: &str| {
        let tiny = TINY.replace("--faces 2", "--faces 4");
        let (code, lines) = call(here.path(), &format!("facenet --out run {tiny} {words}"));
        assert_eq!(code, 0, "{words}: {lines:?}");
        fs::remove_dir_all(here.path().join("run")).unwrap();
        let about = |part: &str| lines.iter().find(|line| line.contains(part)).cloned();
        (about("have fewer than"), about("none has triplets"))
    };
    let (few, never) = told("--data identities:people --pretrain 12");
    // Ten of thirty people have four pictures, and person 7 has a fourth in inks; of the other nineteen two are held out.
    let line = "identities:people: 17 of 27 people to train on have fewer than 4 pictures: batches show all of theirs, each once, and \
                are smaller than --batch says";
    assert_eq!(few.as_deref(), Some(line));
    let line = "--pretrain 12: all 12 steps are softmax, none has triplets; make --steps larger or --pretrain smaller";
    assert_eq!(never.as_deref(), Some(line));
    assert_eq!(told("--pretrain 11"), (None, None));
}
