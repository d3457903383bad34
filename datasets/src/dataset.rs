//! What every kind of data looks like to a trainer.

use crate::{DataError, Picture};

/// One picture and what it shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// The picture as it is stored: no augmentation, its own size.
    pub picture: Picture,
    /// Class or identity, in `0..classes()` of its dataset.
    pub label: u32,
    /// What of the picture belongs to what is sought: grey, of the picture's size, 128 or more where it does. Only data for
    /// segmentation has masks, and then each sample has one.
    pub mask: Option<Picture>,
}

/// The shape all pictures of a dataset share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PictureShape {
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// 1 for grey, 3 for RGB.
    pub channels: usize,
}

/// Numbered pictures with labels.
///
/// `sample` may be called from many threads and in any order, and always gives
/// the same answer for the same index.
pub trait Dataset: Send + Sync {
    /// How many pictures there are; at least one.
    fn len(&self) -> usize;

    /// Whether there are none; no reader gives an empty dataset.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Decodes (or draws) picture `index`, which is below `len()`.
    ///
    /// # Errors
    /// [`DataError::Picture`] for a picture that does not decode, which a
    /// loader skips; anything else stops the run.
    fn sample(&self, index: usize) -> Result<Sample, DataError>;

    /// The label of picture `index`, without decoding it.
    fn label(&self, index: usize) -> u32;

    /// How many labels there are; labels run from 0.
    fn classes(&self) -> usize;

    /// The name of a label: a folder's name, or the number itself.
    fn class_name(&self, label: u32) -> String {
        label.to_string()
    }

    /// Where picture `index` comes from, for people: a path, or a name made of
    /// its numbers.
    fn name(&self, index: usize) -> String;

    /// The shape of every picture, where they all share one.
    fn shape(&self) -> Option<PictureShape>;

    /// The shortest side of any picture, where it is known without decoding all.
    fn shortest_side(&self) -> Option<usize> {
        self.shape().map(|shape| shape.height.min(shape.width))
    }

    /// One line for a run's log: kind, place, pictures, labels.
    fn describe(&self) -> String;
}
