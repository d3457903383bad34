//! Whatever happens to a run, resumed it ends as the run to which nothing
//! happened.

mod toy;

use gobelin_harness::State;
use gobelin_harness::checkpoint::{Checkpoints, Saved};
use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};
use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::sleep;
use std::time::Duration;
use tempfile::{TempDir, tempdir};
use toy::{call, gobelin, told};

#[test]
fn toy_process() {
    toy::become_the_command();
}

const RESUME: &str = "toy --out run --resume";

/// A directory in which a run was done to the end.
fn done(words: &str) -> TempDir {
    let here = tempdir().unwrap();
    let (code, lines) = call(here.path(), &format!("toy --out run {words}"));
    assert_eq!(code, 0, "{lines:?}");
    here
}

/// The lines of metrics.jsonl without the seconds, the only part of them in
/// which two runs differ.
fn metrics(here: &Path) -> Vec<serde_json::Value> {
    let text = fs::read_to_string(here.join("run/metrics.jsonl")).unwrap();
    text.lines()
        .map(|line| {
            let mut object: serde_json::Value = serde_json::from_str(line).unwrap();
            assert!(object.as_object_mut().unwrap().remove("seconds").is_some());
            object
        })
        .collect()
}

#[track_caller]
fn must_end_alike(found: &Path, expected: &Path) {
    for file in ["checkpoint", "toy.safetensors", "config.toml", "samples/weights-000010.png"] {
        let read = |here: &Path| fs::read(here.join("run").join(file)).unwrap();
        assert!(read(found) == read(expected), "{file} differs");
    }
    assert_eq!(metrics(found), metrics(expected));
}

/// Large enough that many kills fall into the writing of a checkpoint.
const KILLED: &str = "--size 20000 --steps 150 --checkpoint-every 3 --log-every 2 --pause 300";

#[test]
fn killed_at_any_moment_and_resumed_a_run_ends_the_same() {
    let expected = done(KILLED);
    let here = tempdir().unwrap();
    let mut moments = ChaCha8Rng::seed_from_u64(1);
    let (mut kills, mut words) = (0, format!("toy --out run {KILLED}"));
    loop {
        let mut process = gobelin(here.path(), &words).spawn().unwrap();
        if kills < 25 {
            sleep(Duration::from_micros(moments.random_range(2_000..60_000)));
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
            words = RESUME.into();
        }
    }
    assert!(kills >= 5, "only {kills} kills came in time");
    must_end_alike(here.path(), expected.path());
}

#[test]
fn stopped_by_a_signal_a_run_saves_and_says_how_to_go_on() {
    let expected = done("--steps 60");
    for signal in ["INT", "TERM"] {
        let here = tempdir().unwrap();
        let run = here.path().join("run");
        let process = gobelin(here.path(), "toy --out run --steps 60 --pause 5000").spawn().unwrap();
        while !run.join("metrics.jsonl").exists() || metrics(here.path()).len() < 3 {
            sleep(Duration::from_millis(1));
        }
        Command::new("kill").args([&format!("-{signal}"), &process.id().to_string()]).status().unwrap();
        let (code, lines) = told(&process.wait_with_output().unwrap());
        assert_eq!(code, 130);
        let last = lines.last().unwrap();
        assert!(
            last.starts_with("stopped after step ")
                && last.ends_with(" of 60; continue with: gobelin toy --out run --resume"),
            "{last}"
        );
        assert!(run.join("toy.safetensors").exists());
        let step = last.split(' ').nth(3).unwrap();
        let (code, lines) = call(here.path(), RESUME);
        assert_eq!((code, &lines[0]), (0, &format!("resuming after step {step}")));
        let weights = |here: &Path| fs::read(here.join("run/toy.safetensors")).unwrap();
        assert!(weights(here.path()) == weights(expected.path()), "{signal}: the weights differ");
        assert_eq!(metrics(here.path()), metrics(expected.path()), "{signal}");
    }
}

const SAVED_OFTEN: &str = "--steps 12 --checkpoint-every 5";

/// Damages `checkpoint` by `damage` and resumes: the refusal must be the one
/// line that begins with `refusal`, and the run must end as if nothing was.
fn damaged(here: &Path, expected: &Path, damage: impl FnOnce(&Path), refusal: &str) {
    copy(expected, here);
    damage(&here.join("run/checkpoint"));
    let (code, lines) = call(here, RESUME);
    assert_eq!(code, 0, "{lines:?}");
    let told = lines[0].starts_with(refusal) && lines[0].ends_with(": using the one before it, of step 10");
    assert!(told, "{} instead of {refusal}", lines[0]);
    must_end_alike(here, expected);
}

/// Copies what a run has saved, which is all but TensorBoard's files.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to.join("run/samples")).unwrap();
    for file in SAVED {
        fs::copy(from.join("run").join(file), to.join("run").join(file)).unwrap();
    }
}

const SAVED: [&str; 5] =
    ["checkpoint", "checkpoint.previous", "metrics.jsonl", "config.toml", "samples/weights-000010.png"];

fn rewrite(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = fs::read(path).unwrap();
    change(&mut bytes);
    fs::write(path, bytes).unwrap();
}

#[test]
fn a_damaged_checkpoint_is_named_and_the_one_before_is_used() {
    let expected = done(SAVED_OFTEN);
    let here = tempdir().unwrap();
    let resume_after =
        |damage: &dyn Fn(&Path), refusal: &str| damaged(here.path(), expected.path(), damage, refusal);
    let flip = |at: usize| move |path: &Path| rewrite(path, |bytes| bytes[at] ^= 1);
    resume_after(&flip(0), "run/checkpoint is damaged or no checkpoint (its first bytes are wrong)");
    resume_after(&flip(8), "run/checkpoint has format version 0, this program reads 1");
    for at in [12, 19, 20, 24, 28, 200] {
        resume_after(&flip(at), "run/checkpoint is damaged (checksum ");
    }
    resume_after(
        &|path| rewrite(path, |bytes| bytes.truncate(100)),
        "run/checkpoint is damaged (100 bytes, expected ",
    );
    resume_after(
        &|path| rewrite(path, |bytes| bytes.truncate(5)),
        "run/checkpoint is damaged (5 bytes, expected 28)",
    );
    resume_after(&|path| rewrite(path, |bytes| bytes.push(0)), "run/checkpoint is damaged (");
    resume_after(&|path| fs::remove_file(path).unwrap(), "run/checkpoint is missing");
    let other = tempdir().unwrap();
    assert_eq!(call(other.path(), &format!("other --out run {SAVED_OFTEN} --average-rate 0.1")).0, 0);
    resume_after(
        &|path| _ = fs::copy(other.path().join("run/checkpoint"), path).unwrap(),
        "run/checkpoint is a checkpoint of the trainer other, not of toy",
    );
}

#[test]
fn no_flipped_byte_goes_unseen() {
    let expected = done(SAVED_OFTEN);
    let path = expected.path().join("run/checkpoint");
    let whole = fs::read(&path).unwrap();
    gobelin_harness::checkpoint::read(&path, "toy").unwrap();
    for at in 0..whole.len() {
        for bit in [0, 3, 7] {
            let mut flipped = whole.clone();
            flipped[at] ^= 1 << bit;
            fs::write(&path, flipped).unwrap();
            assert!(gobelin_harness::checkpoint::read(&path, "toy").is_err(), "byte {at} bit {bit}");
        }
    }
    for length in 0..whole.len() {
        fs::write(&path, &whole[..length]).unwrap();
        assert!(gobelin_harness::checkpoint::read(&path, "toy").is_err(), "{length} bytes");
    }
}

#[test]
fn a_good_checkpoint_is_never_replaced_by_a_damaged_one() {
    let expected = done(SAVED_OFTEN);
    let here = tempdir().unwrap();
    copy(expected.path(), here.path());
    rewrite(&here.path().join("run/checkpoint"), |bytes| bytes[50] ^= 4);
    assert_eq!(call(here.path(), RESUME).0, 0);
    for file in ["checkpoint", "checkpoint.previous"] {
        let path = here.path().join("run").join(file);
        gobelin_harness::checkpoint::read(&path, "toy").expect(file);
    }
}

#[test]
fn two_damaged_checkpoints_end_in_one_line() {
    let here = done(SAVED_OFTEN);
    let run = here.path().join("run");
    rewrite(&run.join("checkpoint"), |bytes| bytes.truncate(5));
    rewrite(&run.join("checkpoint.previous"), |bytes| bytes[0] = 0);
    let message = "error: run/checkpoint is damaged (5 bytes, expected 28), run/checkpoint.previous is damaged or no \
        checkpoint (its first bytes are wrong): no usable checkpoint is left in run; begin again with another --out";
    assert_eq!(call(here.path(), RESUME), (1, vec![message.to_owned()]));
}

#[test]
fn a_state_that_does_not_fit_ends_in_one_line() {
    let here = done(SAVED_OFTEN);
    let config = fs::read_to_string(here.path().join("run/config.toml")).unwrap();
    let mut state = State::new();
    state.put_floats("weights", &[4], [0.0; 4]);
    let saved = Saved { trainer: "toy".into(), step: 3, config, state };
    Checkpoints::new(&here.path().join("run"), "toy").save(&saved).unwrap();
    let message = "error: the checkpoint in run does not fit this trainer: its entry weights is floats [4], expected \
        floats [8]; it was made by another version of the program";
    assert_eq!(call(here.path(), RESUME), (1, vec![message.to_owned()]));
}

#[test]
fn leftovers_of_a_crash_are_overwritten() {
    let expected = done(SAVED_OFTEN);
    let here = tempdir().unwrap();
    let run = here.path().join("run");
    copy(expected.path(), here.path());
    fs::rename(run.join("checkpoint.previous"), run.join("checkpoint")).unwrap();
    for file in ["checkpoint.tmp", "config.toml.tmp", "toy.safetensors.tmp"] {
        fs::write(run.join(file), "unfinished").unwrap();
    }
    rewrite(&run.join("metrics.jsonl"), |bytes| bytes.truncate(bytes.len() - 70));
    assert_eq!(call(here.path(), RESUME).0, 0);
    must_end_alike(here.path(), expected.path());
    let left: Vec<PathBuf> = fs::read_dir(&run).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(!left.iter().any(|path| path.extension().is_some_and(|end| end == "tmp")), "{left:?}");
}

#[test]
fn killed_before_its_first_checkpoint_a_run_begins_again() {
    let expected = done(SAVED_OFTEN);
    let here = tempdir().unwrap();
    copy(expected.path(), here.path());
    fs::remove_file(here.path().join("run/checkpoint")).unwrap();
    fs::remove_file(here.path().join("run/checkpoint.previous")).unwrap();
    assert_eq!(call(here.path(), RESUME).0, 0);
    must_end_alike(here.path(), expected.path());
}

#[test]
fn a_full_disk_costs_nothing_that_was_saved() {
    let expected = done("--size 20000 --steps 12");
    let here = tempdir().unwrap();
    assert_eq!(call(here.path(), "toy --out run --size 20000 --steps 6").0, 0);
    let saved = fs::read(here.path().join("run/checkpoint")).unwrap();
    // The checkpoint has 160 kB; no file may grow past 64 blocks of 512 bytes
    // or 1 kB.
    let mut limited = Command::new("sh");
    limited.args(["-c", "trap '' XFSZ; ulimit -f 64; exec \"$0\" \"$@\""]);
    let inner = gobelin(here.path(), &format!("{RESUME} --steps 12"));
    limited.arg(inner.get_program()).args(inner.get_args()).current_dir(here.path());
    for (key, value) in inner.get_envs() {
        limited.env(key, value.unwrap());
    }
    let (code, lines) = told(&limited.arg0("sh").output().unwrap());
    assert_eq!(code, 1);
    let message = "error: cannot write run/checkpoint: File too large (os error 27); free some space, then continue with --resume";
    assert_eq!(lines.last().unwrap(), message);
    assert!(fs::read(here.path().join("run/checkpoint")).unwrap() == saved);
    assert!(!here.path().join("run/checkpoint.tmp").exists());
    assert_eq!(call(here.path(), RESUME).0, 0);
    let weights = |here: &Path| fs::read(here.join("run/toy.safetensors")).unwrap();
    assert!(weights(here.path()) == weights(expected.path()));
}
