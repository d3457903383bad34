//! The gan trainer's updates give PyTorch's losses, step for step.

use gobelin_autograd::{Tape, Tensor};
use gobelin_gan::game::{Game, Hand, Method, Rules};
use gobelin_losses::gan::{Adversarial, Labels};
use gobelin_nets::dcgan::{Norm, Shape, Upsampling};
use gobelin_tests::{reference_json, set_weights, uniform};

/// The same numbers in the same order as the script draws them.
struct Draws {
    count: u64,
}

impl Draws {
    fn next(&mut self, seed: u64, shape: &[usize]) -> Tensor {
        self.count += 1;
        Tensor::new(shape, uniform(seed + self.count - 1, shape.iter().product()))
    }
}

struct Played {
    d: Vec<f64>,
    g: Vec<f64>,
}

fn play(loss: Adversarial, seed: u64, shape: Shape, batch: usize, updates: usize, exact: bool) -> Played {
    let wasserstein = loss == Adversarial::Wgan;
    let rules = Rules {
        shape,
        loss,
        upsampling: Upsampling::Deconv,
        norm: Norm::Batch,
        method: if wasserstein { Method::RmsProp } else { Method::Adam([0.5, 0.999]) },
        learning_rate: if wasserstein { 5e-5 } else { 2e-4 },
        clip: wasserstein.then_some(0.01),
        gradient_penalty: 0.0,
        r1: 0.0,
        average: 0.0,
        exact,
    };
    let mut game = Game::new(rules, 0).unwrap();
    set_weights(&game.generator.net, seed + 1000, 0.1, 0.0);
    set_weights(&game.discriminator.net, seed + 2000, 0.1, 0.0);
    let mut draws = Draws { count: seed };
    let mut played = Played { d: Vec::new(), g: Vec::new() };
    let noise = |draws: &mut Draws| draws.next(50_000, &[batch, 1, 1, shape.noise]).map(|v| 1.7 * v);
    let real = |draws: &mut Draws| draws.next(70_000, &[batch, shape.size, shape.size, shape.channels]);
    let hand = |real| Hand { real, labels: Labels::default(), place: None };
    for _ in 0..updates {
        if wasserstein {
            for _ in 0..5 {
                let noise = noise(&mut draws);
                let fake = game.draw(None, &noise).into_tensor();
                let hand = hand(real(&mut draws));
                played.d.push(game.update_discriminator(&hand, &fake).loss.get());
            }
            let tape = Tape::new();
            let fake = game.draw(Some(&tape), &noise(&mut draws));
            played.g.push(game.update_generator(tape, &fake).loss.get());
        } else {
            let tape = Tape::new();
            let noise = noise(&mut draws);
            let fake = game.draw(Some(&tape), &noise);
            let hand = hand(real(&mut draws));
            played.d.push(game.update_discriminator(&hand, fake.tensor()).loss.get());
            played.g.push(game.update_generator(tape, &fake).loss.get());
        }
    }
    played
}

/// The largest difference relative to PyTorch's loss, and where.
fn largest_difference(ours: &[f64], theirs: &serde_json::Value) -> (f64, usize) {
    let theirs: Vec<f64> = theirs.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect();
    assert_eq!(ours.len(), theirs.len());
    let relative = |(ours, theirs): (&f64, &f64)| (ours - theirs).abs() / theirs.abs();
    let differences = ours.iter().zip(&theirs).map(relative).enumerate().map(|(step, d)| (d, step));
    differences.fold((0.0, 0), |a, b| if a.0 >= b.0 { a } else { b })
}

#[test]
fn twenty_updates_of_each_loss_are_pytorchs() {
    for case in reference_json("gan_steps.json").as_array().unwrap() {
        let of = |name: &str| case[name].as_u64().unwrap() as usize;
        let loss = match case["loss"].as_str().unwrap() {
            "minmax" => Adversarial::MinMax,
            "ns" => Adversarial::Ns,
            "ls" => Adversarial::Ls,
            _ => Adversarial::Wgan,
        };
        let shape =
            Shape { size: of("size"), channels: of("channels"), width: of("width"), noise: of("noise") };
        for exact in [true, false] {
            let played = play(loss, of("seed") as u64, shape, of("batch"), 20, exact);
            for (side, ours) in [("d", &played.d), ("g", &played.g)] {
                let (difference, step) = largest_difference(ours, &case[side]);
                println!("{loss:?} {} exact {exact} {side}: {difference:.1e} at {step}", shape.size);
                assert!(
                    difference < 1e-4,
                    "{loss:?} at {} pixels, {side} at step {step}, exact {exact}: {difference:.1e} from PyTorch",
                    shape.size
                );
            }
        }
    }
}
