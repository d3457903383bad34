//! On a graphics card, by way of NVIDIA's driver, for which `gobelin_emulation_driver` stands in: what each trainer, net and workload
//! tells there.

mod ahead;
mod faults;
mod losses;
mod resumption;
mod tools;

use std::path::{Path, PathBuf};
use std::process::Command;

use gobelin_nets::weights;
use tempfile::{TempDir, tempdir};

use crate::bench::{WORKLOADS, rows};
use crate::shell::{call, gobelin, metrics, told};
use crate::tensors::{noise, write};

/// A small run of each trainer.
const RUNS: [&str; 6] = [
    "gan --size 28 --width 4 --noise 8 --batch 8 --held-out 4 --ema 0.9",
    "cyclegan --size 24 --width 2 --blocks 1 --held-out 2 --pool 2",
    "facenet --size 16 --width 2 --dimensions 8 --people 3 --faces 3 --held-out 40 --mining semi-hard --fallback largest",
    "segment --width 2 --depth 2 --size 16 --batch 2 --held-out 3 --loss bce",
    "superres --width 4 --size 32 --batch 2 --held-out 2 --blocks 1 --loss perceptual+gan --layers relu1_2 --patch 16",
    "style --size 16 --scales 1 --content-layer conv2_1 --style-layers conv1_1,conv2_1",
];

/// Three steps of each, logged and saved.
const STEPS: &str = "--steps 3 --log-every 1 --checkpoint-every 1 --sample-every 3 --exact --out run";

/// A machine with the driver: a folder for its programs, and the driver's.
struct Machine {
    here: TempDir,
    driver: PathBuf,
}

impl Machine {
    /// None where there is no compiler for the emulated card.
    fn new() -> Option<Self> {
        Some(Self { driver: gobelin_emulation_driver::folder()?, here: tempdir().unwrap() })
    }

    fn path(&self) -> &Path {
        self.here.path()
    }

    /// Runs `gobelin WORDS` where the card is as `settings` say: its exit code, and its lines on standard error.
    fn call(&self, settings: &str, words: &str) -> (i32, Vec<String>) {
        self.call_with(&self.driver, settings, words)
    }

    fn call_with(&self, driver: &Path, settings: &str, words: &str) -> (i32, Vec<String>) {
        told(&self.command(driver, settings, words).output().unwrap())
    }

    fn command(&self, driver: &Path, settings: &str, words: &str) -> Command {
        self.command_in(self.path(), driver, settings, words)
    }

    fn command_in(&self, here: &Path, driver: &Path, settings: &str, words: &str) -> Command {
        let mut command = gobelin(here, words);
        command.env("LD_LIBRARY_PATH", driver).env("XDG_CACHE_HOME", self.path().join("cache"));
        command.env("GOBELIN_DRIVER", settings);
        command
    }

    /// Runs a trainer on the card to its end.
    #[track_caller]
    fn train(&self, words: &str) {
        let (code, lines) = self.call("", words);
        assert_eq!(code, 0, "gobelin {words}: {lines:?}");
    }
}

/// Two runs of [`STEPS`], one of them on the host, must tell the same but for rounding.
#[track_caller]
fn must_tell_the_same(found: &Path, on_host: &Path, how: &str) {
    let [found, expected] = [found, on_host].map(metrics);
    assert_eq!([found.len(), expected.len()], [4; 2], "{how}");
    for (found, expected) in found.iter().zip(&expected) {
        for (name, expected) in expected.as_object().unwrap() {
            let (Some(found), Some(expected)) = (found[name].as_f64(), expected.as_f64()) else {
                continue;
            };
            let is_near = (found - expected).abs() <= 2e-3 * expected.abs().max(1.0);
            assert!(name == "seconds" || is_near, "{how}: {name} is {found}, on the host {expected}");
        }
    }
}

fn trainer(words: &str) -> &str {
    words.split(' ').next().expect("a trainer")
}

#[test]
fn each_trainer_tells_what_it_tells_on_the_host() {
    let (Some(card), host) = (Machine::new(), tempdir().unwrap()) else { return };
    for run in RUNS {
        let words = format!("{run} {STEPS}").replace("--out run", &format!("--out {}", trainer(run)));
        card.train(&format!("{words} --device cuda"));
        assert_eq!(call(host.path(), &words).0, 0, "{run}");
        let [found, expected] = [card.path(), host.path()].map(|here| here.join(trainer(run)));
        must_tell_the_same(&found, &expected, run);
    }
}

/// The second card of a machine, too.
#[test]
fn a_net_gives_what_it_gives_on_the_host() {
    let Some(card) = Machine::new() else { return };
    let net = "net unet --set width=2 --set depth=2";
    assert_eq!(card.call("", &format!("{net} --init 1 --weights w")), (0, Vec::new()));
    write(&card.path().join("x"), [("input", noise(1, &[2, 3, 8, 12]))]);
    for (file, device) in [("host", ""), ("card", "--device cuda"), ("second", "--device cuda:1")] {
        let words = format!("{net} --weights w --input x --output {file} --exact {device}");
        assert_eq!(card.call("cards=2 order=backwards", &words), (0, Vec::new()), "{words}");
    }
    let [host, first, second] = ["host", "card", "second"].map(|file| {
        let stored = weights::read(&card.path().join(file)).unwrap();
        stored["output"].floats().unwrap()
    });
    assert_eq!(first, second);
    for (found, expected) in first.iter().zip(&host) {
        assert!((found - expected).abs() < 1e-5, "{found}, on the host {expected}");
    }
}

/// Rows with PyTorch's fields, and the card's name.
#[test]
fn every_workload_is_timed_on_a_card() {
    let Some(card) = Machine::new() else { return };
    let timed = |words: &str| rows(card.command(&card.driver, "", words).output().unwrap());
    let rows = timed("bench --small --seconds 0 --device cuda");
    let names: Vec<&str> = rows.iter().filter_map(|row| row["workload"].as_str()).collect();
    assert_eq!(names, WORKLOADS.map(|name| format!("{name} (small)")));
    for row in &rows {
        assert_eq!((&row["device"], &row["card"]), (&"cuda".into(), &"Emulated Card".into()), "{row}");
        assert!(row["median_ms"].as_f64().unwrap() > 0.0 && row["peak_device_mb"].is_u64(), "{row}");
        assert!(row["graph_nodes"].as_u64().unwrap() > 0, "{row}");
    }
    let row = &timed("bench wgan --eager --small --seconds 0 --device cuda")[0];
    assert_eq!((&row["graph_nodes"], &row["mode"]), (&0.into(), &"gobelin eager".into()), "{row}");
    let (exit, lines) = card.call("fail=cuLaunchKernel:50:LAUNCH_FAILED", "bench gan --small --device cuda");
    let expected = "error: the graphics card was lost (";
    assert!(exit == 1 && lines.len() == 1 && lines[0].starts_with(expected), "{exit} {lines:?}");
}
