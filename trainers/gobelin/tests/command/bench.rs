//! `gobelin bench`: its rows have the fields of `torch_steps.py`.

use std::process::Output;

use serde_json::Value;

use crate::shell::{call, gobelin, told};
use crate::tensors::answer;

pub const WORKLOADS: [&str; 7] = ["gan", "wgan", "cyclegan", "facenet", "style", "perceptual", "topology"];

/// What a call that went well has printed.
#[track_caller]
pub fn rows(output: Output) -> Vec<Value> {
    assert!(output.status.success(), "{:?}", told(&output));
    String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn a_row_has_the_same_fields_as_pytorchs() {
    let here = tempfile::tempdir().unwrap();
    let (row, told) = answer(here.path(), "bench gan --seconds 0 --threads 2");
    let row = row.as_object().unwrap();
    let fields = ["workload", "mode", "device", "threads", "median_ms", "min_ms", "steps", "peak_rss_mb"];
    assert_eq!(row.keys().collect::<Vec<_>>(), fields);
    assert_eq!(
        (&row["workload"], &row["mode"], &row["device"]),
        (&"gan".into(), &"gobelin".into(), &"cpu".into())
    );
    assert_eq!((row["threads"].as_u64(), row["steps"].as_u64(), told.len()), (Some(2), Some(3), 0));
    let number = |name: &str| row[name].as_f64().unwrap();
    assert!(0.0 < number("min_ms") && number("min_ms") <= number("median_ms") && number("peak_rss_mb") > 0.0);
}

/// Each in a process of its own.
#[test]
fn every_workload_runs() {
    let here = tempfile::tempdir().unwrap();
    let rows = rows(gobelin(here.path(), "bench --small --seconds 0").output().unwrap());
    let names: Vec<&str> = rows.iter().filter_map(|row| row["workload"].as_str()).collect();
    assert_eq!(names, WORKLOADS.map(|name| format!("{name} (small)")));
}

#[test]
fn wrong_calls_are_told_in_one_line() {
    let here = tempfile::tempdir().unwrap();
    for (words, begin) in [
        ("bench gna", "error: unknown workload `gna`: choose from gan, wgan, cyclegan"),
        ("bench gan --seconds -1", "error: "),
        ("bench gan --seconds nan", "error: --seconds NaN: expected a number of seconds of 0 or more"),
        (
            "bench gan --profile --device cuda",
            "error: --profile --device cuda: ops on a graphics card are not timed",
        ),
        ("bench gan --eager", "error: --eager --device cpu: nothing is recorded on the host"),
    ] {
        let (code, lines) = call(here.path(), words);
        assert!(code == 2 && lines.len() == 1 && lines[0].starts_with(begin), "{words}: {code} {lines:?}");
    }
}
