//! Intersection over union and the Dice coefficient.

use crate::catalogue::{Call, CallError, Measured, MetricEntry, OptionKind, OptionSpec, TensorSpec};
use crate::classes::IGNORE_INDEX;

/// How the pixels of one class in a prediction and in the truth overlap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Overlap {
    /// Pixels that are of the class in both.
    pub intersection: u64,
    /// Pixels that the prediction gives to the class.
    pub predicted: u64,
    /// Pixels that are of the class in truth.
    pub actual: u64,
}

impl Overlap {
    /// Intersection over union (Jaccard 1912), in \[0, 1\]; 1 where the class is in neither.
    pub fn iou(self) -> f64 {
        let union = self.predicted + self.actual - self.intersection;
        if union == 0 { 1.0 } else { self.intersection as f64 / union as f64 }
    }

    /// Twice the intersection over the sum of both sizes (Dice 1945), in \[0, 1\]; 1 where the class is in neither.
    pub fn dice(self) -> f64 {
        let sum = self.predicted + self.actual;
        if sum == 0 { 1.0 } else { 2.0 * self.intersection as f64 / sum as f64 }
    }

    fn is_absent(self) -> bool {
        self.predicted + self.actual == 0
    }
}

/// The overlap of two masks.
///
/// # Panics
/// If the lengths differ.
#[track_caller]
pub fn mask_overlap(pred: &[bool], target: &[bool]) -> Overlap {
    assert_eq!(pred.len(), target.len(), "mask_overlap: masks of different sizes");
    let mut overlap = Overlap::default();
    for (&p, &t) in pred.iter().zip(target) {
        overlap.intersection += u64::from(p && t);
        overlap.predicted += u64::from(p);
        overlap.actual += u64::from(t);
    }
    overlap
}

/// The overlap of every class in 0..`classes`. Pixels whose truth is `ignore` do not count.
///
/// # Panics
/// If the lengths differ, or a class is out of range.
#[track_caller]
pub fn class_overlaps(pred: &[i64], target: &[i64], classes: usize, ignore: Option<i64>) -> Vec<Overlap> {
    assert_eq!(pred.len(), target.len(), "class_overlaps: class maps of different sizes");
    let mut overlaps = vec![Overlap::default(); classes];
    for (&p, &t) in pred.iter().zip(target) {
        if Some(t) == ignore {
            continue;
        }
        for class in [p, t] {
            assert!(
                (0..classes as i64).contains(&class),
                "class_overlaps: class {class} is not in 0..{classes}"
            );
        }
        overlaps[p as usize].predicted += 1;
        overlaps[t as usize].actual += 1;
        overlaps[t as usize].intersection += u64::from(p == t);
    }
    overlaps
}

/// The mean of `measure` ([`Overlap::iou`] or [`Overlap::dice`]) over the classes that are in the prediction or the
/// truth; 1 where none is.
pub fn mean_over_classes(overlaps: &[Overlap], measure: impl Fn(Overlap) -> f64) -> f64 {
    let present: Vec<f64> = overlaps.iter().filter(|o| !o.is_absent()).map(|&o| measure(o)).collect();
    if present.is_empty() { 1.0 } else { present.iter().sum::<f64>() / present.len() as f64 }
}

/// `pred` and `target` as masks, or as classes.
const TENSORS: &[TensorSpec] =
    &[TensorSpec::integer("pred", "(...)"), TensorSpec::integer("target", "(...)")];

const OPTIONS: &[OptionSpec] = &[
    OptionSpec {
        name: "classes",
        kind: OptionKind::Integer { at_least: 0, at_most: 1 << 20 },
        default: "0",
        help: "the number of classes; 0: masks, where everything but 0 is set",
    },
    IGNORE_INDEX,
];

/// The mean of a measure over classes, or that of two masks.
fn measure(call: &Call<'_>, name: &'static str, of: fn(Overlap) -> f64) -> Result<Measured, CallError> {
    let (pred, target) = (call.integers("pred")?, call.integers("target")?);
    let (classes, ignored) = (call.integer("classes"), call.integer("ignore-index"));
    if classes == 0 {
        return Ok(Measured::one(name, of(mask_overlap(&call.set("pred")?, &call.set("target")?))));
    }
    let known = |class: i64| (0..classes).contains(&class);
    for (tensor, values) in [("pred", pred), ("target", target)] {
        let beyond = values.iter().zip(target).find(|&(&class, &truth)| truth != ignored && !known(class));
        if let Some((class, _)) = beyond {
            let expected = format!("classes from 0 to {}", classes - 1);
            return Err(CallError::tensor(tensor, format!("class {class} among others"), expected));
        }
    }
    let overlaps = class_overlaps(pred, target, classes as usize, Some(ignored));
    Ok(Measured::one(name, mean_over_classes(&overlaps, of)))
}

pub(crate) const IOU: MetricEntry = MetricEntry {
    name: "iou",
    about: "intersection over union of two masks, or its mean over the classes that appear",
    paper: "as scikit-learn",
    tensors: TENSORS,
    options: OPTIONS,
    vgg: false,
    run: |call| measure(call, "iou", Overlap::iou),
};

pub(crate) const DICE: MetricEntry = MetricEntry {
    name: "dice",
    about: "Dice coefficient 2 I / (P + T) of two masks, or its mean over the classes that appear",
    paper: "as scikit-learn",
    tensors: TENSORS,
    options: OPTIONS,
    vgg: false,
    run: |call| measure(call, "dice", Overlap::dice),
};
