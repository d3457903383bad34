//! Are these two faces one person? Scores of pairs by their distance.
//!
//! Every function takes the distance of each pair (any that grows with unlikeness: squared or not) and whether the pair is of one identity. A
//! distance that is NaN makes the score NaN.

use crate::catalogue::{CallError, Domain, Measured, MetricEntry, OptionKind, OptionSpec, TensorSpec};

/// The accuracy of each of `folds` folds, each at the threshold that is best for the other folds: the protocol of
/// LFW (Huang et al. 2007) with 10 folds, whose mean is what papers report.
///
/// Folds are runs of consecutive pairs, the first ones longer by a pair where the number does not divide. A pair is called the same where
/// its distance is below the threshold; thresholds lie midway between neighbouring distances, and of equally good ones the lowest is
/// taken.
///
/// # Panics
/// If the lengths differ, or there are fewer than two folds or fewer pairs than folds.
#[track_caller]
pub fn verification_accuracy(distances: &[f32], same: &[bool], folds: usize) -> Vec<f64> {
    assert_eq!(distances.len(), same.len(), "verification_accuracy: each pair has a distance and a label");
    let count = distances.len();
    assert!(folds >= 2 && folds <= count, "verification_accuracy: {count} pairs in {folds} folds");
    if distances.iter().any(|d| d.is_nan()) {
        return vec![f64::NAN; folds];
    }
    let order = ascending(distances);
    let mut start = 0;
    let mut accuracies = Vec::with_capacity(folds);
    for fold in 0..folds {
        let held_out = start..start + count / folds + usize::from(fold < count % folds);
        let others: Vec<_> = order.iter().copied().filter(|i| !held_out.contains(i)).collect();
        let threshold = best_threshold(&others, distances, same);
        let right = held_out.clone().filter(|&i| (f64::from(distances[i]) < threshold) == same[i]).count();
        accuracies.push(right as f64 / held_out.len() as f64);
        start = held_out.end;
    }
    accuracies
}

/// The validation rate at a false accept rate (Schroff et al. 2015, section 4): the share of same pairs accepted at
/// the largest threshold that accepts at most the share `far` of the different ones. 1e-3 in the paper.
///
/// With no different pair every pair is accepted; with no same pair the rate is 0.
///
/// # Panics
/// If the lengths differ.
#[track_caller]
pub fn val_at_far(distances: &[f32], same: &[bool], far: f64) -> f64 {
    let (near, mut different) = by_identity(distances, same);
    if distances.iter().any(|d| d.is_nan()) {
        return f64::NAN;
    }
    if near.is_empty() {
        return 0.0;
    }
    different.sort_unstable_by(f32::total_cmp);
    // One more would be too many: only what lies below it is accepted.
    let limit = different.get((far * different.len() as f64) as usize);
    let accepted = near.iter().filter(|&&d| limit.is_none_or(|&limit| d < limit)).count();
    accepted as f64 / near.len() as f64
}

/// The area under the ROC curve: how probable it is that a same pair is nearer than a different one, ties counting
/// half. 1/2 where one kind of pair is missing.
///
/// # Panics
/// If the lengths differ.
#[track_caller]
pub fn auc(distances: &[f32], same: &[bool]) -> f64 {
    let (near, different) = by_identity(distances, same);
    if distances.iter().any(|d| d.is_nan()) {
        return f64::NAN;
    }
    if near.is_empty() || different.is_empty() {
        return 0.5;
    }
    // The sum of the ranks of the same pairs, ties sharing theirs (Mann and Whitney 1947), doubled to stay whole.
    let order = ascending(distances);
    let (mut doubled_ranks, mut start) = (0u128, 0);
    for group in order.chunk_by(|&i, &j| distances[i] == distances[j]) {
        let end = start + group.len();
        let members = group.iter().filter(|&&i| same[i]).count();
        doubled_ranks += (members * (start + end + 1)) as u128;
        start = end;
    }
    let (n, m) = (near.len() as f64, different.len() as f64);
    let farther = doubled_ranks as f64 / 2.0 - n * (n + 1.0) / 2.0;
    1.0 - farther / (n * m)
}

/// The places of the pairs from the nearest to the farthest.
fn ascending(distances: &[f32]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..distances.len()).collect();
    order.sort_by(|&i, &j| distances[i].total_cmp(&distances[j]));
    order
}

/// The distances of the same pairs, and those of the different ones.
#[track_caller]
fn by_identity(distances: &[f32], same: &[bool]) -> (Vec<f32>, Vec<f32>) {
    assert_eq!(distances.len(), same.len(), "each pair has a distance and a label");
    let only =
        |kind: bool| distances.iter().zip(same).filter(|&(_, &s)| s == kind).map(|(&d, _)| d).collect();
    (only(true), only(false))
}

/// The threshold with the most right answers over the pairs in `order`, ascending.
fn best_threshold(order: &[usize], distances: &[f32], same: &[bool]) -> f64 {
    // Nothing accepted: right for the different pairs.
    let mut right = order.iter().filter(|&&i| !same[i]).count() as i64;
    let (mut best, mut threshold) = (right, f64::NEG_INFINITY);
    for (place, &i) in order.iter().enumerate() {
        right += if same[i] { 1 } else { -1 };
        let here = f64::from(distances[i]);
        let next = order.get(place + 1).map_or(f64::INFINITY, |&j| f64::from(distances[j]));
        // Equal distances are accepted together.
        if right > best && next > here {
            (best, threshold) = (right, f64::midpoint(here, next));
        }
    }
    threshold
}

const TENSORS: &[TensorSpec] = &[TensorSpec::float("distances", "(P)"), TensorSpec::integer("same", "(P)")];

pub(crate) const ACCURACY: MetricEntry = MetricEntry {
    name: "verification-accuracy",
    about: "accuracy over folds of pairs, each at the threshold that is best for the others",
    paper: "Huang et al. 2007",
    tensors: TENSORS,
    options: &[OptionSpec {
        name: "folds",
        kind: OptionKind::Integer { at_least: 2, at_most: i64::MAX },
        default: "10",
        help: "how many folds",
    }],
    vgg: false,
    run: |call| {
        let (distances, same, folds) = (call.var("distances"), call.set("same")?, call.integer("folds"));
        if (same.len() as i64) < folds {
            let found = format!("F32 [{}]", same.len());
            return Err(CallError::tensor(
                "distances",
                found,
                format!("at least a pair for each of {folds} folds"),
            ));
        }
        let accuracies = verification_accuracy(distances.tensor().data(), &same, folds as usize);
        Ok(Measured::mean("folds", accuracies))
    },
};

pub(crate) const VAL: MetricEntry = MetricEntry {
    name: "val-at-far",
    about: "the share of same pairs accepted where at most the share `far` of different ones is",
    paper: "Schroff et al. 2015, section 4",
    tensors: TENSORS,
    options: &[OptionSpec {
        name: "far",
        kind: OptionKind::Number(Domain::Share),
        default: "0.001",
        help: "the false accept rate",
    }],
    vgg: false,
    run: |call| {
        let (distances, same) = (call.var("distances"), call.set("same")?);
        Ok(Measured::one("val", val_at_far(distances.tensor().data(), &same, f64::from(call.number("far")))))
    },
};

pub(crate) const AUC: MetricEntry = MetricEntry {
    name: "auc",
    about: "area under the ROC curve: how probably a same pair is nearer than a different one",
    paper: "as scikit-learn",
    tensors: TENSORS,
    options: &[],
    vgg: false,
    run: |call| Ok(Measured::one("auc", auc(call.var("distances").tensor().data(), &call.set("same")?))),
};
