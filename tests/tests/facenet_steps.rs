//! The facenet trainer's updates give PyTorch's losses, step for step, and its two passes the gradients of one.

use gobelin_autograd::ops::permute_tensor;
use gobelin_autograd::{Tape, Tensor, Var, ops};
use gobelin_facenet::embedder::{Net, Shape};
use gobelin_facenet::learner::{Learner, Method};
use gobelin_facenet::objective::{Kind, Mine, Objective};
use gobelin_losses::mining::{Fallback, Labels};
use gobelin_nets::{Kind as EntryKind, Module, Pass, parameters};
use gobelin_tests::{reference_json, uniform};
use serde_json::Value;

/// The weights of `set_weights` in the script.
fn set_weights(net: &dyn Module, seed: u64) {
    let entries = net.entries();
    for (number, (name, parameter)) in parameters(net).into_iter().enumerate() {
        let shape = parameter.shape();
        let numbers = uniform(seed + number as u64, shape.iter().product());
        let is_filter = entries.iter().any(|entry| entry.name == name && entry.kind == EntryKind::Filter);
        let scaled = |variance: f64, fan_in: usize| {
            move |v: f32| (f64::from(v) * (variance / fan_in as f64).sqrt()) as f32
        };
        let value = match shape[..] {
            [height, width, inner, outer] if is_filter => {
                let stored = Tensor::new(&[outer, inner, height, width], numbers);
                permute_tensor(&stored.map(scaled(6.0, inner * height * width)), &[2, 3, 1, 0])
            }
            [_, inputs] => Tensor::new(&shape, numbers).map(scaled(3.0, inputs)),
            _ if name.ends_with("weight") => Tensor::new(&shape, numbers).map(|v| 1.0 + 0.1 * v),
            _ => Tensor::zeros(&shape),
        };
        parameter.set(value);
    }
}

fn of(value: &Value, name: &str) -> usize {
    value[name].as_u64().unwrap() as usize
}

fn word<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap()
}

fn learner(sizes: &Value, method: Method, rate: f64, seed: u64, chunk: usize, exact: bool) -> Learner {
    let [width, dimensions, size] = ["width", "dimensions", "size"].map(|name| of(sizes, name));
    let shape = Shape { net: Net::Small, width, dimensions, size };
    let net = shape.build(&mut gobelin_autograd::random::generator(0, 0));
    set_weights(&*net, seed);
    Learner::new(net, method, rate, chunk, exact)
}

fn labels(sizes: &Value) -> Labels {
    let [people, faces] = ["people", "faces"].map(|name| of(sizes, name) as i64);
    Labels::new(&(0..people * faces).map(|face| face / faces).collect::<Vec<_>>(), 0)
}

fn pictures(sizes: &Value, seed: u64) -> Tensor {
    let size = of(sizes, "size");
    let shape = [labels(sizes).count(), size, size, 3];
    Tensor::new(&shape, uniform(seed, shape.iter().product()))
}

fn objective(sizes: &Value, mining: &str, squared: bool) -> Objective {
    let mine = match mining {
        "batch-hard" => Mine::BatchHard,
        "batch-all" => Mine::BatchAll,
        _ => Mine::SemiHard(Fallback::Skip),
    };
    Objective { kind: Kind::Triplet, mine, margin: sizes["margin"].as_f64().unwrap() as f32, squared }
}

#[test]
fn ten_updates_of_each_mining_are_pytorchs() {
    let sizes = reference_json("facenet_steps.json");
    let labels = labels(&sizes);
    for case in sizes["cases"].as_array().unwrap() {
        let objective = objective(&sizes, word(case, "mining"), case["squared"].as_bool().unwrap());
        let method = if word(case, "optimiser") == "adam" { Method::Adam } else { Method::AdaGrad };
        let (rate, seed) = (case["rate"].as_f64().unwrap(), of(case, "seed") as u64);
        let chunk = labels.count() / of(case, "chunks");
        for exact in [true, false] {
            let mut learner = learner(&sizes, method, rate, seed, chunk, exact);
            let mut worst = (0.0f64, 0);
            for (update, expected) in case["losses"].as_array().unwrap().iter().enumerate() {
                let pictures = pictures(&sizes, seed + 5000 + update as u64);
                let gradients =
                    learner.gradients(&learner.faces(pictures), &[], |_, e| objective.of(e, &labels).0);
                learner.descent.step(&gradients.net);
                let expected = expected.as_f64().unwrap();
                let difference = (f64::from(gradients.loss.item()) - expected).abs() / expected;
                worst = if difference > worst.0 { (difference, update) } else { worst };
            }
            let what =
                format!("{} {} chunk {chunk} exact {exact}", word(case, "mining"), word(case, "optimiser"));
            println!("{what}: {:.1e} at {}", worst.0, worst.1);
            assert!(worst.0 < 1e-4, "{what}: {:.1e} from PyTorch at update {}", worst.0, worst.1);
        }
    }
}

/// The largest difference of two sets of gradients, relative to the largest value of each tensor.
fn largest_difference(found: &[Tensor], expected: &[Tensor]) -> f32 {
    assert_eq!(found.len(), expected.len());
    let of_tensor = |(found, expected): (&Tensor, &Tensor)| {
        let largest = expected.data().iter().fold(0.0f32, |most, v| most.max(v.abs()));
        let differences = found.data().iter().zip(expected.data()).map(|(a, b)| (a - b).abs());
        differences.fold(0.0, f32::max) / largest.max(1e-6)
    };
    found.iter().zip(expected).map(of_tensor).fold(0.0, f32::max)
}

/// Two passes over chunks have the gradients of one tape over the same chunks, each with batch norms of its own.
#[test]
fn two_passes_have_the_gradients_of_one_tape() {
    let sizes = reference_json("facenet_steps.json");
    let (labels, seed) = (labels(&sizes), 7);
    let objective = objective(&sizes, "batch-all", true);
    let count = labels.count();
    let pictures = pictures(&sizes, seed);
    for chunk in [2, 5, 6] {
        let learner = learner(&sizes, Method::Adam, 1e-3, seed, chunk, true);
        let two = learner.gradients(&learner.faces(pictures.clone()), &[], |_, e| objective.of(e, &labels).0);

        let chunks = count.div_ceil(chunk);
        let tape = Tape::new();
        let parts: Vec<Var> = (0..chunks)
            .map(|first| {
                let rows: Vec<f32> = (first..count)
                    .step_by(chunks)
                    .flat_map(|row| pictures.data().chunks_exact(pictures.len() / count).nth(row).unwrap())
                    .copied()
                    .collect();
                let mut shape = pictures.shape().to_vec();
                shape[0] = (first..count).step_by(chunks).len();
                learner.net.forward(&Pass::training(&tape).exact(true), &Tensor::new(&shape, rows).into())
            })
            .collect();
        let places: Vec<usize> = (0..chunks).flat_map(|first| (first..count).step_by(chunks)).collect();
        let stacked = ops::concat(&parts.iter().collect::<Vec<_>>(), 0);
        // Row `places[i]` of the batch is row `i` of the parts.
        let mut order: Vec<u32> = (0..count as u32).collect();
        order.sort_by_key(|&i| places[i as usize]);
        let loss = objective.of(&ops::gather_rows(&stacked, &order), &labels).0;
        let weights: Vec<_> = parameters(&*learner.net).into_iter().map(|(_, weight)| weight).collect();
        let one = tape.parameter_gradients(&loss, &weights);

        let difference = largest_difference(&two.net, &one);
        println!("chunks of {chunk}: {difference:.1e}");
        assert!(loss.item() > 0.0 && (two.loss.item() - loss.item()).abs() < 1e-6 * loss.item());
        assert!(difference < 1e-5, "chunks of {chunk}: {difference:.1e} from one tape");
    }
}

/// A chunk as large as the batch is one pass; also the classifier's own gradients come out of both alike.
#[test]
fn parameters_of_the_objective_have_gradients_in_both() {
    let sizes = reference_json("facenet_steps.json");
    let pictures = pictures(&sizes, 9);
    let scale = gobelin_autograd::Parameter::new(Tensor::scalar(3.0));
    let of = |chunk: usize| {
        let learner = learner(&sizes, Method::Adam, 1e-3, 9, chunk, true);
        let loss = |tape: &Tape, e: &Var| ops::sum(&ops::mul(&ops::square(e), &tape.parameter(&scale)));
        learner.gradients(&learner.faces(pictures.clone()), std::slice::from_ref(&scale), loss)
    };
    // Embeddings have length 1, whatever the norms' statistics are.
    for chunk in [0, 12, 4] {
        let found = of(chunk);
        assert!(
            (found.loss.item() - 36.0).abs() < 1e-4 && (found.others[0].item() - 12.0).abs() < 1e-4,
            "{chunk}"
        );
    }
    assert_eq!(of(0).embeddings.data(), of(12).embeddings.data());
}
