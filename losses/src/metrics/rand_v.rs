//! The foreground-restricted Rand score of segmentations.

use crate::catalogue::{Call, CallError, Measured, MetricEntry, TensorSpec};
use std::collections::HashMap;

/// How a segmentation splits and merges the true segments (Arganda-Carreras et al. 2015, "Crowdsourcing the creation
/// of image segmentation algorithms", section 3.2). 1 is perfect.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RandV {
    /// How probable it is that two pixels of one true segment are together in the prediction: low where
    /// segments were split.
    pub split: f64,
    /// How probable it is that two pixels of one predicted segment are together in truth: low where segments were
    /// merged.
    pub merge: f64,
    /// V^Rand: the weighted harmonic mean of the two with weight 1/2.
    pub score: f64,
}

/// Compares two label images over the pixels where `target` is not 0, the foreground.
///
/// Labels are arbitrary; pixels of one label are one segment, also the predicted pixels of label 0. Of masks, take the
/// labels from [`super::connected_components`]. Pairs of a pixel with itself count, as in the paper. An
/// empty foreground gives 1.
///
/// # Panics
/// If the lengths differ.
#[track_caller]
pub fn rand_v(pred: &[u32], target: &[u32]) -> RandV {
    assert_eq!(pred.len(), target.len(), "rand_v: label images of different sizes");
    let (mut joint, mut predicted, mut actual) = (HashMap::new(), HashMap::new(), HashMap::new());
    for (&p, &t) in pred.iter().zip(target).filter(|&(_, &t)| t != 0) {
        *joint.entry((p, t)).or_insert(0u64) += 1;
        *predicted.entry(p).or_insert(0u64) += 1;
        *actual.entry(t).or_insert(0u64) += 1;
    }
    if joint.is_empty() {
        return RandV { split: 1.0, merge: 1.0, score: 1.0 };
    }
    // Whole numbers, so that the order of the maps does not matter.
    let (joint, predicted, actual) = (squares(&joint), squares(&predicted), squares(&actual));
    RandV {
        split: joint as f64 / actual as f64,
        merge: joint as f64 / predicted as f64,
        score: 2.0 * joint as f64 / (predicted + actual) as f64,
    }
}

fn squares<Key>(counts: &HashMap<Key, u64>) -> u128 {
    counts.values().map(|&count| u128::from(count).pow(2)).sum()
}

/// The labels of a tensor of a call.
fn labels(call: &Call<'_>, name: &str) -> Result<Vec<u32>, CallError> {
    let of = |&label: &i64| {
        u32::try_from(label).map_err(|_| {
            CallError::tensor(name, format!("label {label} among others"), "labels from 0 to 4294967295")
        })
    };
    call.integers(name)?.iter().map(of).collect()
}

pub(crate) const ENTRY: MetricEntry = MetricEntry {
    name: "rand-v",
    about: "foreground-restricted Rand score of two label images; the foreground is where target is not 0",
    paper: "Arganda-Carreras et al. 2015, section 3.2",
    tensors: &[TensorSpec::integer("pred", "(...)"), TensorSpec::integer("target", "(...)")],
    options: &[],
    vgg: false,
    run: |call| {
        let found = rand_v(&labels(call, "pred")?, &labels(call, "target")?);
        Ok(Measured {
            value: found.score,
            values: vec![
                ("split", vec![found.split]),
                ("merge", vec![found.merge]),
                ("rand-v", vec![found.score]),
            ],
        })
    },
};
