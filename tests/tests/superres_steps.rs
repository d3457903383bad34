//! The superres trainer's updates give PyTorch's losses, step for step: of the network, and of its discriminator.

// The formula's VGG-19, which the tests of VGG-19 look through as well.
#[path = "vgg19/weights.rs"]
mod vgg19;

use gobelin_autograd::Tensor;
use gobelin_losses::content::{Content, Normalise};
use gobelin_losses::layers::Layers;
use gobelin_losses::perceptual::Perceptual;
use gobelin_losses::style::{Gram, Style};
use gobelin_losses::style_transfer::StyleTransfer;
use gobelin_nets::dcgan::Upsampling;
use gobelin_nets::super_resolution;
use gobelin_nets::vgg19::{Images, Vgg19, View};
use gobelin_superres::learner::{AdversaryOptions, Learned, Learner};
use gobelin_superres::lessons::Lesson;
use gobelin_superres::network::Shape;
use gobelin_superres::objective::Objective;
use gobelin_tests::{reference_json, set_weights, uniform};

// The script's BATCH, LOW, SCALE, WIDTH and STYLE_SIZE.
const BATCH: usize = 2;
const LOW: usize = 10;
const SCALE: usize = 4;
const WIDTH: usize = 4;
const STYLE_SIZE: usize = 24;

fn network(exact: bool) -> Vgg19 {
    let vgg = vgg19::network();
    let vgg = vgg.viewed(View { images: Images::Signed, ..vgg.view() });
    if exact { vgg.exact() } else { vgg }
}

fn pictures(seed: u64, count: usize, side: usize) -> Tensor {
    Tensor::new(&[count, side, side, 3], uniform(seed, count * side * side * 3))
}

fn objective(name: &str, seed: u64, exact: bool) -> Objective {
    match name {
        "mse" => Objective::Mse,
        "style" => {
            let loss = StyleTransfer {
                content: Content { layer: "relu3_3".into(), half: false, normalise: Normalise::Chw },
                style: Style {
                    layers: Layers::alike(&["relu1_2", "relu2_2", "relu3_3", "relu4_3"], 1.0),
                    gram: Gram::Chw,
                    ..Style::default()
                },
                alpha: 1.0,
                beta: 5.0,
                tv_weight: 1e-5,
            };
            Objective::style(loss, &pictures(seed + 9000, 1, STYLE_SIZE), network(exact))
        }
        _ => Objective::Perceptual {
            loss: Perceptual { layers: Layers::alike(&["relu2_2"], 1.0) },
            vgg: network(exact),
        },
    }
}

fn learner(name: &str, seed: u64, exact: bool) -> Learner {
    let shape = if name == "style" {
        Shape::Transform { width: WIDTH }
    } else {
        Shape::SuperResolution(super_resolution::Options {
            scale: SCALE,
            width: WIDTH,
            blocks: 2,
            upsampling: Upsampling::Deconv,
            skip: false,
        })
    };
    let adversary = (name == "perceptual+gan").then_some(AdversaryOptions {
        layers: 1,
        width: WIDTH,
        learning_rate: 1e-4,
        weight: 0.01,
    });
    let rate = if name == "style" { 1e-4 } else { 1e-3 };
    let learner = Learner::new(shape, objective(name, seed, exact), adversary, rate, exact, 0);
    set_weights(&*learner.network.module, seed + 1000, 0.2, 0.1);
    if let Some(adversary) = &learner.adversary {
        set_weights(&adversary.net, seed + 3000, 0.2, 0.1);
    }
    learner
}

#[test]
fn ten_updates_of_each_objective_are_pytorchs() {
    for case in reference_json("superres_steps.json").as_array().unwrap() {
        let (name, seed) = (case["case"].as_str().unwrap(), case["seed"].as_u64().unwrap());
        let losses = |of: &str| -> Vec<f64> {
            case[of].as_array().unwrap().iter().map(|loss| loss.as_f64().unwrap()).collect()
        };
        let (expected, opponents) = (losses("losses"), losses("discriminator"));
        assert_eq!((expected.len(), opponents.len()), (10, if name == "perceptual+gan" { 10 } else { 0 }));
        for exact in [true, false] {
            let mut learner = learner(name, seed, exact);
            for update in 0..expected.len() {
                let wanted = pictures(seed + 70_000 + update as u64, BATCH, LOW * SCALE);
                let seen = (name != "style").then(|| pictures(seed + 50_000 + update as u64, BATCH, LOW));
                let told = learner.update(&Lesson { wanted, seen, bicubic: None });
                let learned = Learned::of(told.numbers().map(|figure| figure.get()));
                let close = |what: &str, found: f64, expected: f64| {
                    let difference = (found - expected).abs() / expected;
                    println!("{name}, {what}, exact {exact}, update {update}: {difference:.1e} from PyTorch");
                    assert!(
                        difference < 1e-4,
                        "{name}, {what}, exact {exact}: update {update} gave {found}, not {expected}"
                    );
                };
                close("network", learned.loss, expected[update]);
                if let Some(&expected) = opponents.get(update) {
                    close("discriminator", learned.judged.loss, expected);
                }
            }
        }
    }
}
