//! The style trainer's steps give PyTorch's losses, step for step.

// The formula's VGG-19, which the tests of VGG-19 look through as well.
#[path = "vgg19/weights.rs"]
mod vgg19;

use gobelin_autograd::Tensor;
use gobelin_losses::content::{Content, Normalise};
use gobelin_losses::style_transfer::StyleTransfer;
use gobelin_nets::vgg19::{Images, Pooling, View};
use gobelin_style::aim::Aim;
use gobelin_style::painter::{Method, Painter};
use gobelin_tests::{reference_json, uniform};

// The script's SIZE and STYLE_SIZE.
const SIZE: [usize; 2] = [24, 32];
const STYLE_SIZE: [usize; 2] = [28, 20];

/// The script's `pictures`.
fn picture(seed: u64, [height, width]: [usize; 2]) -> Tensor {
    Tensor::new(&[1, height, width, 3], uniform(seed, height * width * 3)).map(|v| 0.5 + 0.5 * v)
}

/// What the script calls a case: weights of the styles, weight of the variation, and the optimiser.
fn case(name: &str) -> (&'static [f32], f32, Method) {
    match name {
        "adam" => (&[0.25, 0.75], 0.5, Method::Adam { learning_rate: 0.02 }),
        _ => (&[1.0], 0.0, Method::Lbfgs { history: 20 }),
    }
}

#[test]
fn ten_steps_of_each_optimiser_are_pytorchs() {
    for case_of_file in reference_json("style_steps.json").as_array().unwrap() {
        let name = case_of_file["case"].as_str().unwrap();
        let seed = case_of_file["seed"].as_u64().unwrap();
        let (weights, tv_weight, method) = case(name);
        for exact in [true, false] {
            let view = View { images: Images::Unit, pooling: Pooling::Average, ..View::default() };
            let vgg = vgg19::network().viewed(view);
            let vgg = if exact { vgg.exact() } else { vgg };
            let loss = StyleTransfer {
                content: Content { normalise: Normalise::Chw, ..Content::default() },
                tv_weight,
                ..StyleTransfer::default()
            };
            let style = |(number, weight): (u64, &f32)| (picture(seed + 2000 + number, STYLE_SIZE), *weight);
            let styles: Vec<(Tensor, f32)> = (0..).zip(weights).map(style).collect();
            let aim = Aim::new(&vgg, loss, &picture(seed + 1000, SIZE), &styles);
            let mut painter = Painter::new(picture(seed, SIZE), method);
            let losses = case_of_file["losses"].as_array().unwrap();
            assert_eq!(losses.len(), 10);
            for (step, expected) in losses.iter().map(|loss| loss.as_f64().unwrap()).enumerate() {
                let found = f64::from(painter.step(&aim).terms.total);
                let difference = (found - expected).abs() / expected;
                println!("{name}, exact {exact}, step {step}: {found} is {difference:.1e} from PyTorch");
                assert!(difference < 1e-4, "{name}, exact {exact}: step {step} gave {found}, not {expected}");
            }
        }
    }
}
