//! The networks give PyTorch's outputs, taps and gradients from the same weights.

use gobelin_autograd::ops::permute_tensor;
use gobelin_autograd::{Parameter, Tape, Tensor, Var, ops};
use gobelin_nets::catalogue::{ALL, Architecture};
use gobelin_nets::weights::stored_shape;
use gobelin_nets::{Entry, Kind, Module, Pass, Taps};
use gobelin_tests::{reference_json, uniform};
use serde_json::Value;

/// As much of a tensor's root mean square as one of its values may be off; a gradient that PyTorch's single precision
/// misses by more than this may be off by twice as much as PyTorch's.
const TOLERANCE: f64 = 1e-4;

/// The weights of `set_weights` in the script.
fn set_weights(net: &dyn Module, seed: u64) {
    for (number, entry) in net.entries().iter().enumerate() {
        let (_, shape) = stored_shape(entry);
        let numbers = Tensor::new(&shape, uniform(seed + number as u64, shape.iter().product()));
        let fan_in: usize = shape.iter().skip(1).product();
        let deviation =
            |variance: f64| move |v: f32| (f64::from(v) * (variance / fan_in as f64).sqrt()) as f32;
        let value = match entry.kind {
            Kind::Filter => permute_tensor(&numbers.map(deviation(6.0)), &[2, 3, 1, 0]),
            Kind::Count => continue,
            _ if shape.len() == 2 => numbers.map(deviation(3.0)),
            _ if entry.name.ends_with("running_var") => numbers.map(|v| 1.25 + 0.25 * v),
            _ if entry.name.ends_with("weight") => numbers.map(|v| 1.0 + 0.1 * v),
            _ => numbers.map(|v| 0.1 * v),
        };
        entry.parameter.set(value);
    }
}

/// A tensor of the script in PyTorch's order, in ours.
fn drawn(seed: u64, shape: &[usize]) -> Tensor {
    let stored = Tensor::new(shape, uniform(seed, shape.iter().product()));
    if shape.len() == 4 { permute_tensor(&stored, &[0, 2, 3, 1]) } else { stored }
}

/// A tensor of ours in PyTorch's order.
fn stored(value: &Tensor) -> Tensor {
    if value.shape().len() == 4 { permute_tensor(value, &[0, 3, 1, 2]) } else { value.clone() }
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect()
}

/// Compares what the script stores of a tensor.
fn assert_described(what: &str, found: &Tensor, expected: &Value, tolerance: f64) {
    let shape: Vec<f64> = found.shape().iter().map(|&length| length as f64).collect();
    assert_eq!(shape, numbers(&expected["shape"]), "{what}");
    let (size, data) = (expected["size"].as_f64().unwrap(), found.data());
    let square: f64 = data.iter().map(|&v| f64::from(v) * f64::from(v)).sum::<f64>() / data.len() as f64;
    let mut worst = (square.sqrt() - size).abs() / size;
    for (i, value) in numbers(&expected["values"]).into_iter().enumerate() {
        worst = worst.max((f64::from(data[(2 * i + 1) * data.len() / 64]) - value).abs() / size);
    }
    println!("{what}: {worst:.1e}");
    assert!(worst < tolerance, "{what}: {worst:.1e} from PyTorch");
}

fn net_of(case: &Value) -> Box<dyn Module> {
    let options: Vec<(String, String)> = case["options"]
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, value)| (name.clone(), value.as_str().map_or_else(|| value.to_string(), str::to_owned)))
        .collect();
    let architecture = Architecture::named(case["name"].as_str().unwrap()).unwrap();
    architecture.build(&options, 0).unwrap().into_module().unwrap()
}

fn assert_case(case: &Value, exact: bool) {
    let name = format!("{} {} exact {exact}", case["name"].as_str().unwrap(), case["options"]);
    let net = net_of(case);
    let seed = case["seed"].as_u64().unwrap();
    set_weights(&*net, seed);
    let shape: Vec<usize> = numbers(&case["input"]).into_iter().map(|length| length as usize).collect();
    let x = drawn(seed + 1000, &shape);

    let expected = case["taps"].as_object().unwrap();
    let taps = Taps::new(expected.keys().cloned());
    let output = net.forward(&Pass::evaluation().exact(exact).tapping(&taps), &x.clone().into());
    assert_described(&format!("{name}, evaluated"), &stored(output.tensor()), &case["evaluated"], TOLERANCE);
    assert_eq!((taps.missing(), taps.found().len()), (None, expected.len()));
    for (tap, value) in taps.found() {
        assert_described(&format!("{name}, tap {tap}"), &stored(value.tensor()), &expected[&tap], TOLERANCE);
    }
    // Biases that norms take away are left out without taps.
    let output = net.forward(&Pass::evaluation().exact(exact), &x.clone().into());
    assert_described(&format!("{name}, untapped"), &stored(output.tensor()), &case["evaluated"], TOLERANCE);

    let tape = Tape::new();
    let x = tape.leaf(x);
    let output = net.forward(&Pass::training(&tape).exact(exact), &x);
    assert_described(&format!("{name}, trained"), &stored(output.tensor()), &case["trained"], TOLERANCE);
    let tolerance = TOLERANCE.max(2.0 * case["single_precision"].as_f64().unwrap());
    let weights: Var = drawn(seed + 2000, stored(output.tensor()).shape()).into();
    let loss = ops::mean(&ops::mul(&output, &weights));
    let gradients = case["gradients"].as_object().unwrap();
    let entries: Vec<Entry> = net.entries().into_iter().filter(|e| gradients.contains_key(&e.name)).collect();
    assert_eq!(entries.len() + 1, gradients.len());
    let leaves: Vec<Var> = entries.iter().map(|entry| tape.parameter(&entry.parameter)).collect();
    let mut found = tape.gradients(&loss, &std::iter::once(&x).chain(&leaves).collect::<Vec<_>>());
    assert_described(
        &format!("{name}, gradient of input"),
        &stored(&found.remove(0)),
        &gradients["input"],
        tolerance,
    );
    for (entry, gradient) in entries.iter().zip(found) {
        let gradient =
            if entry.kind == Kind::Filter { permute_tensor(&gradient, &[3, 2, 0, 1]) } else { gradient };
        assert_described(
            &format!("{name}, gradient of {}", entry.name),
            &gradient,
            &gradients[&entry.name],
            tolerance,
        );
    }
}

#[test]
fn outputs_taps_and_gradients_are_pytorchs() {
    for case in reference_json("nets.json")["cases"].as_array().unwrap() {
        for exact in [true, false] {
            assert_case(case, exact);
        }
    }
}

#[test]
fn tensors_have_pytorchs_names_shapes_and_order() {
    for case in reference_json("nets.json")["cases"].as_array().unwrap() {
        let found = net_of(case).entries();
        let found = found.iter().map(|entry| {
            let shape = stored_shape(entry).1.into_iter().map(|length| length as f64).collect();
            (entry.name.clone(), shape)
        });
        let found: Vec<(String, Vec<f64>)> = found.collect();
        let expected = case["state"].as_object().unwrap();
        let expected: Vec<_> = expected.iter().map(|(name, shape)| (name.clone(), numbers(shape))).collect();
        assert_eq!(found, expected, "{}", case["name"]);
    }
}

#[test]
fn full_sizes_have_as_many_numbers() {
    let counts = reference_json("nets.json")["counts"].clone();
    let counts = counts.as_object().unwrap();
    for (name, count) in counts {
        let architecture = ALL.iter().find(|architecture| architecture.name == name).unwrap();
        let net = architecture.build(&[], 0).unwrap().into_module().unwrap();
        let trained = net.entries().into_iter().filter(|entry| entry.kind.is_trained());
        let found: usize = trained.map(|entry| Parameter::borrow(&entry.parameter).len()).sum();
        assert_eq!(Some(found as u64), count.as_u64(), "{name}");
    }
}
