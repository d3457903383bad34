//! `gobelin metric`: values through files and flags.

use gobelin_losses::catalogue::METRICS;
use gobelin_nets::weights::{self, Weights};
use gobelin_tests::{reference, reference_json};
use rayon::prelude::*;
use safetensors::Dtype;
use serde_json::Value;

use crate::shell::gobelin;
use crate::tensors::{answer, floats, integers, numbers, write};

/// What is wrong with a case, in words.
fn check(case: &Value) -> Result<(), String> {
    let metric = case["metric"].as_str().unwrap();
    let file = weights::read(&reference("metrics").join(format!("{metric}.safetensors"))).unwrap();
    let tensors = case["tensors"].as_object().unwrap().iter();
    let tensors: Weights =
        tensors.map(|(name, key)| (name.clone(), file[key.as_str().unwrap()].clone())).collect();
    let here = tempfile::tempdir().unwrap();
    weights::write(&here.path().join("in.safetensors"), &tensors).unwrap();
    let options = case["options"].as_object().unwrap().iter();
    let options: Vec<String> =
        options.map(|(key, value)| format!("--set {key}={}", value.as_str().unwrap())).collect();
    let (found, _) =
        answer(here.path(), &format!("metric {metric} --input in.safetensors {}", options.join(" ")));
    for (name, expected) in case["values"].as_object().unwrap() {
        let (found, expected) = (numbers(&found["values"][name]), numbers(expected));
        let close = |(f, e): (&f64, &f64)| (f - e).abs() <= 1e-5 * e.abs().max(1e-3);
        if found.len() != expected.len() || !found.iter().zip(&expected).all(close) {
            return Err(format!("{metric} {}: {name} is {found:?}, expected {expected:?}", case["case"]));
        }
    }
    Ok(())
}

#[test]
fn every_case_has_the_values_of_its_reference() {
    let index = reference_json("metrics/index.json");
    // The pyramids' patches are drawn at random, which no reference can know.
    let cases: Vec<&Value> =
        index.as_array().unwrap().iter().filter(|case| case["metric"] != "pyramid-wasserstein").collect();
    assert!(cases.len() > 60);
    let wrong: Vec<String> = cases.par_iter().filter_map(|case| check(case).err()).collect();
    assert!(wrong.is_empty(), "{} of {} cases:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

#[test]
fn a_metric_prints_its_number_and_all_it_is_made_of() {
    let here = tempfile::tempdir().unwrap();
    let path = here.path().join("in.safetensors");
    let mask = |values: [i64; 6]| integers(Dtype::U8, &[2, 3], &values);
    write(&path, [("pred", mask([1, 0, 1, 0, 0, 0])), ("target", mask([1, 1, 1, 0, 0, 0]))]);
    let text = |words: &str| String::from_utf8(gobelin(here.path(), words).output().unwrap().stdout).unwrap();
    assert_eq!(
        text("metric betti --input in.safetensors"),
        "{\"metric\": \"betti\", \"value\": 1.0, \"values\": {\"betti-0-error\": [1.0], \"betti-1-error\": [0.0], \
         \"pred\": [2.0, 0.0], \"target\": [1.0, 0.0]}}\n"
    );
    let picture = || floats(&[1, 1, 2, 2], &[0.0, 0.5, 0.25, 1.0]);
    write(&path, [("pred", picture()), ("target", picture())]);
    assert_eq!(
        text("metric psnr --input in.safetensors"),
        "{\"metric\": \"psnr\", \"value\": Infinity, \"values\": {\"psnr\": [Infinity]}}\n"
    );
}

#[test]
fn all_metrics_are_listed() {
    let here = tempfile::tempdir().unwrap();
    let (all, _) = answer(here.path(), "metric --list --json");
    let all = all.as_array().unwrap();
    assert_eq!(all.len(), METRICS.len());
    for (entry, known) in all.iter().zip(METRICS) {
        assert_eq!(entry["name"], known.name);
        // A metric has no gradient, so nothing is said of one.
        assert!(entry["tensors"][0]["gradient"].is_null());
    }
}
