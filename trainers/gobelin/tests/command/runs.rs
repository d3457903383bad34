//! What runs leave behind, on what they do not depend, and what they cost.

use std::fs;
use std::thread::sleep;
use std::time::Duration;

use safetensors::SafeTensors;

use crate::shell::{call, gobelin, metrics, must_be_the_same_run, trained, workplace};

/// What makes a run take less than a second.
pub const TINY: &str = "--width 4 --noise 8 --batch 8 --steps 12 --held-out 16 --log-every 2 --sample-every 6 --checkpoint-every 3";

/// Every loss, and every option that adds to the state or to the sums.
pub const RUNS: [&str; 8] = [
    "--data idx:idx --loss minmax",
    "--data idx:idx --loss ns --ema 0.9 --label-smoothing 0.1 --label-noise 0.2 --flip",
    "--data folder:pictures --size 32 --loss ls --norm spectral",
    "--data idx:idx --loss wgan --warm-start 1 --critic-updates 2",
    "--size 28 --loss wgan --gradient-penalty 10 --critic-updates 2",
    "--size 32 --loss hinge --channels 1 --upsample resize --norm spectral",
    "--size 28 --loss ns --r1 1 --exact --optimiser rmsprop",
    "--size 64 --loss ls --learning-rate 1e-3 --beta1 0",
];

#[test]
fn every_loss_leaves_everything_that_a_run_is() {
    for words in RUNS {
        let here = workplace();
        let output = gobelin(here.path(), &format!("gan --out run {TINY} {words}")).output().unwrap();
        let told = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{words}: {}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(told.lines().count(), 1, "{told}");
        assert!(told.starts_with("sliced Wasserstein distance to held-out pictures "), "{told}");

        let run = here.path().join("run");
        let lines = metrics(&run);
        let steps: Vec<u64> = lines.iter().map(|line| line["step"].as_u64().unwrap()).collect();
        assert_eq!(steps, [1, 2, 4, 6, 8, 10, 12, 12], "{words}");
        for line in &lines[..7] {
            for name in ["loss/d", "loss/g", "gradient-norm/d", "gradient-norm/g", "spread"] {
                assert!(line[name].is_f64(), "{words}: {name} in {line}");
            }
        }
        for line in [&lines[3], &lines[6], &lines[7]] {
            for name in ["swd", "swd-floor", "diversity", "diversity-real"] {
                assert!(line[name].as_f64().is_some_and(|value| value >= 0.0), "{words}: {name} in {line}");
            }
        }
        // No step came between the last evaluation and the summary.
        assert_eq!(lines[6]["swd"], lines[7]["swd"], "{words}");

        let grid = image::open(run.join("samples/drawn-000012.png")).unwrap();
        assert!(grid.width() == grid.height() && grid.width() >= 8 * 28, "{words}");
        for (file, last) in [("generator", "main.0.weight"), ("discriminator", "main.0.weight")] {
            let bytes = fs::read(run.join(file).with_extension("safetensors")).unwrap();
            let tensors = SafeTensors::deserialize(&bytes).unwrap();
            assert!(
                tensors.names().iter().any(|name| name.starts_with(last)),
                "{words}: {:?}",
                tensors.names()
            );
        }
    }
}

#[test]
fn the_number_of_threads_changes_no_byte() {
    let with_threads = |words: &str, threads: &str| {
        let here = workplace();
        let mut command = gobelin(here.path(), &format!("gan --out run {words}"));
        // By the environment, since --threads is kept in config.toml.
        assert!(command.env("RAYON_NUM_THREADS", threads).output().unwrap().status.success(), "{words}");
        here
    };
    // The last is large enough that every kernel cuts its work.
    let large = "--size 64 --width 32 --batch 16 --steps 2 --held-out 64 --sample-every 2".to_owned();
    for words in RUNS.map(|words| format!("{TINY} {words}")).into_iter().chain([large]) {
        let alone = with_threads(&words, "1");
        for threads in ["2", "3"] {
            let several = with_threads(&words, threads);
            must_be_the_same_run(several.path(), alone.path(), &format!("{words}, {threads} threads"));
        }
    }
}

#[test]
fn the_flag_for_threads_changes_nothing_but_the_configuration() {
    let weights = |threads: &str| {
        let here = trained(&format!("{TINY} {} --threads {threads}", RUNS[0]));
        fs::read(here.path().join("run/generator.safetensors")).unwrap()
    };
    assert!(weights("1") == weights("3"));
}

#[test]
fn a_seed_decides_everything() {
    let [first, same, other] =
        ["--seed 5", "--seed 5", "--seed 6"].map(|seed| trained(&format!("{TINY} {} {seed}", RUNS[1])));
    must_be_the_same_run(same.path(), first.path(), "the same seed");
    let weights = |here: &tempfile::TempDir| fs::read(here.path().join("run/generator.safetensors")).unwrap();
    assert!(weights(&first) != weights(&other));
}

/// Kilobytes of a process that lie in memory.
fn resident(process: u32) -> f64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[test]
fn memory_does_not_grow_with_steps() {
    // What a step takes comes before step 10, samples and metrics too; all of it is repeated 100 times.
    let words = "gan --out run --data idx:idx --loss ns --ema 0.9 --width 8 --noise 8 --batch 32 --held-out 16 \
                 --steps 100000 --log-every 5 --sample-every 5 --checkpoint-every 5";
    let here = workplace();
    let mut process = gobelin(here.path(), words).spawn().unwrap();
    let mut after = |step: u64| {
        let last =
            || metrics(&here.path().join("run")).last().map_or(0, |line| line["step"].as_u64().unwrap());
        while last() < step {
            assert!(process.try_wait().unwrap().is_none(), "ended before step {step}");
            sleep(Duration::from_millis(2));
        }
        resident(process.id())
    };
    let (early, late) = (after(10), after(500));
    process.kill().unwrap();
    process.wait().unwrap();
    assert!((late - early).abs() < 0.01 * early, "{early} kB after step 10, {late} kB after step 500");
}

#[test]
fn pictures_that_do_not_decode_are_skipped_and_told() {
    let here = workplace();
    let broken = here.path().join("pictures/even/000.png");
    let whole = fs::read(&broken).unwrap();
    fs::write(&broken, &whole[..whole.len() / 2]).unwrap();
    let other = here.path().join("pictures/odd/001.png");
    fs::write(&other, "no picture").unwrap();
    let words = format!("gan --out run {TINY} --size 28 --data folder:pictures");
    let (code, lines) = call(here.path(), &words);
    assert_eq!(code, 0, "{lines:?}");
    let named: Vec<&String> = lines.iter().filter(|line| line.contains("pictures skipped so far")).collect();
    assert_eq!(named.len(), 1, "{lines:?}");
    assert!(named[0].contains("pictures/") && named[0].ends_with("`gobelin data check` names the others"));
}
