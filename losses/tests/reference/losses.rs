//! Every loss of the catalogue that needs no VGG-19 against the values and gradients of tests/reference/losses.py, on the host and
//! on a graphics card.

use std::collections::BTreeSet;

use crate::files::Reference;
use gobelin_autograd::{Device, Tape, Tensor, Var, attempt, ops};
use gobelin_losses::catalogue::{self, Given};
use serde_json::Value;

/// The relative differences allowed: of values, and of gradients by their largest number.
const VALUE: f64 = 1e-4;
const GRADIENT: f64 = 1e-3;

/// What is wrong with a case on the host, or on a card, in words.
fn check(reference: &Reference, case: &Value, card: Option<&Device>) -> Result<(), String> {
    let name = case["loss"].as_str().expect("a loss");
    let entry = catalogue::loss(name).map_err(|error| error.to_string())?;
    let tape = Tape::new();
    let there = |tensor: Tensor| card.map_or_else(|| tensor.clone(), |card| tensor.to_device(card));
    let (tensors, options) = reference.call(name, case, |tensor| tape.leaf(there(tensor)));
    let found = entry.call(&tensors, &options, None).map_err(|error| error.to_string())?.value;
    let expected = match case["value"].as_f64() {
        Some(value) => vec![value],
        None => reference.value(name, case).iter().map(|&value| f64::from(value)).collect(),
    };
    if found.tensor().device() != card {
        return Err("it was computed elsewhere".into());
    }
    close("value", found.tensor().data(), &expected, VALUE)?;
    let gradients = case["gradients"].as_object().expect("gradients");
    let leaf = |tensor: &String| match &tensors[tensor] {
        Given::Float(leaf) => leaf,
        Given::Integer { .. } => panic!("{tensor} has a gradient and no floats"),
    };
    let wanted: Vec<&Var> = gradients.keys().map(leaf).collect();
    for (tensor, found) in gradients.keys().zip(tape.gradients(&ops::sum(&found), &wanted)) {
        let expected: Vec<f64> = reference.gradient(name, case, tensor).into_iter().map(f64::from).collect();
        close(tensor, found.data(), &expected, GRADIENT)?;
    }
    Ok(())
}

fn close(what: &str, found: &[f32], expected: &[f64], relative: f64) -> Result<(), String> {
    if found.len() != expected.len() {
        return Err(format!("{what} has {} numbers, expected {}", found.len(), expected.len()));
    }
    let largest = expected.iter().fold(0.0f64, |most, x| most.max(x.abs()));
    for (i, (&found, &expected)) in found.iter().zip(expected).enumerate() {
        // What float32 inputs around 1 cannot resolve is no difference.
        let allowed = (relative * largest).max(1e-7);
        let difference = (f64::from(found) - expected).abs();
        if difference.is_nan() || difference > allowed {
            return Err(format!("{what} number {i} is {found}, expected {expected}"));
        }
    }
    Ok(())
}

/// Every case, by `check`.
#[track_caller]
fn must_pass(check: impl Fn(&Reference, &Value) -> Result<(), String>) {
    let reference = Reference::open("losses");
    let cases: Vec<&Value> = reference.cases.iter().filter(|case| case["vgg"] == false).collect();
    let wrong = |case: &&Value| {
        check(&reference, case).err().map(|error| format!("{} {}: {error}", case["loss"], case["case"]))
    };
    let wrong: Vec<String> = cases.iter().filter_map(wrong).collect();
    assert!(wrong.is_empty(), "{} of {} cases:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

#[test]
fn every_case_of_every_loss_has_the_value_and_gradients_of_its_reference() {
    must_pass(|reference, case| check(reference, case, None));
}

/// Everything that the losses are made of, on the emulated card.
#[test]
fn every_case_of_every_loss_has_them_on_a_card() {
    let Some(card) = gobelin_emulation::asked_for() else { return };
    must_pass(|reference, case| {
        attempt(|| check(reference, case, Some(&card))).unwrap_or_else(|error| Err(error.to_string()))
    });
}

#[test]
fn every_loss_has_a_case_and_every_option_a_value_in_one() {
    let reference = Reference::open("losses");
    let cases = &reference.cases;
    let named: BTreeSet<&str> = cases.iter().filter_map(|case| case["loss"].as_str()).collect();
    let known: BTreeSet<&str> = catalogue::LOSSES.iter().map(|entry| entry.name).collect();
    assert_eq!(named, known);
    assert_eq!(known.len(), catalogue::LOSSES.len(), "two losses of one name");
    let mut never = Vec::new();
    for entry in catalogue::LOSSES {
        for option in entry.options.iter().filter(|option| !DRAWS.contains(&option.name)) {
            let set =
                |case: &&Value| case["loss"] == entry.name && case["options"].get(option.name).is_some();
            if !cases.iter().any(|case| set(&case)) {
                never.push((entry.name, option.name));
            }
        }
        for tensor in entry.tensors {
            let given =
                |case: &&Value| case["loss"] == entry.name && case["tensors"].get(tensor.name).is_some();
            if !cases.iter().any(|case| given(&case)) {
                never.push((entry.name, tensor.name));
            }
        }
    }
    assert!(never.is_empty(), "never given in any case: {never:?}");
}

/// Options that only change what is drawn at random, which no reference can know.
const DRAWS: [&str; 4] = ["seed", "label-noise", "nearest", "farthest"];
