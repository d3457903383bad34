//! The losses that look through VGG-19 against the values and gradients of `tests/reference/feature_losses.py`, on the host and on
//! a graphics card.

use std::collections::{BTreeMap, BTreeSet};

use gobelin_autograd::{Device, Tape, Tensor, Var, attempt, ops};
use gobelin_losses::catalogue::{self, Given};
use gobelin_nets::vgg19::{Layer, View};
use gobelin_tests::{reference, reference_json};
use safetensors::SafeTensors;
use serde_json::Value;

use crate::weights::network;

/// The relative differences allowed: of values, and of gradients by their largest number.
const VALUE: f64 = 1e-4;
const GRADIENT: f64 = 1e-3;

/// The tensor of a case's file.
fn stored(loss: &str, key: &Value) -> Tensor {
    let bytes = std::fs::read(reference("losses").join(format!("{loss}.safetensors"))).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let view = file.tensor(key.as_str().unwrap()).unwrap();
    let values = view.data().as_chunks().0.iter().map(|&b| f32::from_le_bytes(b));
    Tensor::new(view.shape(), values.collect::<Vec<f32>>())
}

/// What is wrong with a case on the host, or on a card, in words.
fn check(case: &Value, card: Option<&Device>) -> Result<(), String> {
    let loss = case["loss"].as_str().unwrap();
    let entry = catalogue::loss(loss).unwrap();
    assert!(entry.vgg);
    let options: Vec<(String, String)> = case["options"].as_object().unwrap().iter().map(text).collect();
    let option = |name: &str| options.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    let mut view = View::default();
    if let Some(images) = option("images") {
        view.images = images.parse().unwrap();
    }
    if let Some(pooling) = option("pool") {
        view.pooling = pooling.parse().unwrap();
    }
    // Winograd's rounding moves an activation across its kink here and there, which one gradient in thousands shows.
    let network = network().viewed(view).exact();
    let features = |pictures: &Var, layers: &[&str]| {
        let layers: Vec<Layer> = layers.iter().map(|name| name.parse().unwrap()).collect();
        network.features(pictures, &layers)
    };

    let tape = Tape::new();
    let tensors = case["tensors"].as_object().unwrap();
    let there = |tensor: Tensor| card.map_or_else(|| tensor.clone(), |card| tensor.to_device(card));
    let leaf = |key: &Value| tape.leaf(there(stored(loss, key)));
    let leaves: BTreeMap<&str, Var> = tensors.iter().map(|(name, key)| (name.as_str(), leaf(key))).collect();
    let given = leaves.iter().map(|(name, leaf)| ((*name).to_owned(), Given::Float(leaf.clone()))).collect();
    let found = entry.call(&given, &options, Some(&features)).map_err(|error| error.to_string())?.value;
    if found.tensor().device() != card {
        return Err("it was computed elsewhere".into());
    }
    let expected = case["value"].as_f64().unwrap();
    let difference = (f64::from(found.item()) - expected).abs();
    if difference.is_nan() || difference > VALUE * expected.abs() + 1e-9 {
        return Err(format!("the value is {}, expected {expected}", found.item()));
    }
    let gradients = case["gradients"].as_object().unwrap();
    let wanted: Vec<&Var> = gradients.keys().map(|name| &leaves[name.as_str()]).collect();
    for ((name, key), found) in gradients.iter().zip(tape.gradients(&ops::sum(&found), &wanted)) {
        let expected = stored(loss, key);
        let largest = expected.data().iter().fold(0.0f64, |most, v| most.max(f64::from(v.abs())));
        for (i, (&found, &expected)) in found.data().iter().zip(expected.data()).enumerate() {
            let difference = f64::from((found - expected).abs());
            if difference.is_nan() || difference > GRADIENT * largest + 1e-9 {
                return Err(format!("gradient of {name}: number {i} is {found}, expected {expected}"));
            }
        }
    }
    Ok(())
}

fn text((key, value): (&String, &Value)) -> (String, String) {
    (key.clone(), value.as_str().unwrap().to_owned())
}

/// All cases.
fn cases() -> Vec<Value> {
    let index = reference_json("losses/index.json");
    index.as_array().unwrap().iter().filter(|case| case["vgg"] == true).cloned().collect()
}

/// Each of the cases, by `check`.
#[track_caller]
fn must_pass(cases: &[Value], check: impl Fn(&Value) -> Result<(), String>) {
    let wrong =
        |case: &Value| check(case).err().map(|error| format!("{} {}: {error}", case["loss"], case["case"]));
    let wrong: Vec<String> = cases.iter().filter_map(wrong).collect();
    assert!(wrong.is_empty(), "{} of {} cases:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

#[test]
fn every_case_has_the_value_and_gradients_of_its_reference() {
    let cases = cases();
    assert!(cases.len() > 20);
    must_pass(&cases, |case| check(case, None));
}

/// The first case of each loss, on the emulated card.
#[test]
fn every_loss_has_them_on_a_card() {
    let Some(card) = gobelin_emulation::asked_for() else { return };
    let mut cases = cases();
    let mut seen = BTreeSet::new();
    cases.retain(|case| seen.insert(case["loss"].to_string()));
    assert_eq!(cases.len(), catalogue::LOSSES.iter().filter(|entry| entry.vgg).count());
    must_pass(&cases, |case| {
        attempt(|| check(case, Some(&card))).unwrap_or_else(|error| Err(error.to_string()))
    });
}

#[test]
fn wrong_calls_are_named() {
    let picture = |side: usize| Given::Float(Tensor::zeros(&[1, 3, side, side]).into());
    let call = |loss: &str, names: [&str; 2], side: usize, option: Option<(&str, &str)>| {
        let given = names.iter().map(|name| ((*name).to_owned(), picture(side))).collect();
        let options: Vec<(String, String)> = option.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect();
        let network = network();
        let features = |pictures: &Var, layers: &[&str]| {
            network.features(pictures, &layers.iter().map(|name| name.parse().unwrap()).collect::<Vec<_>>())
        };
        catalogue::loss(loss).unwrap().call(&given, &options, Some(&features)).unwrap_err().to_string()
    };
    let pair = ["pred", "target"];
    assert!(
        call("perceptual", pair, 1, None)
            .contains("`pred` is pictures of 1x1, expected pictures of at least 2x2")
    );
    let message = call("perceptual", pair, 8, Some(("layers", "relu2_2,relu9_9")));
    assert!(message.contains("relu9_9") && message.contains("VGG-19's layers"), "{message}");
    let message = call("perceptual", pair, 8, Some(("layer-weights", "1,2")));
    assert!(message.contains("layer-weights=1,2: expected 1 numbers, one for each of relu2_2"), "{message}");
    assert!(call("style", ["pred", "style"], 8, None).contains("at least 16x16 pixels, as conv5_1 needs"));
    assert!(
        call("content", ["pred", "content"], 8, Some(("layer", "relu1_1,relu1_2")))
            .contains("one layer of VGG-19")
    );
}
