use gobelin_kernels::cuda::mining::{self, Fallback, NONE};
use gobelin_kernels::cuda::triplets::{self, Batch, Chosen, Mined, Over};
use gobelin_kernels::cuda::{DeviceBuffer, Result};

use super::mining::{Labels, labels};
use crate::case::{Case, numbers, put};

const MARGIN: f32 = 0.25;

/// Distances of a few kinds, so that many are equal; each embedding is 0 from itself.
fn distances(count: usize) -> Vec<f32> {
    let mut all = super::mining::distances(count);
    (0..count).for_each(|i| all[i * count + i] = 0.0);
    all
}

/// Nearly all of one person, whose positives do not fit one list.
fn one_person(count: usize) -> Vec<f32> {
    (0..count).map(|i| f32::from(i % 40 == 7)).collect()
}

/// The loss, the counts and the weights of triplets, added up one by one.
fn expected(distances: &[f32], count: usize, squared: bool, over: Over, all: &[[usize; 3]]) -> Vec<f32> {
    let mut weights = vec![0.0f32; count * count];
    let (mut loss, mut active) = (0.0, 0);
    for &[a, p, n] in all {
        let [near, far] = [p, n].map(|i| distances[a * count + i]);
        let own = f64::from(near) - f64::from(far) + f64::from(MARGIN);
        if own > 0.0 {
            loss += own;
            active += 1;
            weights[a * count + p] += 1.0;
            weights[a * count + n] -= 1.0;
        }
    }
    let counted = if over == Over::Active { active } else { all.len() } as u64;
    let scale = 1.0 / counted.max(1) as f64;
    for (weight, &d) in weights.iter_mut().zip(distances) {
        if !squared {
            *weight = if d > 0.0 { *weight / (2.0 * d) } else { 0.0 };
        }
        *weight *= scale as f32;
    }
    side_by_side((loss * scale) as f32, [counted, active as u64], weights)
}

/// All results in one unit: counts to the last digit, weights as they are before the mean.
fn side_by_side(loss: f32, counts: [u64; 2], weights: Vec<f32>) -> Vec<f32> {
    let digits = counts.into_iter().flat_map(|count| [(count % 1000) as f32, (count / 1000) as f32]);
    let weights = weights.into_iter().map(|weight| weight * counts[0].max(1) as f32);
    [1000.0 * loss].into_iter().chain(digits).chain(weights).collect()
}

fn found(mined: &Mined) -> Result<Vec<f32>> {
    let [loss, counted, active] = [&mined.loss, &mined.counted, &mined.active].map(DeviceBuffer::to_vec);
    Ok(side_by_side(loss?[0], [counted?[0] as u64, active?[0] as u64], mined.weights.to_vec()?))
}

/// Every triplet of an anchor, a positive and a negative.
fn every(labels: &[f32]) -> Vec<[usize; 3]> {
    let places = 0..labels.len();
    let mut all = Vec::new();
    for a in places.clone() {
        for p in places.clone().filter(|&p| p != a && labels[p] == labels[a]) {
            all.extend(places.clone().filter(|&n| labels[n] != labels[a]).map(|n| [a, p, n]));
        }
    }
    all
}

pub fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    let batches: [(usize, Labels); 5] =
        [(0, labels), (1, labels), (6, labels), (37, labels), (300, one_person)];
    for ((count, of), over, squared) in
        batches.into_iter().flat_map(|batch| [(batch, Over::Active, true), (batch, Over::Valid, false)])
    {
        cases.push(Case::new(
            format!("every triplet of {count}, mean over {over:?}, squared {squared}"),
            1e-6,
            move || expected(&distances(count), count, squared, over, &every(&of(count))),
            move |device| {
                let distances = put(device, &distances(count))?;
                let labels = DeviceBuffer::from_slice(device, &of(count))?;
                found(&triplets::all(
                    Batch { distances: &distances, squared, margin: MARGIN },
                    &labels,
                    over,
                )?)
            },
        ));
    }
    for (count, squared) in [(0, true), (1, true), (37, true), (37, false)] {
        cases.push(Case::new(
            format!("loss of the hard triplets of {count}, squared {squared}"),
            1e-6,
            move || {
                let (distances, labels) = (distances(count), labels(count));
                let best = |a: usize, own: bool, sign: f32| {
                    let row = &distances[a * count..][..count];
                    let counts = |&i: &usize| (labels[i] == labels[a]) == own && i != a;
                    let better = |x: usize, y: usize| if sign * row[y] > sign * row[x] { y } else { x };
                    (0..count).filter(counts).reduce(better)
                };
                let triplet = |a| Some([a, best(a, true, 1.0)?, best(a, false, -1.0)?]);
                let all: Vec<[usize; 3]> = (0..count).filter_map(triplet).collect();
                expected(&distances, count, squared, Over::Valid, &all)
            },
            move |device| {
                let labels = DeviceBuffer::from_slice(device, &labels(count))?;
                let distances = put(device, &distances(count))?;
                let [mut positives, mut negatives] =
                    [DeviceBuffer::new(device, count)?, DeviceBuffer::new(device, count)?];
                mining::hard(&distances, &labels, &mut positives, &mut negatives)?;
                let chosen = Chosen::Anchors { positives: &positives, negatives: &negatives };
                let batch = Batch { distances: &distances, squared, margin: MARGIN };
                found(&triplets::chosen(batch, count, chosen)?)
            },
        ));
    }
    // Pairs with any negative, so that one serves many; more than one list of them.
    for (count, squared) in [(37, true), (300, false)] {
        let of = if count == 37 { labels } else { one_person };
        let pairs = move || -> Vec<f32> {
            let labels = of(count);
            let chance = numbers(count * count, 9);
            let pair = |at: usize| {
                let (a, p) = (at / count, at % count);
                let is_pair = a != p && labels[a] == labels[p] && chance[at] > -0.9;
                let next = (0..count).map(|i| (i + 3 * p) % count).find(|&n| labels[n] != labels[a]);
                if is_pair { next.map_or(NONE, |n| n as f32) } else { NONE }
            };
            (0..count * count).map(pair).collect()
        };
        cases.push(Case::new(
            format!("loss of chosen pairs of {count}, squared {squared}"),
            1e-6,
            move || {
                let chosen = pairs();
                let all: Vec<[usize; 3]> = (0..count * count)
                    .filter(|&at| chosen[at] != NONE)
                    .map(|at| [at / count, at % count, chosen[at] as usize])
                    .collect();
                expected(&distances(count), count, squared, Over::Valid, &all)
            },
            move |device| {
                let distances = put(device, &distances(count))?;
                let negatives = DeviceBuffer::from_slice(device, &pairs())?;
                let batch = Batch { distances: &distances, squared, margin: MARGIN };
                found(&triplets::chosen(batch, count, Chosen::Pairs(&negatives))?)
            },
        ));
    }
    // An embedding that is not finite.
    let count = 5;
    let labels = [0.0, 0.0, 1.0, 1.0, 1.0];
    cases.push(Case::new(
        "triplets of an embedding that is NaN",
        0.0,
        move || [f32::NAN, 0.0, 0.0, 0.0, 0.0].into_iter().chain(vec![f32::NAN; count * count]).collect(),
        move |device| {
            let mut values = distances(count);
            for i in 0..count {
                (values[2 * count + i], values[i * count + 2]) = (f32::NAN, f32::NAN);
            }
            let distances = put(device, &values)?;
            let batch = Batch { distances: &distances, squared: true, margin: MARGIN };
            let labels = DeviceBuffer::from_slice(device, &labels)?;
            let mut negatives = DeviceBuffer::new(device, count * count)?;
            mining::semi_hard(&distances, &labels, MARGIN, Fallback::Skip, &mut negatives)?;
            let chosen = found(&triplets::chosen(batch, count, Chosen::Pairs(&negatives))?)?;
            let all = found(&triplets::all(batch, &labels, Over::Active)?)?;
            assert!(chosen.iter().zip(&all).all(|(a, b)| a.to_bits() == b.to_bits()));
            Ok(all)
        },
    ));
    cases
}
