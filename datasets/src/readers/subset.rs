//! Part of a dataset: how data that comes in one piece is split.

use crate::{DataError, Dataset, PictureShape, Sample, Split};

/// Every tenth is held out.
const TENTH: usize = 10;

/// Some pictures of a dataset, under labels counted anew from 0.
pub(crate) struct Subset<D> {
    whole: D,
    indices: Vec<usize>,
    /// Labels of the whole that are left, in order.
    labels: Vec<u32>,
    split: Split,
}

impl<D: Dataset> Subset<D> {
    /// Holds out every tenth picture, the first among them.
    pub fn by_picture(whole: D, split: Split) -> Self {
        let indices = (0..whole.len()).filter(|index| keeps(*index, split)).collect();
        let labels = (0..whole.classes() as u32).collect();
        Self { whole, indices, labels, split }
    }

    /// Holds out every tenth label with all its pictures, the first among
    /// them, so that nobody held out is ever trained on.
    pub fn by_label(whole: D, split: Split) -> Self {
        let indices = (0..whole.len()).filter(|index| keeps(whole.label(*index) as usize, split)).collect();
        let labels = (0..whole.classes() as u32).filter(|label| keeps(*label as usize, split)).collect();
        Self { whole, indices, labels, split }
    }
}

fn keeps(number: usize, split: Split) -> bool {
    number.is_multiple_of(TENTH) == (split == Split::HeldOut)
}

impl<D: Dataset> Dataset for Subset<D> {
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
        let part = match self.split {
            Split::Train => "nine tenths to train on",
            Split::HeldOut => "a tenth held out",
        };
        format!("{}, {part}: {} pictures", self.whole.describe(), self.len())
    }
}
