//! Whatever interrupts a run, resumed it ends as the run that nothing interrupted.

use std::fs;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};

use crate::runs::{RUNS, TINY};
use crate::shell::{call, contents, gobelin, must_be_the_same_run, told, trained, workplace};

const RESUME: &str = "gan --out run --resume";

#[test]
fn killed_at_any_moment_and_resumed_a_run_ends_the_same() {
    let mut moments = ChaCha8Rng::seed_from_u64(2);
    let mut kills_in_all = 0;
    for words in RUNS {
        let begun = Instant::now();
        let expected = trained(&format!("{TINY} {words}"));
        let whole = begun.elapsed().as_secs_f64();
        let here = workplace();
        let mut next = format!("gan --out run {TINY} {words}");
        let mut kills = 0;
        loop {
            let mut process = gobelin(here.path(), &next).spawn().unwrap();
            if kills < 4 {
                sleep(Duration::from_secs_f64(whole * moments.random_range(0.1..0.9)));
                process.kill().unwrap();
            }
            let output = process.wait_with_output().unwrap();
            if output.status.success() {
                break;
            }
            assert_eq!(output.status.code(), None, "not killed but failed: {:?}", told(&output).1);
            kills += 1;
            // Killed before there was a run, it is begun again.
            if here.path().join("run/config.toml").exists() {
                next = RESUME.into();
            }
        }
        must_be_the_same_run(here.path(), expected.path(), &format!("{words}, killed {kills} times"));
        kills_in_all += kills;
    }
    assert!(kills_in_all >= RUNS.len(), "only {kills_in_all} kills came in time");
}

#[test]
fn trained_for_longer_a_run_ends_as_if_it_had_been_meant_to() {
    for words in RUNS {
        let expected = trained(&format!("{TINY} {words}"));
        let shorter = TINY.replace("--steps 12", "--steps 6");
        let here = trained(&format!("{shorter} {words}"));
        assert_eq!(call(here.path(), &format!("{RESUME} --steps 12")).0, 0);
        must_be_the_same_run(here.path(), expected.path(), words);
    }
}

fn flip(path: &Path, at: impl Fn(usize) -> usize) {
    let mut bytes = fs::read(path).unwrap();
    let at = at(bytes.len());
    bytes[at] ^= 0x20;
    fs::write(path, bytes).unwrap();
}

#[test]
fn a_flipped_byte_is_named_and_costs_no_more_than_a_checkpoint() {
    let words = format!("{TINY} {}", RUNS[1]);
    let expected = trained(&words);
    for part in [0, 1, 2, 3, 4] {
        let here = trained(&words);
        flip(&here.path().join("run/checkpoint"), |length| part * (length - 1) / 4);
        let (code, lines) = call(here.path(), RESUME);
        assert_eq!(code, 0, "{lines:?}");
        let told = lines[0].starts_with("run/checkpoint is damaged ")
            && lines[0].ends_with(": using the one before it, of step 9");
        assert!(told && lines[1] == "resuming after step 9", "{lines:?}");
        must_be_the_same_run(here.path(), expected.path(), &lines[0]);
    }
}

#[test]
fn without_a_whole_checkpoint_nothing_is_touched() {
    let here = trained(&format!("{TINY} {}", RUNS[0]));
    let run = here.path().join("run");
    for name in ["checkpoint", "checkpoint.previous"] {
        flip(&run.join(name), |length| length / 2);
    }
    let before = contents(&run);
    let (code, lines) = call(here.path(), RESUME);
    assert_eq!((code, lines.len()), (1, 1), "{lines:?}");
    assert!(lines[0].starts_with("error: run/checkpoint is damaged (checksum "), "{lines:?}");
    assert!(
        lines[0].ends_with("no usable checkpoint is left in run; begin again with another --out"),
        "{lines:?}"
    );
    assert!(contents(&run) == before);
}
