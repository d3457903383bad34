//! `gobelin net`: networks through files and flags.

use std::fs;
use std::path::Path;

use gobelin_autograd::ops::permute_tensor;
use gobelin_autograd::{Tensor, Var};
use gobelin_nets::Pass;
use gobelin_nets::catalogue::{ALL, Architecture};
use gobelin_nets::weights::{self, Stored};

use crate::shell::{call, gobelin};
use crate::tensors::{answer, noise, write};

#[track_caller]
fn must_run(here: &Path, words: &str) {
    assert_eq!(call(here, words), (0, Vec::new()), "gobelin {words}");
}

/// The same network in this process: its outputs as files have them.
fn in_process(name: &str, options: &[(&str, &str)], weights: &Path, x: &Stored, pass: Pass<'_>) -> Stored {
    let options: Vec<_> = options.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect();
    let mut net = Architecture::named(name).unwrap().build(&options, 99).unwrap();
    net.load(weights).unwrap();
    let x = permute_tensor(&Tensor::new(&x.shape, x.floats().unwrap()), &[0, 2, 3, 1]);
    let y = net.run(&pass, &Var::constant(x), &[]).unwrap().remove(0).1.into_tensor();
    Stored::of(&if y.shape().len() == 4 { permute_tensor(&y, &[0, 3, 1, 2]) } else { y })
}

#[test]
fn a_seed_makes_the_weights_and_the_weights_the_outputs() {
    let here = tempfile::tempdir().unwrap();
    let path = |name: &str| here.path().join(name);
    for (name, options, shape, output) in [
        (
            "dcgan-generator",
            &[("size", "28"), ("width", "2"), ("noise", "5")][..],
            [3, 5, 1, 1],
            vec![3, 3, 28, 28],
        ),
        ("dcgan-discriminator", &[("size", "32"), ("width", "2")], [2, 3, 32, 32], vec![2]),
        ("resnet-generator", &[("width", "2"), ("blocks", "1")], [1, 3, 12, 20], vec![1, 3, 12, 20]),
        ("patch-discriminator", &[("width", "2"), ("channels", "1")], [2, 1, 24, 40], vec![2, 1, 1, 3]),
        ("unet", &[("width", "2"), ("depth", "2"), ("classes", "4")], [1, 3, 8, 12], vec![1, 4, 8, 12]),
        ("transform", &[("width", "2")], [1, 3, 16, 20], vec![1, 3, 16, 20]),
    ] {
        let set: Vec<String> = options.iter().map(|(key, value)| format!("--set {key}={value}")).collect();
        let net = format!("net {name} {}", set.join(" "));
        for (file, seed) in [("w", 3), ("same", 3), ("other", 4)] {
            must_run(here.path(), &format!("{net} --init {seed} --weights {file}"));
        }
        let [w, same, other] = ["w", "same", "other"].map(|file| fs::read(path(file)).unwrap());
        assert!(w == same && w != other, "{name}");
        let x = noise(1, &shape);
        write(&path("x"), [("input", x.clone())]);
        must_run(here.path(), &format!("{net} --weights w --input x --output y"));
        let found = weights::read(&path("y")).unwrap();
        assert_eq!(found.keys().collect::<Vec<_>>(), ["output"], "{name}");
        assert_eq!(found["output"].shape, output, "{name}");
        assert!(found["output"] == in_process(name, options, &path("w"), &x, Pass::evaluation()), "{name}");
        // Running a net changes no weight.
        assert!(fs::read(path("w")).unwrap() == w, "{name}");
    }
}

#[test]
fn facenets_embeddings_have_length_1() {
    let here = tempfile::tempdir().unwrap();
    must_run(here.path(), "net facenet-nn2 --set dimensions=16 --init 0 --weights w");
    write(&here.path().join("x"), [("input", noise(1, &[2, 3, 33, 40]))]);
    must_run(here.path(), "net facenet-nn2 --set dimensions=16 --weights w --input x --output y --threads 1");
    let found = weights::read(&here.path().join("y")).unwrap();
    assert_eq!(found["output"].shape, [2, 16]);
    for embedding in found["output"].floats().unwrap().chunks(16) {
        let square: f32 = embedding.iter().map(|v| v * v).sum();
        assert!((square - 1.0).abs() < 1e-5, "{square}");
    }
}

#[test]
fn train_uses_the_batchs_statistics_and_exact_no_winograd() {
    let here = tempfile::tempdir().unwrap();
    let (net, options) = ("net unet --set width=8 --set depth=1", [("width", "8"), ("depth", "1")]);
    must_run(here.path(), &format!("{net} --init 1 --weights w"));
    let x = noise(2, &[2, 3, 16, 16]);
    write(&here.path().join("x"), [("input", x.clone())]);
    let found = ["", "--train", "--exact"].map(|more| {
        must_run(here.path(), &format!("{net} --weights w --input x --output y {more}"));
        weights::read(&here.path().join("y")).unwrap().remove("output").unwrap()
    });
    let weights = here.path().join("w");
    let passes = [Pass::evaluation(), Pass::sampling(), Pass::evaluation().exact(true)];
    for (found, pass) in found.iter().zip(passes) {
        assert!(*found == in_process("unet", &options, &weights, &x, pass));
    }
    assert!(found[0] != found[1]);
}

#[test]
fn taps_are_written_beside_the_output() {
    let here = tempfile::tempdir().unwrap();
    let net = "net resnet-generator --set width=2 --set blocks=1";
    must_run(here.path(), &format!("{net} --init 1 --weights w"));
    write(&here.path().join("x"), [("input", noise(2, &[1, 3, 8, 12]))]);
    must_run(here.path(), &format!("{net} --weights w --input x --output y --taps model.10,model.1"));
    let found = weights::read(&here.path().join("y")).unwrap();
    assert_eq!(found.keys().collect::<Vec<_>>(), ["model.1", "model.10", "output"]);
    assert_eq!(found["model.1"].shape, [1, 2, 8, 12]);
    must_run(here.path(), &format!("{net} --weights w --input x --output plain"));
    assert!(weights::read(&here.path().join("plain")).unwrap()["output"].shape == found["output"].shape);
}

#[test]
fn all_networks_are_listed_with_options_and_tensors() {
    let here = tempfile::tempdir().unwrap();
    let (all, _) = answer(here.path(), "net --list --json");
    let all = all.as_array().unwrap();
    assert_eq!(all.len(), ALL.len());
    for (entry, known) in all.iter().zip(ALL) {
        assert_eq!(entry["name"], known.name);
        for key in ["about", "paper", "input", "output"] {
            assert!(entry[key].as_str().is_some_and(|text| !text.is_empty()), "{}: {key}", known.name);
        }
        assert_eq!(entry["options"].as_array().unwrap().len(), known.options.len());
        assert!(entry["tensors"].as_array().is_some_and(|tensors| !tensors.is_empty()));
    }
    let (one, _) = answer(here.path(), "net resnet-generator --list --json --set blocks=0 --set width=7");
    assert_eq!(one[0]["tensors"][0]["name"], "model.1.weight");
    assert_eq!(one[0]["tensors"][0]["shape"], serde_json::json!([7, 3, 7, 7]));
    let text = gobelin(here.path(), "net vgg19 --list").output().unwrap().stdout;
    let text = String::from_utf8(text).unwrap();
    assert!(
        text.contains("--set images=normalised") && text.contains("(normalised, unit, signed)"),
        "{text}"
    );
    assert!(text.contains("--set normalisation=imagenet") && text.contains("--set pool=max"), "{text}");
    assert!(text.contains("32 tensors, features.0.weight to features.34.bias"), "{text}");
}

/// What computes nothing takes no device, and a card that is not there is told in one line.
#[test]
fn devices_are_for_nets_that_run() {
    let here = tempfile::tempdir().unwrap();
    for words in ["net --list --device cuda", "net unet --init 1 --weights w --device cuda"] {
        let (code, lines) = call(here.path(), words);
        assert_eq!(code, 2, "{words}: {lines:?}");
        assert!(lines[0].contains("cannot be used with '--device"), "{words}: {lines:?}");
    }
    if gobelin_kernels::cuda::is_driver_present() {
        eprintln!("SKIPPED: there is a driver here");
        return;
    }
    must_run(here.path(), "net unet --set width=2 --set depth=2 --init 1 --weights w");
    write(&here.path().join("x"), [("input", noise(1, &[1, 3, 8, 8]))]);
    let words = "net unet --set width=2 --set depth=2 --weights w --input x --output y --device cuda:1";
    let line = "error: --device cuda:1: no CUDA driver (libcuda) on this machine: install NVIDIA's driver, or use --device cpu";
    assert_eq!(call(here.path(), words), (2, vec![line.to_owned()]));
    assert!(!here.path().join("y").exists());
}
