//! Files of tensors, the reference cases of the losses, and what the command prints of numbers.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use gobelin_autograd::Tensor;
use gobelin_nets::weights::{self, Stored, Weights};
use gobelin_tests::{reference, reference_json};
use safetensors::Dtype;
use serde_json::Value;

use crate::shell::gobelin;

/// The relative differences allowed: of values, and of gradients by their largest number.
const VALUE: f64 = 1e-4;
const GRADIENT: f64 = 1e-3;

/// A tensor of floats.
pub fn floats(shape: &[usize], values: &[f32]) -> Stored {
    Stored::of(&Tensor::new(shape, values))
}

/// A tensor of floats that look random.
pub fn noise(seed: u64, shape: &[usize]) -> Stored {
    floats(shape, &gobelin_tests::uniform(seed, shape.iter().product()))
}

/// Whole numbers in one of the types of files.
pub fn integers(dtype: Dtype, shape: &[usize], values: &[i64]) -> Stored {
    let bytes = |&value: &i64| match dtype {
        Dtype::U8 => vec![value as u8],
        Dtype::I16 => (value as i16).to_le_bytes().to_vec(),
        Dtype::I32 => (value as i32).to_le_bytes().to_vec(),
        _ => value.to_le_bytes().to_vec(),
    };
    Stored { dtype, shape: shape.to_vec(), bytes: values.iter().flat_map(bytes).collect() }
}

/// Writes tensors to a file.
pub fn write<const N: usize>(path: &Path, tensors: [(&str, Stored); N]) {
    let tensors: Weights = tensors.map(|(name, stored)| (name.to_owned(), stored)).into();
    weights::write(path, &tensors).unwrap();
}

/// A call that must go well: the object it prints, and its lines on standard error.
#[track_caller]
pub fn answer(here: &Path, words: &str) -> (Value, Vec<String>) {
    answer_of(gobelin(here, words), words)
}

/// As [`answer`], of a command that has these words.
#[track_caller]
pub fn answer_of(mut command: Command, words: &str) -> (Value, Vec<String>) {
    let output = command.output().unwrap();
    let told: Vec<String> = String::from_utf8_lossy(&output.stderr).lines().map(str::to_owned).collect();
    assert!(output.status.success(), "gobelin {words}: {told:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    let parsed =
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("gobelin {words}: {text}: {error}"));
    (parsed, told)
}

/// All numbers of nested lists.
pub fn numbers(value: &Value) -> Vec<f64> {
    match value {
        Value::Array(items) => items.iter().flat_map(numbers).collect(),
        value => vec![value.as_f64().unwrap_or_else(|| panic!("{value} is no number"))],
    }
}

/// A case of `tests/reference/losses`.
pub struct Case {
    pub loss: String,
    pub name: String,
    pub options: BTreeMap<String, String>,
    pub tensors: Weights,
    pub value: Vec<f64>,
    pub gradients: Weights,
}

/// The cases of a kind: of losses that look through VGG-19, or the others.
pub fn cases(vgg: bool) -> Vec<Case> {
    let mut files: BTreeMap<String, Weights> = BTreeMap::new();
    let index = reference_json("losses/index.json");
    let of = |entry: &Value| {
        let text = |key: &str| entry[key].as_str().unwrap().to_owned();
        let loss = text("loss");
        let file = files.entry(loss.clone()).or_insert_with(|| {
            weights::read(&reference("losses").join(format!("{loss}.safetensors"))).unwrap()
        });
        let stored = |key: &Value| file[key.as_str().unwrap()].clone();
        let of_each = |key: &str| {
            entry[key].as_object().unwrap().iter().map(|(name, key)| (name.clone(), stored(key))).collect()
        };
        let value = match &entry["value"] {
            Value::Number(number) => vec![number.as_f64().unwrap()],
            key => stored(key).floats().unwrap().into_iter().map(f64::from).collect(),
        };
        let options = entry["options"].as_object().unwrap().iter();
        Case {
            name: text("case"),
            options: options.map(|(key, value)| (key.clone(), value.as_str().unwrap().to_owned())).collect(),
            tensors: of_each("tensors"),
            gradients: of_each("gradients"),
            value,
            loss,
        }
    };
    index.as_array().unwrap().iter().filter(|entry| entry["vgg"] == vgg).map(of).collect()
}

impl Case {
    /// Calls the command with more words: what is wrong with its value and gradients.
    pub fn check(&self, more: &str) -> Result<(), String> {
        self.check_by(gobelin, more)
    }

    /// As [`Case::check`], of a command that is made in a directory of words.
    pub fn check_by(&self, command: impl Fn(&Path, &str) -> Command, more: &str) -> Result<(), String> {
        let folder = tempfile::tempdir().unwrap();
        let here = folder.path();
        weights::write(&here.join("in.safetensors"), &self.tensors).unwrap();
        let options: Vec<String> =
            self.options.iter().map(|(key, value)| format!("--set {key}={value}")).collect();
        let Self { loss, .. } = self;
        let words =
            format!("loss {loss} --input in.safetensors --grad out.safetensors {} {more}", options.join(" "));
        let (found, _) = answer_of(command(here, &words), &words);
        if found["loss"] != *loss {
            return Err(format!("it is called {}", found["loss"]));
        }
        close("the value", &numbers(&found["value"]), &self.value, VALUE)?;
        let found = weights::read(&here.join("out.safetensors")).unwrap();
        for (name, expected) in &self.gradients {
            let stored = found.get(name).ok_or_else(|| format!("no gradient of {name}"))?;
            if stored.shape != expected.shape {
                return Err(format!("the gradient of {name} has shape {:?}", stored.shape));
            }
            let [found, expected] = [stored, expected]
                .map(|stored| stored.floats().unwrap().into_iter().map(f64::from).collect::<Vec<_>>());
            close(&format!("the gradient of {name}"), &found, &expected, GRADIENT)?;
        }
        match found.keys().find(|name| self.tensors.get(*name).is_none_or(|given| given.dtype != Dtype::F32))
        {
            Some(name) => Err(format!("{name} is no float tensor and has a gradient")),
            None => Ok(()),
        }
    }
}

/// Whether numbers are near, measured by the largest of those expected.
fn close(what: &str, found: &[f64], expected: &[f64], relative: f64) -> Result<(), String> {
    if found.len() != expected.len() {
        return Err(format!("{what} has {} numbers, expected {}", found.len(), expected.len()));
    }
    let largest = expected.iter().fold(0.0f64, |most, x| most.max(x.abs()));
    for (i, (found, expected)) in found.iter().zip(expected).enumerate() {
        let difference = (found - expected).abs();
        // What float32 inputs around 1 cannot resolve is no difference.
        if difference.is_nan() || difference > (relative * largest).max(1e-7) {
            return Err(format!("{what}, number {i}, is {found}, expected {expected}"));
        }
    }
    Ok(())
}
