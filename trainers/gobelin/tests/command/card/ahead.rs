//! What is dealt for the next step while a card does the last.

use std::fs;

use tempfile::tempdir;

use super::{Machine, RUNS, STEPS};
use crate::shell::{killed_and_resumed, must_be_the_same_run, told, write_pictures};

/// With what is dealt for the next step on its way, each time; and uploads beside the work come as early as they may in the one run, as
/// late in the other.
#[test]
fn a_run_that_is_killed_on_a_card_ends_as_one_that_is_not() {
    let mut kills = 0;
    for run in RUNS {
        let (Some(whole), Some(card)) = (Machine::new(), Machine::new()) else { return };
        let words = format!("{run} {STEPS} --device cuda").replace("--steps 3", "--steps 6");
        whole.train(&words);
        kills += killed_and_resumed(card.path(), &words, |_, words| {
            card.command(&card.driver, "order=backwards", words)
        });
        must_be_the_same_run(card.path(), whole.path(), run);
    }
    assert!(kills >= RUNS.len() as u32, "only {kills} kills came in time");
}

/// Not at the step during which they were read.
#[test]
fn pictures_that_cannot_be_read_are_told_at_the_step_that_would_use_them() {
    let (Some(card), host) = (Machine::new(), tempdir().unwrap()) else { return };
    let words = "gan --size 28 --width 4 --noise 8 --batch 4 --held-out 4 --data folder:pictures --steps 40 --out run";
    let [found, expected] = [(card.path(), "--device cuda"), (host.path(), "")].map(|(here, device)| {
        let pictures = here.join("pictures");
        write_pictures(&pictures, 40);
        for number in (0..40).step_by(3) {
            let part = if number % 2 == 0 { "even" } else { "odd" };
            fs::write(pictures.join(format!("{part}/{number:03}.png")), "no picture").unwrap();
        }
        let call = card.command_in(here, &card.driver, "", &format!("{words} {device}")).output();
        let (exit, lines) = told(&call.unwrap());
        let told = lines.into_iter().filter(|line| line.contains("pictures"));
        (exit, told.collect::<Vec<_>>())
    });
    assert_eq!(found, expected);
    assert!(found.0 == 1 && found.1.last().unwrap().starts_with("error: after step "), "{found:?}");
}
