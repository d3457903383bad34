//! VGG-19 through the shell: as a network, and behind the losses that look through it.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use gobelin_autograd::Tensor;
use gobelin_nets::weights::{self, Stored, Weights};
use gobelin_tests::reference;
use half::f16;
use rayon::prelude::*;
use safetensors::Dtype;

use crate::shell::call;
use crate::tensors::{Case, answer, cases, floats, noise, numbers, write};

/// The weights of `tests/reference/vgg.py` in a file, and the same in half precision.
fn files() -> &'static [PathBuf; 2] {
    static FILES: OnceLock<(tempfile::TempDir, [PathBuf; 2])> = OnceLock::new();
    let make = || {
        let folder = tempfile::tempdir().unwrap();
        let files = ["vgg19.safetensors", "half.safetensors"].map(|name| folder.path().join(name));
        let mut tensors: Weights = gobelin_tests::vgg19()
            .into_iter()
            .map(|(name, shape, values)| (name, Stored::of(&Tensor::new(&shape, values))))
            .collect();
        weights::write(&files[0], &tensors).unwrap();
        for stored in tensors.values_mut() {
            let halves = stored.floats().unwrap().into_iter().flat_map(|v| f16::from_f32(v).to_le_bytes());
            *stored = Stored { dtype: Dtype::F16, bytes: halves.collect(), shape: stored.shape.clone() };
        }
        weights::write(&files[1], &tensors).unwrap();
        (folder, files)
    };
    &FILES.get_or_init(make).1
}

#[test]
fn losses_through_given_weights_have_the_values_and_gradients_of_their_references() {
    let cases = cases(true);
    // The first of each loss, and every way to look.
    let of = |loss: &str, name: &str| {
        cases.iter().find(|case| case.loss == loss && case.name == name).expect("a case")
    };
    let chosen = [
        ("perceptual", "layers"),
        ("perceptual", "signed"),
        ("perceptual", "normalised"),
        ("content", "plain"),
        ("style", "gram-none"),
        ("style", "average"),
        ("style", "other-size"),
        ("style-transfer", "weights"),
        ("topology", "odd"),
    ];
    let words = format!("--vgg {}", files()[0].display());
    let wrong = |case: &Case| case.check(&words).err().map(|e| format!("{} {}: {e}", case.loss, case.name));
    let wrong: Vec<String> = chosen.par_iter().filter_map(|&(loss, name)| wrong(of(loss, name))).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A pair of pictures in [0, 1].
fn write_pair(here: &Path, name: &str, change: impl Fn(&Tensor) -> Tensor) {
    let picture = |seed| {
        let values = gobelin_tests::uniform(seed, 3 * 9 * 8).into_iter().map(|v| 0.5 + 0.5 * v);
        Stored::of(&change(&Tensor::new(&[1, 3, 9, 8], values.collect::<Vec<f32>>())))
    };
    write(&here.join(name), [("pred", picture(1)), ("target", picture(2))]);
}

#[test]
fn without_weights_the_filters_are_those_of_a_seed_and_it_is_said_once() {
    let here = tempfile::tempdir().unwrap();
    write_pair(here.path(), "in.safetensors", Tensor::clone);
    let (drawn, told) = answer(here.path(), "loss perceptual --input in.safetensors");
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].starts_with("no --vgg: VGG-19 with seeded random filters"), "{}", told[0]);
    assert_eq!(call(here.path(), "net vgg19 --init 0 --weights vgg19.safetensors").0, 0);
    let words = "loss perceptual --input in.safetensors --vgg vgg19.safetensors";
    let (read, told) = answer(here.path(), words);
    assert_eq!((read, told.len()), (drawn, 0));
}

#[test]
fn caffes_weights_see_blue_green_and_red_less_their_means() {
    let here = tempfile::tempdir().unwrap();
    write_pair(here.path(), "unit.safetensors", Tensor::clone);
    write_pair(here.path(), "caffe.safetensors", |unit| {
        let plane = |channel: usize, mean: f32| {
            unit.data()[channel * 72..][..72].iter().map(move |v| 255.0 * v - mean).collect::<Vec<_>>()
        };
        Tensor::new(unit.shape(), [plane(2, 103.939), plane(1, 116.779), plane(0, 123.68)].concat())
    });
    let value = |words: &str| {
        let words = format!("loss perceptual --vgg {} {words}", files()[0].display());
        numbers(&answer(here.path(), &words).0["value"])[0]
    };
    let inside = value("--input unit.safetensors --vgg-normalisation caffe");
    let before = value("--input caffe.safetensors --set images=normalised");
    assert!((inside - before).abs() < 1e-4 * before, "{inside}, {before}");
    let net = |words: &str| {
        let (weights, words) = (files()[0].display(), words.to_owned());
        let words = format!("net vgg19 --weights {weights} --output y.safetensors --taps relu1_2 {words}");
        assert_eq!(call(here.path(), &words), (0, Vec::new()));
        weights::read(&here.path().join("y.safetensors")).unwrap()["relu1_2"].floats().unwrap()
    };
    let unit = noise(5, &[1, 3, 32, 33]);
    let values = unit.floats().unwrap();
    let turned = [(2, 103.939), (1, 116.779), (0, 123.68)].map(|(channel, mean)| {
        values[channel * 1056..][..1056].iter().map(|v| 255.0 * v - mean).collect::<Vec<f32>>()
    });
    write(&here.path().join("x.safetensors"), [("input", unit)]);
    write(&here.path().join("turned.safetensors"), [("input", floats(&[1, 3, 32, 33], &turned.concat()))]);
    let inside = net("--input x.safetensors --set images=unit --set normalisation=caffe");
    let before = net("--input turned.safetensors");
    let largest = before.iter().fold(0.0f32, |most, v| most.max(v.abs()));
    assert!(inside.iter().zip(&before).all(|(a, b)| (a - b).abs() < 1e-4 * largest));
}

#[test]
fn weights_of_half_precision_are_converted_with_a_note() {
    let here = tempfile::tempdir().unwrap();
    write_pair(here.path(), "in.safetensors", Tensor::clone);
    let found = files().each_ref().map(|file| {
        answer(here.path(), &format!("loss perceptual --input in.safetensors --vgg {}", file.display()))
    });
    assert!(found[0].1.is_empty());
    assert_eq!(found[1].1.len(), 1);
    assert!(found[1].1[0].contains("half.safetensors: 32 tensors of half precision"), "{:?}", found[1].1);
    let [whole, half] = found.map(|(found, _)| numbers(&found["value"])[0]);
    assert!(whole != half && (whole - half).abs() < 1e-2 * whole, "{whole}, {half}");
}

/// Every nth value of each layer, as `tests/reference/vgg19_features.py` writes them from torchvision's network.
#[test]
fn taps_are_torchvisions_layers() {
    let layers = [("conv1_2", 2), ("relu2_2", 8), ("pool4", 27)];
    let known = weights::read(&reference("vgg19.safetensors")).unwrap();
    let here = tempfile::tempdir().unwrap();
    write(&here.path().join("x.safetensors"), [("input", known["picture"].clone())]);
    for (pool, more) in [("max", ""), ("average", " --set pool=average --exact")] {
        let weights = files()[0].display();
        let words = format!(
            "net vgg19 --weights {weights} --input x.safetensors --output y.safetensors --set images=unit \
             --taps conv1_2,relu2_2,pool4{more}"
        );
        assert_eq!(call(here.path(), &words), (0, Vec::new()));
        let found = weights::read(&here.path().join("y.safetensors")).unwrap();
        assert_eq!(found.keys().collect::<Vec<_>>(), ["conv1_2", "output", "pool4", "relu2_2"]);
        let named = layers.into_iter().chain([("output", 36)]);
        for (name, number) in named {
            let found = found[name].floats().unwrap();
            let expected = known[&format!("{pool}/{number}")].floats().unwrap();
            let largest = known[&format!("{pool}/{number}/largest")].floats().unwrap()[0];
            let step = (found.len() / 100).max(1);
            let found: Vec<f32> = found.into_iter().step_by(step).collect();
            assert_eq!(found.len(), expected.len(), "{name}");
            let close = |(f, e): (&f32, &f32)| (f - e).abs() < 1e-4 * largest;
            assert!(found.iter().zip(&expected).all(close), "{name} ({pool})");
        }
        assert_eq!(found["relu2_2"].shape, [1, 128, 18, 17]);
    }
}
