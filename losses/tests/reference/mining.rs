//! The loss of every mining, and its gradient, against all N^3 triplets written out (tests/reference/embedding_losses.py, and a plain program here
//! for larger batches).

use crate::files::Reference;
use gobelin_autograd::Tensor;
use gobelin_losses::metrics::Vectors;
use gobelin_losses::mining::{
    Choice, Fallback, Labels, Mining, Reduce, Triplet, TripletBatch, chosen_triplets,
};
use serde_json::Value;

const DRAWN: Choice = Choice::DistanceWeighted { nearest: 0.5, farthest: 1.4 };

fn batch(case: &Value) -> TripletBatch {
    let option = |name: &str| case["options"][name].as_str();
    let fallback = match option("fallback") {
        Some("hardest") => Fallback::Hardest,
        Some("largest") => Fallback::Largest,
        _ => Fallback::Skip,
    };
    let reduce = if option("reduce") == Some("valid") { Reduce::Valid } else { Reduce::Active };
    let mining = match option("mining").unwrap() {
        "all" => Mining::All { reduce },
        "hard" => Mining::Chosen(Choice::Hard),
        "semi-hard" => Mining::Chosen(Choice::SemiHard { fallback }),
        "distance-weighted" => Mining::Chosen(DRAWN),
        other => panic!("unknown mining {other}"),
    };
    let margin = option("margin").map_or(0.2, |text| text.parse().unwrap());
    TripletBatch { mining, margin, squared: option("squared") != Some("false") }
}

#[test]
fn losses_and_gradients_are_those_of_the_reference() {
    let reference = Reference::open("losses");
    let cases: Vec<_> = reference.cases.iter().filter(|case| case["loss"] == "triplet-batch").collect();
    assert!(cases.len() > 50);
    for case in cases {
        let (stored, labels) = (
            reference.tensor("triplet-batch", case, "embeddings"),
            reference.tensor("triplet-batch", case, "labels").integers,
        );
        let embeddings = Vectors::new(&stored.floats, stored.shape[1]);
        let mined = batch(case).mine(embeddings, &Labels::new(&labels, 0));
        let expected = case["value"].as_f64().unwrap();
        assert!((mined.loss - expected).abs() <= 1e-4 * expected, "{case}: {} is not {expected}", mined.loss);
        let wanted = reference.gradient("triplet-batch", case, "embeddings");
        let largest = wanted.iter().fold(0.0f32, |most, x| most.max(x.abs()));
        for (found, expected) in mined.gradient(embeddings).iter().zip(&wanted) {
            assert!((found - expected).abs() <= 1e-3 * largest, "{case}: {found} is not {expected}");
        }
        assert!(mined.active <= mined.counted || matches!(batch(case).mining, Mining::All { .. }));
    }
}

/// Unit embeddings around one centre a label, from a linear congruential generator.
fn clusters(count: usize, dimensions: usize, identities: usize) -> (Vec<f32>, Vec<i64>) {
    let mut state = 11u64;
    let mut next = || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    };
    let centres: Vec<f32> = (0..identities * dimensions).map(|_| next()).collect();
    let (mut values, mut labels) = (Vec::new(), Vec::new());
    for i in 0..count {
        let label = i % identities;
        let centre = &centres[label * dimensions..(label + 1) * dimensions];
        let row: Vec<f32> = centre.iter().map(|c| c + 1.2 * next()).collect();
        let norm = row.iter().map(|x| x * x).sum::<f32>().sqrt();
        values.extend(row.iter().map(|x| x / norm));
        labels.push(label as i64);
    }
    (values, labels)
}

/// All triplets in double precision: the mean over the active ones.
fn all_active(values: &[f32], dimensions: usize, labels: &[i64], margin: f64) -> (f64, u64) {
    let rows: Vec<&[f32]> = values.chunks(dimensions).collect();
    let d = |i: usize, j: usize| -> f64 {
        rows[i].iter().zip(rows[j]).map(|(&x, &y)| (f64::from(x) - f64::from(y)).powi(2)).sum()
    };
    let (mut sum, mut active) = (0.0, 0);
    for a in 0..rows.len() {
        let distances: Vec<f64> = (0..rows.len()).map(|j| d(a, j)).collect();
        for p in (0..rows.len()).filter(|&p| p != a && labels[p] == labels[a]) {
            for n in (0..rows.len()).filter(|&n| labels[n] != labels[a]) {
                let loss = distances[p] - distances[n] + margin;
                sum += loss.max(0.0);
                active += u64::from(loss > 0.0);
            }
        }
    }
    (sum / active as f64, active)
}

#[test]
fn blocks_of_rows_join_into_all_triplets() {
    // 150 rows are two whole blocks and a part.
    let (values, labels) = clusters(150, 9, 7);
    let embeddings = Vectors::new(&values, 9);
    let all = TripletBatch { mining: Mining::All { reduce: Reduce::Active }, ..TripletBatch::default() };
    let mined = all.mine(embeddings, &Labels::new(&labels, 0));
    let (loss, active) = all_active(&values, 9, &labels, 0.2);
    assert!((mined.loss - loss).abs() < 1e-5 * loss, "{} is not {loss}", mined.loss);
    // A triplet on the very edge may fall to either side in single precision.
    assert!(mined.active.abs_diff(active) <= 2, "{} is not {active}", mined.active);
}

/// The mean loss of given triplets and its gradient, in double precision, triplet by triplet.
fn of_triplets(
    values: &[f32],
    dimensions: usize,
    triplets: &[Triplet],
    batch: TripletBatch,
) -> (f64, Vec<f64>) {
    let at = |place: u32, k: usize| f64::from(values[place as usize * dimensions + k]);
    let square = |x: u32, y: u32| (0..dimensions).map(|k| (at(x, k) - at(y, k)).powi(2)).sum::<f64>();
    let (mut loss, mut gradient) = (0.0, vec![0.0; values.len()]);
    for t in triplets {
        let (near, far) = (square(t.anchor, t.positive), square(t.anchor, t.negative));
        let length = |d: f64| if batch.squared { d } else { d.sqrt() };
        let value = length(near) - length(far) + f64::from(batch.margin);
        if value <= 0.0 {
            continue;
        }
        loss += value / triplets.len() as f64;
        for (other, d, sign) in [(t.positive, near, 1.0), (t.negative, far, -1.0)] {
            let slope = sign * if batch.squared { 2.0 } else { 1.0 / d.sqrt() } / triplets.len() as f64;
            for k in 0..dimensions {
                let part = slope * (at(t.anchor, k) - at(other, k));
                gradient[t.anchor as usize * dimensions + k] += part;
                gradient[other as usize * dimensions + k] -= part;
            }
        }
    }
    (loss, gradient)
}

#[test]
fn the_loss_is_that_of_the_chosen_triplets() {
    let (values, labels) = clusters(140, 5, 9);
    let embeddings = Vectors::new(&values, 5);
    for choice in [Choice::Hard, Choice::SemiHard { fallback: Fallback::Largest }, DRAWN] {
        for squared in [true, false] {
            let batch = TripletBatch { mining: Mining::Chosen(choice), margin: 0.3, squared };
            let mined = batch.mine(embeddings, &Labels::new(&labels, 0));
            let triplets = chosen_triplets(
                &Tensor::new(&[140, 5], &values),
                &Labels::new(&labels, 0),
                choice,
                0.3,
                squared,
            );
            let (loss, gradient) = of_triplets(&values, 5, &triplets, batch);
            assert_eq!(mined.counted, triplets.len() as u64);
            assert!((mined.loss - loss).abs() < 1e-5 * loss, "{batch:?}: {} is not {loss}", mined.loss);
            let largest = gradient.iter().fold(0.0f64, |most, x| most.max(x.abs()));
            for (found, expected) in mined.gradient(embeddings).iter().zip(&gradient) {
                assert!(
                    (f64::from(*found) - expected).abs() < 1e-5 * largest,
                    "{batch:?}: {found} is not {expected}"
                );
            }
        }
    }
}

fn minings() -> [Mining; 4] {
    [
        Mining::All { reduce: Reduce::Valid },
        Mining::Chosen(Choice::Hard),
        Mining::Chosen(Choice::SemiHard { fallback: Fallback::Largest }),
        Mining::Chosen(DRAWN),
    ]
}

#[test]
fn the_number_of_threads_changes_no_bit() {
    let (values, labels) = clusters(200, 16, 12);
    for mining in minings() {
        let run = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                let mined = TripletBatch { mining, ..TripletBatch::default() }
                    .mine(Vectors::new(&values, 16), &Labels::new(&labels, 0));
                let gradient = mined.gradient(Vectors::new(&values, 16));
                (mined.loss.to_bits(), gradient.iter().map(|x| x.to_bits()).collect::<Vec<_>>())
            })
        };
        assert_eq!(run(1), run(3), "{mining:?}");
    }
}

#[test]
fn chosen_triplets_are_valid_and_the_seed_draws_others() {
    let (values, labels) = clusters(130, 8, 10);
    let embeddings = Tensor::new(&[130, 8], &values);
    let by_seed = |choice, seed| chosen_triplets(&embeddings, &Labels::new(&labels, seed), choice, 0.2, true);
    let choose = |choice| by_seed(choice, 0);
    let drawn = |seed| by_seed(DRAWN, seed);
    for choice in [Choice::Hard, Choice::SemiHard { fallback: Fallback::Hardest }, DRAWN] {
        let triplets = choose(choice);
        assert!(!triplets.is_empty());
        for t in &triplets {
            let label = |place: u32| labels[place as usize];
            assert!(t.anchor != t.positive && label(t.anchor) == label(t.positive), "{t:?}");
            assert!(label(t.anchor) != label(t.negative), "{t:?}");
        }
    }
    assert_eq!(choose(Choice::Hard).len(), 130);
    assert_eq!(drawn(1), drawn(1));
    assert_ne!(drawn(1), drawn(2));
}

#[test]
fn nothing_valid_is_zero_and_nan_is_nan() {
    // Numbers that rounding would not leave at 0 by itself.
    let (point, of_three) = ([0.1f32, 0.7, -0.3].repeat(30), (0..30).map(|i| i % 3).collect::<Vec<i64>>());
    for mining in minings() {
        let batch = TripletBatch { mining, ..TripletBatch::default() };
        for labels in [[3, 3, 3, 3], [1, 2, 3, 4]] {
            let mined = batch.mine(Vectors::new(&[0.1, 0.9, 0.3, 0.2], 1), &Labels::new(&labels, 0));
            assert_eq!((mined.loss, mined.counted, mined.active), (0.0, 0, 0), "{mining:?}");
            assert_eq!(mined.gradient(Vectors::new(&[0.1, 0.9, 0.3, 0.2], 1)), [0.0; 4]);
        }
        let collapsed = batch.mine(Vectors::new(&point, 3), &Labels::new(&of_three, 0));
        assert!(collapsed.gradient(Vectors::new(&point, 3)).iter().all(|&x| x == 0.0), "{mining:?}");
        let spoiled = [0.1, f32::NAN, 0.3, 0.2];
        let mined = batch.mine(Vectors::new(&spoiled, 1), &Labels::new(&[0, 0, 1, 1], 0));
        assert!(mined.loss.is_nan() && mined.gradient(Vectors::new(&spoiled, 1))[0].is_nan(), "{mining:?}");
        let empty = batch.mine(Vectors::new(&[], 4), &Labels::new(&[], 0));
        assert_eq!((empty.loss, empty.gradient(Vectors::new(&[], 4)).len()), (0.0, 0));
    }
}
