use gobelin_kernels::cuda::DeviceBuffer;
use gobelin_kernels::cuda::mining::{Draw, Fallback, NONE, distance_weighted, hard, semi_hard};
use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};

use crate::case::{Case, numbers, put};

const MARGIN: f32 = 0.4;

/// Distances of a few kinds, so that many are equal.
pub(super) fn distances(count: usize) -> Vec<f32> {
    numbers(count * count, 1).iter().map(|x| (8.0 * x).round().abs() / 4.0).collect()
}

/// The first has a label of its own: no positive.
pub(super) fn labels(count: usize) -> Vec<f32> {
    (0..count).map(|i| if i == 0 { 99.0 } else { (i % 4) as f32 }).collect()
}

/// The place of the least (or greatest) of some distances, the first of equal ones.
fn best(row: &[f32], sign: f32, counts: impl Fn(usize) -> bool) -> f32 {
    let better = |best: usize, i: usize| if sign * row[i] > sign * row[best] { i } else { best };
    (0..row.len()).filter(|&i| counts(i)).reduce(better).map_or(NONE, |place| place as f32)
}

pub fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for count in [1, 6, 37, 300] {
        cases.push(Case::new(
            format!("hard triplets of {count}"),
            0.0,
            move || {
                let (distances, labels) = (distances(count), labels(count));
                let row = |a: usize| &distances[a * count..][..count];
                let positive = |a: usize| best(row(a), 1.0, |i| labels[i] == labels[a] && i != a);
                let negative = |a: usize| best(row(a), -1.0, |i| labels[i] != labels[a]);
                (0..count).map(positive).chain((0..count).map(negative)).collect()
            },
            move |device| {
                let labels = put(device, &labels(count))?;
                let [mut positives, mut negatives] =
                    [DeviceBuffer::new(device, count)?, DeviceBuffer::new(device, count)?];
                hard(&put(device, &distances(count))?, &labels, &mut positives, &mut negatives)?;
                Ok([positives.to_vec()?, negatives.to_vec()?].concat())
            },
        ));
    }
    for (count, fallback) in [1, 37].into_iter().flat_map(|count| {
        [Fallback::Skip, Fallback::Hardest, Fallback::Largest].map(|fallback| (count, fallback))
    }) {
        cases.push(Case::new(
            format!("semi-hard triplets of {count}, {fallback:?}"),
            0.0,
            move || {
                let (distances, labels) = (distances(count), labels(count));
                let choose = |(a, p): (usize, usize)| {
                    let row = &distances[a * count..][..count];
                    if labels[a] != labels[p] || a == p {
                        return NONE;
                    }
                    let is_negative = |i: usize| labels[i] != labels[a];
                    let band =
                        best(row, -1.0, |i| is_negative(i) && row[i] > row[p] && row[i] < row[p] + MARGIN);
                    match fallback {
                        Fallback::Hardest if band == NONE => best(row, -1.0, is_negative),
                        Fallback::Largest if band == NONE => best(row, 1.0, is_negative),
                        _ => band,
                    }
                };
                let pairs = (0..count).flat_map(|a| (0..count).map(move |p| (a, p)));
                pairs.map(choose).collect()
            },
            move |device| {
                let labels = put(device, &labels(count))?;
                let mut negatives = DeviceBuffer::new(device, count * count)?;
                semi_hard(&put(device, &distances(count))?, &labels, MARGIN, fallback, &mut negatives)?;
                negatives.to_vec()
            },
        ));
    }
    // People side by side and one after the other; the last draws nothing for most anchors, as nearly all are too far.
    let side_by_side = |count: usize| (0..count).map(|i| (i / 70) as f32).collect();
    let batches: [(usize, Labels, bool, f32); 6] = [
        (1, labels, true, 1.4),
        (6, labels, false, 1.4),
        (300, labels, true, 1.4),
        (300, side_by_side, true, 1.4),
        (300, side_by_side, false, 1.4),
        (300, labels, false, 0.01),
    ];
    for (case, (count, of, squared, farthest)) in batches.into_iter().enumerate() {
        let draw = Draw { dimensions: 128, squared, nearest: 0.5, farthest };
        cases.push(Case::new(
            format!("negatives {case} of {count} by {draw:?}"),
            0.0,
            move || drawn(&of(count), draw),
            move |device| {
                let labels = put(device, &of(count))?;
                let key = put(device, &key())?;
                let mut negatives = DeviceBuffer::new(device, count * count)?;
                distance_weighted(&put(device, &spread(count))?, &labels, draw, &key, &mut negatives)?;
                negatives.to_vec()
            },
        ));
    }
    cases
}

pub(super) type Labels = fn(usize) -> Vec<f32>;

/// Distances of unit embeddings, from 0 to 2.
fn spread(count: usize) -> Vec<f32> {
    numbers(count * count, 5).iter().map(|x| 1.0 + x).collect()
}

const SEED: u64 = 11;

fn key() -> [f32; 16] {
    let seed = ChaCha8Rng::seed_from_u64(SEED).get_seed();
    std::array::from_fn(|i| f32::from(u16::from_le_bytes([seed[2 * i], seed[2 * i + 1]])))
}

/// As the losses' miner draws.
fn drawn(labels: &[f32], draw: Draw) -> Vec<f32> {
    let count = labels.len();
    let distances = spread(count);
    let mut out = vec![NONE; count * count];
    for (a, row) in distances.chunks_exact(count).enumerate() {
        let n = draw.dimensions as f64;
        let logarithm = |d: f32| {
            let d = f64::from(d.max(draw.nearest));
            -((n - 2.0) * d.ln() + (n - 3.0) / 2.0 * (1.0 - d * d / 4.0).max(1e-8).ln())
        };
        let plain = |d: f32| if draw.squared { d.sqrt() } else { d };
        let near: Vec<usize> =
            (0..count).filter(|&i| labels[i] != labels[a] && plain(row[i]) < draw.farthest).collect();
        let logarithms: Vec<f64> = near.iter().map(|&i| logarithm(plain(row[i]))).collect();
        let most = logarithms.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let weights = logarithms.iter().map(|logarithm| (logarithm - most).exp());
        let sums: Vec<f64> = weights.scan(0.0, |sum, weight| (*sum += weight, Some(*sum)).1).collect();
        let Some(total) = sums.last() else { continue };
        let mut random = ChaCha8Rng::seed_from_u64(SEED);
        random.set_stream(a as u64);
        for p in (0..count).filter(|&i| labels[i] == labels[a] && i != a) {
            let drawn = random.random::<f64>() * total;
            let at = sums.partition_point(|&upper| upper <= drawn).min(near.len() - 1);
            out[a * count + p] = near[at] as f32;
        }
    }
    out
}
