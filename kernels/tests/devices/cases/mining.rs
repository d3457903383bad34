use gobelin_kernels::cuda::DeviceBuffer;
use gobelin_kernels::cuda::mining::{Fallback, NONE, hard, semi_hard};

use crate::case::{Case, numbers, put};

const MARGIN: f32 = 0.4;

/// Distances of a few kinds, so that many are equal.
fn distances(count: usize) -> Vec<f32> {
    numbers(count * count, 1).iter().map(|x| (8.0 * x).round().abs() / 4.0).collect()
}

/// The first has a label of its own: no positive.
fn labels(count: usize) -> Vec<u32> {
    (0..count as u32).map(|i| if i == 0 { 99 } else { i % 4 }).collect()
}

/// The place of the least (or greatest) of some distances, the first of equal ones.
fn best(row: &[f32], sign: f32, counts: impl Fn(usize) -> bool) -> u32 {
    let better = |best: usize, i: usize| if sign * row[i] > sign * row[best] { i } else { best };
    (0..row.len()).filter(|&i| counts(i)).reduce(better).map_or(NONE, |place| place as u32)
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
                (0..count).map(positive).chain((0..count).map(negative)).map(|place| place as f32).collect()
            },
            move |device| {
                let labels = DeviceBuffer::from_slice(device, &labels(count))?;
                let [mut positives, mut negatives] =
                    [DeviceBuffer::new(device, count)?, DeviceBuffer::new(device, count)?];
                hard(&put(device, &distances(count))?, &labels, &mut positives, &mut negatives)?;
                let all = [positives.to_vec()?, negatives.to_vec()?].concat();
                Ok(all.into_iter().map(|place: u32| place as f32).collect())
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
                pairs.map(choose).map(|place| place as f32).collect()
            },
            move |device| {
                let labels = DeviceBuffer::from_slice(device, &labels(count))?;
                let mut negatives = DeviceBuffer::new(device, count * count)?;
                semi_hard(&put(device, &distances(count))?, &labels, MARGIN, fallback, &mut negatives)?;
                Ok(negatives.to_vec()?.into_iter().map(|place: u32| place as f32).collect())
            },
        ));
    }
    cases
}
