//! A run goes on where another device is, or where its own is no more.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

use tempfile::tempdir;

use super::{Machine, RUNS, STEPS, must_tell_the_same, trainer};
use crate::shell::{call, contents, told};

/// Kills a run as soon as it has done a step; whether it was still under way.
fn killed(mut command: Command, run: &Path) -> bool {
    let mut process = command.spawn().unwrap();
    let has_done_a_step = || run.join("checkpoint.previous").exists();
    while !has_done_a_step() && process.try_wait().unwrap().is_none() {
        sleep(Duration::from_millis(1));
    }
    process.kill().unwrap();
    let (code, lines) = told(&process.wait_with_output().unwrap());
    assert!(code <= 0, "{lines:?}");
    code < 0
}

/// Begun on a card and killed, finished on the host; and the other way.
#[test]
fn a_run_goes_on_on_another_device() {
    let (Some(card), host) = (Machine::new(), tempdir().unwrap()) else { return };
    let mut kills = [0, 0];
    for run in RUNS {
        let name = trainer(run);
        let words = |out: &str| format!("{run} {STEPS}").replace("--out run", &format!("--out {out}"));
        assert_eq!(call(host.path(), &words(name)).0, 0, "{run}");
        for (way, (before, after)) in [("cuda", "cpu"), ("cpu", "cuda")].into_iter().enumerate() {
            let out = format!("{name}-{before}");
            let begin = format!("{} --device {before}", words(&out));
            let directory = card.path().join(&out);
            kills[way] += u32::from(killed(card.command(&card.driver, "", &begin), &directory));
            let (code, lines) =
                card.call("", &format!("{name} --out {out} --resume --device {after} --threads 1"));
            assert_eq!(code, 0, "{begin}: {lines:?}");
            let line = format!(" on {after}, no longer on {before}: results go on as {after} rounds");
            assert!(
                lines.iter().any(|l| l.starts_with("resuming after step ") && l.ends_with(&line)),
                "{lines:?}"
            );
            must_tell_the_same(&directory, &host.path().join(name), &format!("{run}, {before} to {after}"));
            let config = fs::read_to_string(directory.join("config.toml")).unwrap();
            assert!(config.contains(&format!("device = \"{after}\"")), "{config}");
        }
    }
    assert!(kills.iter().all(|kills| *kills > 0), "kills came in time: {kills:?}");
}

/// The call that goes on with a run asks for its device; where that cannot be had, the run stays as it was, and goes on on the
/// host if asked to.
#[test]
fn a_run_outlives_its_card() {
    let Some(card) = Machine::new() else { return };
    let run = format!("{} {STEPS} --device cuda", RUNS[0]);
    assert!(killed(card.command(&card.driver, "", &run), &card.path().join("run")));
    let before = contents(&card.path().join("run"));
    let resume = "gan --out run --resume";
    for (output, expected) in [
        (
            card.command(&card.driver, "cards=0", resume).output(),
            "--device cuda: no graphics card 0: this machine has 0",
        ),
        (
            card.command(&card.driver, "", &format!("{resume} --device cuda:3")).output(),
            "--device cuda:3: no graphics card 3: this machine has 1",
        ),
    ] {
        let (code, lines) = told(&output.unwrap());
        assert_eq!((code, lines.len()), (2, 1), "{lines:?}");
        assert!(lines[0].starts_with(&format!("error: {expected}")), "{lines:?}");
        assert!(contents(&card.path().join("run")) == before, "{expected}");
    }
    let (code, lines) = call(card.path(), &format!("{resume} --device cpu"));
    assert_eq!(code, 0, "{lines:?}");
    // From then on without being asked to.
    let (code, lines) = call(card.path(), &format!("{resume} --steps 4"));
    assert_eq!((code, &*lines[0]), (0, "resuming after step 3"), "{lines:?}");
}
