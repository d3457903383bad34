//! What a run leaves behind, and which calls it refuses.

mod toy;

use gobelin_harness::{Outcome, State, Stop, Trainer, check_resume, cli, run};
use gobelin_kernels::cuda::Device;
use std::fs;
use std::path::Path;
use tempfile::tempdir;
use toy::{Toy, call};

#[test]
fn toy_process() {
    toy::become_the_command();
}

fn read(path: impl AsRef<Path>) -> String {
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.as_ref().display()))
}

#[test]
fn a_run_leaves_everything_that_a_run_is() {
    let here = tempdir().unwrap();
    let output = toy::gobelin(here.path(), "toy --seed 7").output().unwrap();
    assert!(output.status.success());
    let line = "the toy is made; 20 steps in 0 s; all in runs/toy-1: report.html, samples/, metrics.jsonl, toy.safetensors";
    assert!(String::from_utf8_lossy(&output.stdout).lines().any(|told| told == line));

    let run = here.path().join("runs/toy-1");
    // The average's rate was settled from the rate.
    let expected = "trainer = \"toy\"\nsize = 8\nrate = 0.0002\naverage-rate = 0.00002\npause = 0\ndata = \"drawn\"\n\
        steps = 20\nbatch = 4\nseed = 7\ndevice = \"cpu\"\nexact = false\nlog-every = 5\nsample-every = 10\n\
        checkpoint-every = \"5m\"\n";
    assert_eq!(read(run.join("config.toml")), expected);

    let lines: Vec<serde_json::Value> =
        read(run.join("metrics.jsonl")).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let steps: Vec<u64> = lines.iter().map(|line| line["step"].as_u64().unwrap()).collect();
    assert_eq!(steps, [1, 5, 10, 15, 20, 20]);
    assert!(lines[..5].iter().all(|line| line["loss"].is_f64() && line["pool"].is_f64()));
    assert!(lines[2]["mean"].is_f64(), "metrics of a sampled step");
    assert_eq!(lines[4]["warnings"][0], "falling");
    assert_eq!((&lines[5]["summary"], &lines[5]["final"]), (&true.into(), &0.25.into()));

    for step in [10, 20] {
        let grid = image::open(run.join(format!("samples/weights-{step:06}.png"))).unwrap();
        assert_eq!((grid.width(), grid.height()), (7, 7));
    }
    let report = read(run.join("report.html"));
    assert!(report.contains("the toy is made") && report.contains("<figcaption>step 20</figcaption>"));
    let weights = fs::read(run.join("toy.safetensors")).unwrap();
    let weights = safetensors::SafeTensors::deserialize(&weights).unwrap();
    assert_eq!(weights.tensor("main.0.weight").unwrap().shape(), [8, 1]);
    assert_eq!(weights.tensor("main.1.num_batches_tracked").unwrap().data(), 3_i64.to_le_bytes());
}

#[test]
fn lines_without_a_terminal_tell_losses_and_signs_of_trouble_once() {
    let here = tempdir().unwrap();
    let (code, lines) = call(here.path(), "toy");
    assert_eq!(code, 0);
    assert_eq!(lines[0], "toy: 20 steps of 4 from drawn, seed 0, in runs/toy-1");
    assert_eq!(lines.iter().filter(|line| *line == "step 17: the target is falling").count(), 1);
    assert_eq!(lines.iter().filter(|line| line.contains("falling")).count(), 1);
    let logged: Vec<&String> = lines.iter().filter(|line| line.contains("steps/s")).collect();
    assert_eq!(logged.len(), 5);
    assert!(
        logged[1].starts_with("step 5/20  ") && logged[1].contains(" left  loss 4.2616"),
        "{}",
        logged[1]
    );
}

#[test]
fn every_wrong_call_is_one_line_and_changes_nothing() {
    let here = tempdir().unwrap();
    assert_eq!(call(here.path(), "toy --out mine --rate 0.5").0, 0);
    fs::create_dir(here.path().join("full")).unwrap();
    fs::write(here.path().join("full/letter"), "kept").unwrap();
    fs::write(here.path().join("file"), "kept").unwrap();
    let before = read(here.path().join("mine/config.toml"));
    for (words, code, message) in [
        ("toy --no-such", 2, "unexpected argument '--no-such' found (see --help)"),
        (
            "toy --steps 0",
            2,
            "invalid value '0' for '--steps <N>': expected a whole number of 1 or more (see --help)",
        ),
        (
            "toy --batch -3",
            2,
            "invalid value '-3' for '--batch <N>': expected a whole number of 1 or more (see --help)",
        ),
        (
            "toy --threads 100000",
            2,
            "invalid value '100000' for '--threads <T>': expected a whole number of 1 to 1024 (see --help)",
        ),
        (
            "toy --device gpu",
            2,
            "invalid value 'gpu' for '--device <DEVICE>': expected cpu, cuda or cuda:N (see --help)",
        ),
        (
            "toy --device cuda:99",
            2,
            &format!("--device cuda:99: {}", Device::card(99).expect_err("so many cards are nowhere")),
        ),
        ("toy --data nothing", 2, "--data nothing: no such data, expected drawn"),
        (
            "toy --steps 9223372036854775808",
            2,
            "a flag's value cannot be kept in config.toml: u64 value was too large",
        ),
        ("toy --resume", 2, "--resume needs to know which run: add --out with its directory"),
        (
            "toy --out mine",
            2,
            "mine already holds a run: add --resume to continue it, or choose another --out",
        ),
        (
            "toy --out full",
            2,
            "full is not empty and holds no run: choose a new or an empty directory for --out",
        ),
        (
            "toy --out file",
            1,
            "cannot use as a run directory file: Not a directory (os error 20); choose a directory that you may write with --out",
        ),
        (
            "toy --out file/in",
            1,
            "cannot use as a run directory file/in: Not a directory (os error 20); choose a directory that you may write with --out",
        ),
        ("toy --out /proc/run", 1, "cannot create /proc/run: No such file or directory (os error 2)"),
        (
            "toy --out full --resume",
            2,
            "full holds no run (no config.toml in it): check --out, or leave --resume out to begin one there",
        ),
        (
            "other --out mine --resume",
            2,
            "mine is a run of the trainer toy, not of other: resume it with `gobelin toy`, or choose another --out",
        ),
        (
            "toy --out mine --resume --rate 0.25",
            2,
            "--rate 0.25 contradicts mine/config.toml, which says 0.5: leave the flag out, or begin a new run with another --out",
        ),
        (
            "toy --out mine --resume --exact",
            2,
            "--exact true contradicts mine/config.toml, which says false: leave the flag out, or begin a new run with another --out",
        ),
        (
            "toy --out mine --resume --explode-at 5",
            2,
            "--explode-at 5 contradicts mine/config.toml, which says nothing: leave the flag out, or begin a new run with another --out",
        ),
        (
            "toy --out mine --resume --steps 19",
            2,
            "--steps 19 contradicts mine/config.toml, which says 20: leave the flag out, or begin a new run with another --out",
        ),
    ] {
        assert_eq!(call(here.path(), words), (code, vec![format!("error: {message}")]), "gobelin {words}");
    }
    assert_eq!(read(here.path().join("mine/config.toml")), before);
    let mut left: Vec<_> =
        fs::read_dir(here.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, ["file", "full", "mine"]);
    assert_eq!(fs::read_dir(here.path().join("full")).unwrap().count(), 1);
}

#[test]
fn what_no_result_depends_on_may_change_and_is_kept() {
    let here = tempdir().unwrap();
    assert_eq!(call(here.path(), "toy --out run --rate 0.5 --threads 1").0, 0);
    let words = "toy --out run --resume --rate 0.5 --steps 30 --threads 2 --log-every 3 --sample-every 30 --checkpoint-every 4";
    assert_eq!(call(here.path(), words).0, 0);
    let config = read(here.path().join("run/config.toml"));
    for line in
        ["steps = 30", "threads = 2", "log-every = 3", "sample-every = 30", "checkpoint-every = \"4\""]
    {
        assert!(config.lines().any(|found| found == line), "{line}");
    }
    assert_eq!(call(here.path(), "toy --out whole --rate 0.5 --steps 30").0, 0);
    let weights = |run: &str| fs::read(here.path().join(run).join("toy.safetensors")).unwrap();
    assert_eq!(weights("run"), weights("whole"));
}

#[test]
fn a_configuration_changed_by_hand_is_refused() {
    let here = tempdir().unwrap();
    assert_eq!(call(here.path(), "toy --out run").0, 0);
    let path = here.path().join("run/config.toml");
    let written = read(&path);
    let tail = "put back what the program wrote, or begin a new run with another --out";
    for (from, to, message) in [
        (
            "seed = 0",
            "seed = 1",
            "run/config.toml: seed is 1; its checkpoint was made with 0: change it back, or begin a new run with another --out",
        ),
        ("seed = 0\n", "", &format!("run/config.toml: missing field `seed`; {tail}")),
        ("seed", "sead = 3\nseed", &format!("run/config.toml: unknown key sead; {tail}")),
        ("trainer = \"toy\"\n", "", &format!("run/config.toml: it names no trainer; {tail}")),
        ("\"cpu\"", "\"gpu\"", &format!("run/config.toml: expected cpu, cuda or cuda:N; {tail}")),
        ("steps = 20", "steps = 10", "run/config.toml: steps is 10, but 20 are done; add --steps 20 or more"),
    ] {
        fs::write(&path, written.replace(from, to)).unwrap();
        let expected = (2, vec![format!("error: {message}")]);
        assert_eq!(call(here.path(), "toy --out run --resume"), expected, "{to}");
    }
    fs::write(&path, &written[..written.len() / 2]).unwrap();
    let (code, lines) = call(here.path(), "toy --out run --resume");
    assert_eq!((code, lines.len()), (2, 1));
    fs::write(&path, written).unwrap();
    assert_eq!(call(here.path(), "toy --out run --resume").0, 0);
}

#[test]
fn a_loss_that_is_not_finite_stops_the_run() {
    let here = tempdir().unwrap();
    let norms =
        "the largest gradient norms are nan NaN, large 7.000e9, small 5.000e-1, c 3.000e-1, d 2.000e-1";
    for (words, message) in [
        (
            "toy --out a --explode-at 7 --checkpoint-every 3",
            format!(
                "step 7: loss is inf, {norms}; the last good state, of step 6, is in a/checkpoint; \
                 try a smaller learning rate in a new run"
            ),
        ),
        (
            // No loss tells it at step 6, but a checkpoint never holds it.
            "toy --out b --poison-at 6 --checkpoint-every 3",
            format!(
                "step 6: weights is NaN, {norms}; the last good state, of step 3, is in b/checkpoint; \
                 try a smaller learning rate in a new run"
            ),
        ),
    ] {
        let (code, lines) = call(here.path(), words);
        assert_eq!((code, lines.last().unwrap()), (1, &format!("error: {message}")));
    }
}

#[test]
fn two_processes_cannot_write_one_run() {
    let here = tempdir().unwrap();
    let mut first = toy::gobelin(here.path(), "toy --out run --steps 5000 --pause 1000").spawn().unwrap();
    while !here.path().join("run/checkpoint").exists() {
        std::thread::yield_now();
    }
    let message = format!(
        "error: run is in use by process {}: wait until it has ended, or choose another --out",
        first.id()
    );
    assert_eq!(call(here.path(), "toy --out run --resume"), (1, vec![message]));
    first.kill().unwrap();
    first.wait().unwrap();
}

#[test]
fn the_first_unused_directory_is_taken() {
    let here = tempdir().unwrap();
    fs::create_dir_all(here.path().join("runs/toy-2")).unwrap();
    for expected in ["toy-1", "toy-3"] {
        assert_eq!(call(here.path(), "toy").0, 0);
        assert!(here.path().join("runs").join(expected).join("checkpoint").exists(), "{expected}");
    }
}

#[test]
fn a_stop_that_was_requested_saves_where_it_is() {
    let here = tempdir().unwrap();
    let out = here.path().join("run");
    let words = ["toy", "--out", out.to_str().unwrap()].map(Into::into);
    let matches = cli::command::<Toy>().try_get_matches_from::<_, std::ffi::OsString>(words).unwrap();
    let (options, own, given) = cli::options::<Toy>(&matches).unwrap();
    let stop = Stop::new();
    stop.request();
    let outcome = run(options, own, &given, &stop).unwrap();
    let line =
        format!("stopped after step 0 of 20; continue with: gobelin toy --out {} --resume", out.display());
    assert_eq!(outcome, Outcome::Stopped { directory: out, line });
}

fn made() -> toy::ToyTrainer {
    use gobelin_harness::Recipe;
    let matches = cli::command::<Toy>().get_matches_from(["toy", "--rate", "0.5"]);
    let (mut options, mut own, given) = cli::options::<Toy>(&matches).unwrap();
    own.settle(&mut options, &given).unwrap();
    own.build(&options).unwrap()
}

#[test]
fn the_check_of_resuming_passes_a_complete_state() {
    check_resume(made, 40);
}

/// The toy with one entry of its state left out.
struct Forgetful(toy::ToyTrainer, &'static str);

impl Trainer for Forgetful {
    fn step(&mut self, step: u64) -> Result<gobelin_harness::StepReport, gobelin_harness::Failure> {
        self.0.step(step)
    }

    fn save(&self, state: &mut State) {
        let mut whole = State::new();
        self.0.save(&mut whole);
        whole
            .iter()
            .filter(|(name, _)| *name != self.1)
            .for_each(|(name, entry)| state.put(name, entry.clone()));
    }

    fn load(&mut self, state: &State) -> Result<(), gobelin_harness::StateError> {
        let mut whole = State::new();
        self.0.save(&mut whole);
        let mut merged = state.clone();
        merged.put(self.1, whole.iter().find(|(name, _)| *name == self.1).unwrap().1.clone());
        self.0.load(&merged)
    }

    fn samples(&mut self) -> Result<Vec<gobelin_harness::Grid>, gobelin_harness::Failure> {
        self.0.samples()
    }

    fn export(&mut self) -> Vec<(String, gobelin_nets::weights::Weights)> {
        self.0.export()
    }

    fn summary(&mut self) -> Result<gobelin_harness::Summary, gobelin_harness::Failure> {
        self.0.summary()
    }
}

#[test]
fn the_check_of_resuming_catches_whatever_is_forgotten() {
    // All but the average, on which nothing else in the toy depends.
    for forgotten in ["weights", "position", "phase", "generator"] {
        let caught = std::panic::catch_unwind(|| check_resume(|| Forgetful(made(), forgotten), 40));
        assert!(caught.is_err(), "{forgotten}");
    }
}
