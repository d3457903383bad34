//! How good masks are, on pictures never trained on.

use std::sync::Arc;

use gobelin_datasets::{DataError, Dataset, Picture, held_out_samples};
use gobelin_losses::metrics::{betti_numbers, mask_overlap, rand_v, tolerant_quality};

use crate::objective::Objects;

/// How far a pixel may be from its match in completeness, correctness and quality.
const TOLERANCE: f64 = 2.0;

/// Metrics of masks, each the mean over pictures.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Scores([f64; NAMES.len()]);

/// The metrics' names, and whether more is better.
const NAMES: [(&str, bool); 8] = [
    ("iou", true),
    ("dice", true),
    ("completeness", true),
    ("correctness", true),
    ("quality", true),
    ("rand-v", true),
    ("betti-0-error", false),
    ("betti-1-error", false),
];

impl Scores {
    /// The scores of one mask.
    pub fn of(found: &[bool], truth: &[bool], width: usize, objects: Objects) -> Self {
        let overlap = mask_overlap(found, truth);
        let lines = tolerant_quality(found, truth, width, TOLERANCE);
        let rand = rand_v(&objects.labels(found, width), &objects.labels(truth, width));
        let (pieces, holes) = betti_numbers(found, width).errors(betti_numbers(truth, width));
        Self([
            overlap.iou(),
            overlap.dice(),
            lines.completeness,
            lines.correctness,
            lines.quality,
            rand.score,
            f64::from(pieces),
            f64::from(holes),
        ])
    }

    /// All metrics by name.
    pub fn named(&self) -> impl Iterator<Item = (&'static str, f64)> {
        NAMES.iter().map(|(name, _)| *name).zip(self.0)
    }

    /// A metric by name.
    ///
    /// # Panics
    /// If there is none of this name.
    #[track_caller]
    pub fn get(&self, name: &str) -> f64 {
        self.named().find(|(found, _)| *found == name).expect("a metric's name").1
    }

    /// The metrics' names, and whether more is better.
    pub fn names() -> impl Iterator<Item = (&'static str, bool)> {
        NAMES.into_iter()
    }
}

/// Held-out pictures.
pub struct Judge {
    data: Arc<dyn Dataset>,
    count: usize,
    objects: Objects,
}

impl Judge {
    /// Will look at `count` pictures, or at all there are.
    pub fn new(data: Arc<dyn Dataset>, count: usize, objects: Objects) -> Self {
        Self { data, count, objects }
    }

    /// The mean scores of masks that `segment` finds in the pictures.
    ///
    /// # Errors
    /// If the pictures cannot be read.
    pub fn scores(&self, segment: impl Fn(&Picture) -> Vec<bool>) -> Result<Scores, DataError> {
        let (mut sums, mut count) = ([0.0; NAMES.len()], 0.0);
        for sample in held_out_samples(&*self.data, self.count) {
            let (_, sample) = sample?;
            let truth = bits(&sample.mask.expect("data for segmentation has masks"));
            let found = segment(&sample.picture);
            let scores = Scores::of(&found, &truth, sample.picture.width, self.objects);
            sums.iter_mut().zip(scores.0).for_each(|(sum, score)| *sum += score);
            count += 1.0;
        }
        Ok(Scores(sums.map(|sum| sum / count)))
    }

    /// How many pictures it looks at.
    pub fn count(&self) -> usize {
        self.count.min(self.data.len())
    }

    /// Central squares of the first of its pictures, at most `size` pixels a side, with their masks.
    ///
    /// # Errors
    /// If the pictures cannot be read.
    pub fn shown(&self, count: usize, size: usize) -> Result<Vec<[Picture; 2]>, DataError> {
        let square = |sample: Result<(usize, gobelin_datasets::Sample), DataError>| {
            let (_, sample) = sample?;
            let mask = sample.mask.expect("data for segmentation has masks");
            Ok([sample.picture, mask].map(|picture| picture.centre_crop(size)))
        };
        held_out_samples(&*self.data, self.count).take(count).map(square).collect()
    }
}

/// A mask's set pixels.
pub fn bits(mask: &Picture) -> Vec<bool> {
    mask.pixels.iter().map(|byte| *byte >= 128).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_right_mask_is_perfect_and_a_broken_one_is_not() {
        #[rustfmt::skip]
        let ring = [
            true, true, true, true,
            true, false, false, true,
            true, false, false, true,
            true, true, true, true,
        ];
        let perfect = Scores::of(&ring, &ring, 4, Objects::Background);
        assert!(perfect.named().zip(NAMES).all(|((_, value), (_, more))| value == f64::from(u8::from(more))));
        let mut broken = ring;
        broken[4] = false;
        let broken = Scores::of(&broken, &ring, 4, Objects::Background);
        assert_eq!((broken.get("betti-0-error"), broken.get("betti-1-error")), (0.0, 1.0));
        assert!(broken.get("iou") < 1.0 && broken.get("completeness") == 1.0);
    }
}
