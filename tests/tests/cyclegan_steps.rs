//! The cyclegan trainer's updates give PyTorch's losses, step for step.

use gobelin_autograd::Tensor;
use gobelin_autograd::optimiser::Schedule;
use gobelin_cyclegan::game::{A, B, Game, Judged, Rules, Translated};
use gobelin_losses::gan::Adversarial;
use gobelin_nets::dcgan::Upsampling;
use gobelin_nets::resnet_generator::Options;
use gobelin_tests::{reference_json, set_weights, uniform};
use serde_json::Value;

const UPDATES: u64 = 10;
const RATE: f64 = 2e-4;
const SCHEDULE: Schedule = Schedule::Linear { constant: 4, decay: 8 };

fn game(case: &Value, seed: u64, exact: bool) -> Game {
    let of = |name: &str| case[name].as_u64().unwrap() as usize;
    let rules = Rules {
        generator: Options {
            blocks: of("blocks"),
            width: of("width"),
            channels: 3,
            upsampling: if case["upsample"] == "deconv" { Upsampling::Deconv } else { Upsampling::Resize },
        },
        discriminator_width: of("width"),
        discriminator_layers: of("layers"),
        loss: match case["loss"].as_str().unwrap() {
            "ls" => Adversarial::Ls,
            "ns" => Adversarial::Ns,
            _ => Adversarial::Hinge,
        },
        cycle: 10.0,
        identity: case["identity"].as_f64().unwrap() as f32,
        learning_rate: RATE,
        betas: [0.5, 0.999],
        exact,
    };
    let game = Game::new(rules, 0);
    set_weights(&game.generators.nets[B], seed + 1000, 0.1, 0.0);
    set_weights(&game.generators.nets[A], seed + 2000, 0.1, 0.0);
    set_weights(&game.discriminators.nets[A], seed + 3000, 0.1, 0.0);
    set_weights(&game.discriminators.nets[B], seed + 4000, 0.1, 0.0);
    game
}

#[test]
fn ten_updates_are_pytorchs() {
    for case in reference_json("cyclegan_steps.json").as_array().unwrap() {
        let of = |name: &str| case[name].as_u64().unwrap() as usize;
        let (seed, shape) = (of("seed") as u64, [of("batch"), of("size"), of("size"), 3]);
        let picture = |number| Tensor::new(&shape, uniform(seed + number, shape.iter().product()));
        for exact in [true, false] {
            let mut game = game(case, seed, exact);
            let mut made = Vec::new();
            let (mut worst, mut compared) = (0.0f64, 0);
            for step in 0..UPDATES {
                game.set_learning_rate(RATE * SCHEDULE.factor(step));
                let real = [picture(50_000 + step), picture(70_000 + step)];
                let (told, fakes) = game.update_generators(&real);
                let told = Translated::of(told.numbers().map(|figure| figure.get()));
                made.push(fakes);
                // In place of a pool: an older translation at every other step.
                let old = &made[if step % 2 == 0 { step } else { step / 2 } as usize];
                let judged = game.update_discriminators(&real, old);
                let judged = Judged::of(judged.numbers().map(|figure| figure.get()));
                let found = [
                    ("loss", told.loss),
                    ("adversarial_a", told.adversarial[A]),
                    ("adversarial_b", told.adversarial[B]),
                    ("cycle_a", told.cycle[A]),
                    ("cycle_b", told.cycle[B]),
                    ("identity_a", told.identity[A]),
                    ("identity_b", told.identity[B]),
                    ("judged_a", judged.losses[A]),
                    ("judged_b", judged.losses[B]),
                ];
                for (name, ours) in found {
                    let Some(theirs) = case["record"].get(name) else {
                        assert_eq!(ours, 0.0, "{name}");
                        continue;
                    };
                    let theirs = theirs[step as usize].as_f64().unwrap();
                    let difference = (ours - theirs).abs() / theirs.abs();
                    assert!(
                        difference < 1e-4,
                        "{} {} px, exact {exact}, {name} at step {step}: {ours}, PyTorch {theirs}",
                        case["loss"],
                        shape[1]
                    );
                    (worst, compared) = (worst.max(difference), compared + 1);
                }
            }
            let names = case["record"].as_object().unwrap().len();
            assert_eq!(compared, names * UPDATES as usize);
            println!("{} {} px, exact {exact}: {worst:.1e}", case["loss"], shape[1]);
        }
    }
}
