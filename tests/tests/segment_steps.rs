//! The segment trainer's updates give PyTorch's losses, step for step.

// The formula's VGG-19, which the tests of VGG-19 look through as well.
#[path = "vgg19/weights.rs"]
mod vgg19;

use gobelin_autograd::Tensor;
use gobelin_losses::topology::Topology;
use gobelin_segment::learner::Learner;
use gobelin_segment::lessons::Lesson;
use gobelin_segment::net::Shape;
use gobelin_segment::objective::{GapWeights, Objective, Objects, PixelLoss};
use gobelin_tests::{reference_json, set_weights, uniform};

const SIZE: usize = 16;
const BATCH: usize = 4;

/// What the script calls a case: the objective, and how many answers.
fn case(name: &str, exact: bool) -> (Objective, usize) {
    let plain = Objective {
        pixel: PixelLoss::Bce,
        class_weights: None,
        gap_weights: None,
        topology: None,
        cldice: None,
    };
    match name {
        "bce" => (plain, 1),
        "topology" => {
            let vgg = if exact { vgg19::network().exact() } else { vgg19::network() };
            (Objective { topology: Some((Topology::default(), vgg)), ..plain }, 2)
        }
        _ => {
            let gaps = GapWeights { objects: Objects::Background, w0: 10.0, sigma: 5.0 };
            let weighted = Objective {
                pixel: PixelLoss::CrossEntropy,
                class_weights: Some([0.7, 2.0]),
                gap_weights: Some(gaps),
                cldice: Some((0.5, 3)),
                ..plain
            };
            (weighted, 1)
        }
    }
}

#[test]
fn ten_updates_of_each_objective_are_pytorchs() {
    for case_of_file in reference_json("segment_steps.json").as_array().unwrap() {
        let name = case_of_file["case"].as_str().unwrap();
        let seed = case_of_file["seed"].as_u64().unwrap();
        for exact in [true, false] {
            let (objective, refine) = case(name, exact);
            let shape = Shape { channels: 1, classes: objective.classes(), width: 4, depth: 2, refine };
            let mut learner = Learner::new(shape, objective, 1e-3, exact, 0);
            set_weights(&learner.segmenter.net, seed + 1000, 0.3, 0.1);
            let losses = case_of_file["losses"].as_array().unwrap();
            assert_eq!(losses.len(), 10);
            for (update, expected) in losses.iter().map(|loss| loss.as_f64().unwrap()).enumerate() {
                let numbers = |stream: u64| {
                    let values = uniform(seed + stream + update as u64, BATCH * SIZE * SIZE);
                    Tensor::new(&[BATCH, SIZE, SIZE, 1], values)
                };
                let masks = numbers(70_000).map(|value| f32::from(value > 0.5));
                let lesson = Lesson::new(numbers(50_000), masks, learner.objective.gap_weights);
                let found = f64::from(learner.update(&lesson).read().loss);
                let difference = (found - expected).abs() / expected;
                println!("{name}, exact {exact}, update {update}: {found} is {difference:.1e} from PyTorch");
                assert!(
                    difference < 1e-4,
                    "{name}, exact {exact}: update {update} gave {found}, not {expected}"
                );
            }
        }
    }
}
