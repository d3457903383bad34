//! `gobelin loss`: values and gradients through files and flags.

use std::fs;

use half::{bf16, f16};
use rayon::prelude::*;
use safetensors::Dtype;
use serde_json::Value;

use gobelin_losses::catalogue::{LOSSES, OptionKind};
use gobelin_nets::weights::{self, Stored};

use crate::shell::gobelin;
use crate::tensors::{Case, answer, cases, floats, integers, noise, numbers, write};

#[test]
fn every_case_has_the_value_and_gradients_of_its_reference() {
    let cases = cases(false);
    assert!(cases.len() > 400);
    let wrong = |case: &Case| case.check("").err().map(|e| format!("{} {}: {e}", case.loss, case.name));
    let wrong: Vec<String> = cases.par_iter().filter_map(wrong).collect();
    assert!(wrong.is_empty(), "{} of {} cases:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

#[test]
fn whole_numbers_may_be_of_any_of_three_types() {
    let here = tempfile::tempdir().unwrap();
    let (labels, masks) = ([0, 2, 1, 1, 0, 2], [1, 0, 0, 1, 1, 0]);
    let calls = |dtype| {
        [
            ("cross-entropy", noise(1, &[2, 3, 3]), "target", integers(dtype, &[2, 3], &labels)),
            ("dice", noise(1, &[2, 3, 3]), "target", integers(dtype, &[2, 3], &labels)),
            ("bce", noise(1, &[2, 3]), "target", integers(dtype, &[2, 3], &masks)),
            ("triplet-batch", noise(1, &[6, 4]), "labels", integers(dtype, &[6], &labels)),
        ]
    };
    for (i, (loss, ..)) in calls(Dtype::I64).into_iter().enumerate() {
        let found = [Dtype::I64, Dtype::I32, Dtype::U8].map(|dtype| {
            let (_, values, name, whole) = calls(dtype)[i].clone();
            let first = if loss == "triplet-batch" { "embeddings" } else { "logits" };
            write(&here.path().join("in.safetensors"), [(first, values), (name, whole)]);
            let words = format!("loss {loss} --input in.safetensors --grad out.safetensors");
            let (found, _) = answer(here.path(), &words);
            let gradients = weights::read(&here.path().join("out.safetensors")).unwrap();
            assert_eq!(gradients.keys().collect::<Vec<_>>(), [first], "{loss}");
            (found, gradients)
        });
        assert!(found[0] == found[1] && found[0] == found[2], "{loss}");
    }
}

#[test]
fn a_mask_of_floats_is_the_mask_of_whole_numbers_and_has_a_gradient() {
    let here = tempfile::tempdir().unwrap();
    let path = here.path().join("in.safetensors");
    let call = || answer(here.path(), "loss focal --input in.safetensors --grad out.safetensors").0;
    write(&path, [("logits", noise(1, &[4])), ("target", integers(Dtype::U8, &[4], &[1, 0, 1, 1]))]);
    let whole = call();
    write(&path, [("logits", noise(1, &[4])), ("target", floats(&[4], &[1.0, 0.0, 1.0, 1.0]))]);
    assert_eq!(call(), whole);
    let gradients = weights::read(&here.path().join("out.safetensors")).unwrap();
    assert_eq!(gradients.keys().collect::<Vec<_>>(), ["logits", "target"]);
}

#[test]
fn floats_of_half_precision_are_the_same_numbers() {
    let here = tempfile::tempdir().unwrap();
    let (values, zeros) = ([0.5f32, -1.25, 3.0, 1000.0], [0.0; 4]);
    let halves = |dtype, half: &dyn Fn(f32) -> [u8; 2]| Stored {
        dtype,
        shape: vec![4],
        bytes: values.iter().flat_map(|&value| half(value)).collect(),
    };
    let found = [
        floats(&[4], &values),
        halves(Dtype::F16, &|value| f16::from_f32(value).to_le_bytes()),
        halves(Dtype::BF16, &|value| bf16::from_f32(value).to_le_bytes()),
    ]
    .map(|pred| {
        write(&here.path().join("in.safetensors"), [("pred", pred), ("target", floats(&[4], &zeros))]);
        answer(here.path(), "loss mse --input in.safetensors --set reduction=none").0
    });
    assert_eq!(numbers(&found[0]["value"]), [0.25, 1.5625, 9.0, 1e6]);
    assert!(found[0] == found[1] && found[0] == found[2]);
}

#[test]
fn values_that_are_not_reduced_are_lists_with_an_axis_each() {
    let here = tempfile::tempdir().unwrap();
    let pictures = floats(&[1, 2, 1, 3], &[0.0, 1.0, 3.0, 6.0, 10.0, 15.0]);
    write(&here.path().join("in.safetensors"), [("pred", pictures)]);
    let words = "loss tv --input in.safetensors --set reduction=none --grad out.safetensors";
    let output = gobelin(here.path(), words).output().unwrap();
    let expected = "{\"loss\": \"tv\", \"value\": [[[[1.0, 2.0, 0.0]], [[4.0, 5.0, 0.0]]]]}\n";
    assert_eq!(String::from_utf8(output.stdout).unwrap(), expected);
    // That of the sum: a value rises with its left neighbour's difference and falls with its own.
    let gradients = weights::read(&here.path().join("out.safetensors")).unwrap();
    assert_eq!(gradients["pred"], floats(&[1, 2, 1, 3], &[-1.0, 0.0, 1.0, -1.0, 0.0, 1.0]));
}

#[test]
fn what_is_not_finite_is_said_and_not_hidden() {
    let here = tempfile::tempdir().unwrap();
    let (nan, inf) = (f32::NAN, f32::INFINITY);
    let tensors = [("pred", floats(&[3], &[nan, inf, 1.0])), ("target", floats(&[3], &[0.0; 3]))];
    write(&here.path().join("in.safetensors"), tensors);
    let call = |words: &str| {
        let words = format!("loss mse --input in.safetensors {words}");
        let output = gobelin(here.path(), &words).output().unwrap();
        assert!(output.status.success() && output.stderr.is_empty());
        String::from_utf8(output.stdout).unwrap()
    };
    assert_eq!(call("--grad out.safetensors"), "{\"loss\": \"mse\", \"value\": NaN}\n");
    assert_eq!(call("--set reduction=none"), "{\"loss\": \"mse\", \"value\": [NaN, Infinity, 1.0]}\n");
    let gradients = weights::read(&here.path().join("out.safetensors")).unwrap();
    assert!(gradients["pred"].floats().unwrap()[0].is_nan());
}

#[test]
fn what_is_counted_follows_the_value() {
    let here = tempfile::tempdir().unwrap();
    let tensors = [("embeddings", noise(3, &[6, 4])), ("labels", integers(Dtype::I64, &[6], &[7; 6]))];
    write(&here.path().join("in.safetensors"), tensors);
    let output = gobelin(here.path(), "loss triplet-batch --input in.safetensors").output().unwrap();
    let expected = "{\"loss\": \"triplet-batch\", \"value\": 0.0, \"counted\": 0, \"active\": 0}\n";
    assert_eq!(String::from_utf8(output.stdout).unwrap(), expected);
}

#[test]
fn the_number_of_threads_changes_no_byte() {
    let here = tempfile::tempdir().unwrap();
    let tensors = [("pred", noise(1, &[2, 3, 40, 50])), ("target", noise(2, &[2, 3, 40, 50]))];
    write(&here.path().join("in.safetensors"), tensors);
    let call = |words: &str| {
        let words = format!("loss ssim --input in.safetensors --grad out.safetensors {words}");
        let (value, told) = answer(here.path(), &words);
        assert!(told.is_empty());
        (value, fs::read(here.path().join("out.safetensors")).unwrap())
    };
    let two = call("--set data-range=2 --threads 1");
    assert_eq!(call("--set data-range=2 --threads 3"), two);
    assert_ne!(call(""), two);
}

/// The gradient file is replaced whole, and nothing is left beside it.
#[test]
fn an_old_gradient_file_is_replaced() {
    let here = tempfile::tempdir().unwrap();
    write(&here.path().join("in.safetensors"), [("pred", noise(1, &[3])), ("target", noise(2, &[3]))]);
    fs::write(here.path().join("out.safetensors"), "an older file").unwrap();
    answer(here.path(), "loss mse --input in.safetensors --grad out.safetensors");
    let names: Vec<_> = fs::read_dir(here.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names.len(), 2, "{names:?}");
    let gradients = weights::read(&here.path().join("out.safetensors")).unwrap();
    assert_eq!(gradients.keys().collect::<Vec<_>>(), ["pred", "target"]);
}

#[test]
fn all_losses_are_listed_with_tensors_options_and_papers() {
    let here = tempfile::tempdir().unwrap();
    let (all, _) = answer(here.path(), "loss --list --json");
    let all = all.as_array().unwrap();
    let names: Vec<&str> = all.iter().map(|entry| entry["name"].as_str().unwrap()).collect();
    let expected = "mse mae huber charbonnier cross-entropy pixel-weight-cross-entropy bce focal dice tversky lovasz ssim \
                    ms-ssim perceptual content style tv style-transfer topology cldice contrastive triplet triplet-batch \
                    gan-minmax gan-ns gan-ls gan-wgan gan-hinge cycle identity";
    assert_eq!(names, expected.split_whitespace().collect::<Vec<_>>());
    for (entry, known) in all.iter().zip(LOSSES) {
        for key in ["about", "paper"] {
            assert!(entry[key].as_str().is_some_and(|text| !text.is_empty()), "{}: {key}", known.name);
        }
        assert_eq!(entry["tensors"].as_array().unwrap().len(), known.tensors.len());
        for (option, known) in entry["options"].as_array().unwrap().iter().zip(known.options) {
            assert_eq!((&option["name"], &option["default"]), (&known.name.into(), &known.default.into()));
            let choices = matches!(known.kind, OptionKind::Choice(_));
            assert!(if choices { option["choices"].is_array() } else { option["values"].is_string() });
        }
    }
    let (one, _) = answer(here.path(), "loss lovasz --list --json");
    assert_eq!(one.as_array().unwrap()[..], all[10..11]);
    let tensor = |i: usize, key: &str| one[0]["tensors"][i][key].clone();
    assert_eq!((tensor(0, "gradient"), tensor(1, "gradient")), (true.into(), false.into()));
    assert_eq!((tensor(0, "dtype"), tensor(1, "required")), (Value::from("F32"), true.into()));

    let text = |words: &str| String::from_utf8(gobelin(here.path(), words).output().unwrap().stdout).unwrap();
    assert_eq!(text("loss --list").split("\n\n").count(), LOSSES.len());
    assert_eq!(
        text("loss huber --list"),
        "huber (Huber 1964)\n  \
           Huber: d^2 / 2 where |d| <= delta, else delta (|d| - delta / 2), d = pred - target\n  \
           pred           F32 (...)\n  \
           target         F32 (...)\n  \
           --set delta=1                the error beyond which the loss is linear (a number above 0)\n  \
           --set reduction=mean         mean or sum of the values, or none: each value stays (mean, sum, none)\n"
    );
}
