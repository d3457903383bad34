//! What has no ordinary answer has a defined one: NaN, nothing that counts, numbers at the end of the range.

use std::collections::BTreeMap;

use gobelin_autograd::{Tape, Tensor, ops, random};
use gobelin_losses::catalogue::{self, Given, Kind, LossEntry};

/// A plain call of a loss: every tensor it needs, and those it may have.
fn plain(entry: &LossEntry) -> BTreeMap<String, Given> {
    let mut tensors = BTreeMap::new();
    for (stream, spec) in (0..).zip(entry.tensors) {
        let shape: &[usize] = match spec.shape {
            "(N, C, ...)" | "(N, C, H, W)" | "(...)" | "*, any shape" => &[2, 3, 4, 5],
            "(N, 3, H, W)" | "(N, 3, Hs, Ws)" => &[2, 3, 8, 8],
            "(N, D)" => &[4, 3],
            "(N)" => &[4],
            "(C)" => &[3],
            // Class indices, where masks are allowed too.
            _ => &[2, 4, 5],
        };
        let count: usize = shape.iter().product();
        let given = if spec.kind == Kind::Float {
            Given::Float(random::normal(shape, 0.0, 1.0, &mut random::generator(1, stream)).into())
        } else {
            let classes = if spec.kind == Kind::Integer || shape.len() == 3 { 3 } else { 2 };
            Given::Integer {
                shape: shape.into(),
                values: (0..count as i64).map(|i| i % classes % 2).collect(),
            }
        };
        tensors.insert(spec.name.to_owned(), given);
    }
    tensors
}

fn value(entry: &LossEntry, tensors: &BTreeMap<String, Given>) -> f32 {
    entry.call(tensors, &[], None).unwrap_or_else(|error| panic!("{}: {error}", entry.name)).value.item()
}

fn without_vgg() -> impl Iterator<Item = &'static LossEntry> {
    catalogue::LOSSES.iter().copied().filter(|entry| !entry.vgg)
}

#[test]
fn nan_in_any_tensor_comes_out() {
    for entry in without_vgg() {
        let tensors = plain(entry);
        assert!(value(entry, &tensors).is_finite(), "{}", entry.name);
        for (name, given) in &tensors {
            let Given::Float(var) = given else { continue };
            for place in [0, var.tensor().len() - 1] {
                let mut spoiled = var.tensor().clone();
                spoiled.data_mut()[place] = f32::NAN;
                let mut tensors = tensors.clone();
                tensors.insert(name.clone(), Given::Float(spoiled.into()));
                // A class weight counts where its class does: no target here is of the last class.
                let counts = !(name == "class_weight" && place > 0);
                assert_eq!(value(entry, &tensors).is_nan(), counts, "{} {name} at {place}", entry.name);
            }
        }
    }
}

#[test]
fn huge_logits_have_finite_values_and_gradients() {
    for entry in without_vgg() {
        for spec in entry.tensors.iter().filter(|spec| ["logits", "real", "fake"].contains(&spec.name)) {
            let tape = Tape::new();
            let huge = Tensor::build(&[2, 3, 4, 5], |data| {
                data.iter_mut().enumerate().for_each(|(i, x)| *x = if i % 7 < 3 { -1e4 } else { 1e4 });
            });
            let leaf = tape.leaf(huge);
            let mut tensors = plain(entry);
            tensors.insert(spec.name.to_owned(), Given::Float(leaf.clone()));
            let found = entry.call(&tensors, &[], None).unwrap().value;
            assert!(found.item().is_finite(), "{}", entry.name);
            let gradient = tape.gradients(&found, &[&leaf]).remove(0);
            assert!(gradient.data().iter().all(|g| g.is_finite()), "{}", entry.name);
        }
    }
}

#[test]
fn nothing_that_counts_is_0_with_a_zero_gradient() {
    for entry in without_vgg().filter(|e| e.options.iter().any(|option| option.name == "ignore-index")) {
        let tape = Tape::new();
        let mut tensors = plain(entry);
        let leaf = tape.leaf(Tensor::ones(&[2, 3, 4, 5]));
        tensors.insert("logits".into(), Given::Float(leaf.clone()));
        tensors.insert("target".into(), Given::Integer { shape: vec![2, 4, 5], values: vec![255; 40] });
        for more in [&[][..], &[("per-sample".to_owned(), "true".to_owned())]] {
            if more.iter().any(|(name, _)| entry.options.iter().all(|option| option.name != name)) {
                continue;
            }
            let mut options = vec![("ignore-index".to_owned(), "255".to_owned())];
            options.extend_from_slice(more);
            let found = entry.call(&tensors, &options, None).unwrap().value;
            assert_eq!(found.item(), 0.0, "{}", entry.name);
            let gradient = tape.gradients(&ops::sum(&found), &[&leaf]).remove(0);
            assert!(gradient.data().iter().all(|&g| g == 0.0), "{}", entry.name);
        }
    }
}

#[test]
fn equal_embeddings_have_a_zero_gradient_by_every_distance() {
    let options = |squared: &str| vec![("squared".to_owned(), squared.to_owned())];
    let labels = Given::Integer { shape: vec![4], values: vec![0, 0, 1, 1] };
    for squared in ["true", "false"] {
        let tape = Tape::new();
        let points = tape.leaf(Tensor::full(&[4, 3], 0.25));
        let given = || Given::Float(points.clone());
        let triplet = ["anchor", "positive", "negative"].map(|name| (name.to_owned(), given())).into();
        let batch = [("embeddings".to_owned(), given()), ("labels".to_owned(), labels.clone())].into();
        for (name, tensors) in [("triplet", triplet), ("triplet-batch", batch)] {
            let found = catalogue::loss(name).unwrap().call(&tensors, &options(squared), None).unwrap().value;
            let gradient = tape.gradients(&found, &[&points]).remove(0);
            assert!(
                found.item().is_finite() && gradient.data().iter().all(|&g| g == 0.0),
                "{name} {squared}"
            );
        }
    }
}

#[test]
fn wrong_calls_are_named_in_one_line() {
    let message = |name: &str, change: &dyn Fn(&mut BTreeMap<String, Given>), options: &[(&str, &str)]| {
        let entry = catalogue::loss(name).unwrap();
        let mut tensors = plain(entry);
        change(&mut tensors);
        let options: Vec<_> = options.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let message = entry.call(&tensors, &options, None).expect_err(name).to_string();
        assert!(!message.contains('\n'));
        message
    };
    let as_is: &dyn Fn(&mut BTreeMap<String, Given>) = &|_| ();
    let put = |tensor: &'static str, given: Given| {
        move |tensors: &mut BTreeMap<String, Given>| drop(tensors.insert(tensor.into(), given.clone()))
    };
    let floats = |shape: &[usize]| Given::Float(Tensor::zeros(shape).into());
    let integers = |shape: &[usize], value| Given::Integer {
        shape: shape.into(),
        values: vec![value; shape.iter().product()],
    };
    let cases = [
        (
            message("mse", &|tensors| drop(tensors.remove("target")), &[]),
            "no tensor `target` (found `pred`); expected F32 (...)",
        ),
        (
            message("mse", &put("target", floats(&[2, 3])), &[]),
            "tensor `target` is F32 [2, 3], expected F32 (...), here [2, 3, 4, 5]",
        ),
        (
            message("mse", &put("pred", integers(&[2, 3, 4, 5], 1)), &[]),
            "tensor `pred` is integers [2, 3, 4, 5], expected F32 (...)",
        ),
        (
            message("mse", &put("weights", floats(&[1])), &[]),
            "no tensor of mse is called `weights`; expected one of pred, target",
        ),
        (
            message("cross-entropy", &put("target", integers(&[2, 4, 5], 3)), &[]),
            "tensor `target` is class 3 among others, expected classes from 0 to 2, or ignore-index -100, for logits of 3",
        ),
        (
            message("dice", &put("target", floats(&[2, 4, 5])), &[]),
            "tensor `target` is F32 [2, 4, 5], expected I64, I32 or U8 (N, ...) class indices or (N, C, ...) masks",
        ),
        (
            message("bce", &put("target", integers(&[2, 3, 4, 5], 255)), &[]),
            "tensor `target` is 255 among others, expected values from 0 to 1",
        ),
        (
            message("mse", &put("pred", floats(&[2, 0])), &[]),
            "tensor `pred` is F32 [2, 0], expected at least one value",
        ),
        (
            message("triplet", as_is, &[("margn", "1")]),
            "no option of triplet `margn`, did you mean `margin`?; expected one of margin, squared, soft-margin, reduction",
        ),
        (message("triplet", as_is, &[("margin", "big")]), "margin=big: expected a number of at least 0"),
        (
            message("triplet-batch", as_is, &[("mining", "semihard")]),
            "mining=semihard: expected one of all, hard, semi-hard, distance-weighted",
        ),
        (
            message("gan-ls", &|tensors| drop(tensors.remove("real")), &[]),
            "no tensor `real` (found `fake`); expected F32 *, any shape",
        ),
    ];
    for (found, expected) in cases {
        assert_eq!(found, expected);
    }
    let unknown = catalogue::loss("hubber").err().unwrap().to_string();
    assert!(
        unknown.starts_with("no loss `hubber`, did you mean `huber`?; expected one of mse, "),
        "{unknown}"
    );
}
