//! Part of a dataset.

use std::sync::Arc;

use crate::{DataError, Dataset, PictureShape, Sample, Split};

/// Every tenth is held out.
const TENTH: usize = 10;

/// Some pictures of a dataset, under labels counted anew from 0.
pub struct Subset {
    whole: Arc<dyn Dataset>,
    indices: Vec<usize>,
    /// Labels of the whole that are left, in rising order.
    labels: Vec<u32>,
    /// Which part it is, for people.
    part: &'static str,
}

impl Subset {
    /// The pictures at these places, in this order, with the labels that they have.
    pub fn chosen(whole: Arc<dyn Dataset>, indices: Vec<usize>) -> Self {
        let mut labels: Vec<u32> = indices.iter().map(|&index| whole.label(index)).collect();
        labels.sort_unstable();
        labels.dedup();
        Self { whole, indices, labels, part: "a part" }
    }

    /// The first `count` pictures, or all there are: how much does a trainer make of little data? All labels are kept.
    ///
    /// # Panics
    /// When `count` is 0.
    #[track_caller]
    pub fn first(whole: Arc<dyn Dataset>, count: usize) -> Self {
        assert!(count > 0, "Subset::first: 0 pictures, expected at least one");
        let (labels, count) = ((0..whole.classes() as u32).collect(), count.min(whole.len()));
        Self { whole, indices: (0..count).collect(), labels, part: "the first of them" }
    }

    /// How data that comes in one piece is split by picture: every tenth is held out, the first among them.
    pub fn by_picture(whole: impl Dataset + 'static, split: Split) -> Self {
        let indices = (0..whole.len()).filter(|index| keeps(*index, split)).collect();
        let labels = (0..whole.classes() as u32).collect();
        Self { whole: Arc::new(whole), indices, labels, part: part(split) }
    }

    /// How data that comes in one piece is split by label: every tenth label with all its pictures is held out, the first
    /// among them, so that nobody held out is ever trained on.
    pub fn by_label(whole: impl Dataset + 'static, split: Split) -> Self {
        let indices = (0..whole.len()).filter(|index| keeps(whole.label(*index) as usize, split)).collect();
        let labels = (0..whole.classes() as u32).filter(|label| keeps(*label as usize, split)).collect();
        Self { whole: Arc::new(whole), indices, labels, part: part(split) }
    }
}

fn part(split: Split) -> &'static str {
    match split {
        Split::Train => "nine tenths to train on",
        Split::HeldOut => "a tenth held out",
    }
}

fn keeps(number: usize, split: Split) -> bool {
    number.is_multiple_of(TENTH) == (split == Split::HeldOut)
}

impl Dataset for Subset {
    fn len(&self) -> usize {
        self.indices.len()
    }

    fn sample(&self, index: usize) -> Result<Sample, DataError> {
        let sample = self.whole.sample(self.indices[index])?;
        Ok(Sample { label: self.label(index), ..sample })
    }

    fn label(&self, index: usize) -> u32 {
        let label = self.whole.label(self.indices[index]);
        self.labels.binary_search(&label).expect("every picture kept has a label kept") as u32
    }

    fn classes(&self) -> usize {
        self.labels.len()
    }

    fn class_name(&self, label: u32) -> String {
        self.whole.class_name(self.labels[label as usize])
    }

    fn name(&self, index: usize) -> String {
        self.whole.name(self.indices[index])
    }

    fn shape(&self) -> Option<PictureShape> {
        self.whole.shape()
    }

    fn shortest_side(&self) -> Option<usize> {
        self.whole.shortest_side()
    }

    fn describe(&self) -> String {
        format!("{}, {}: {} pictures", self.whole.describe(), self.part, self.len())
    }
}
