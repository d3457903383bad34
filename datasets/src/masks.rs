//! How much of the masks of data for segmentation is set.

use crate::{DataError, Dataset, Picture, held_out_samples};

/// How many pixels of a mask are set.
pub(crate) fn set_pixels(mask: &Picture) -> usize {
    mask.pixels.iter().filter(|byte| **byte >= 128).count()
}

/// The share of set pixels in `count` masks spread evenly over a dataset.
///
/// # Errors
/// If the pictures cannot be read, or nothing is set in any mask.
pub fn set_share(dataset: &dyn Dataset, count: usize) -> Result<f64, DataError> {
    let (mut set, mut all) = (0, 0);
    for sample in held_out_samples(dataset, count) {
        if let Some(mask) = sample?.1.mask {
            set += set_pixels(&mask);
            all += mask.pixels.len();
        }
    }
    if set == 0 { Err(nothing_set(dataset)) } else { Ok(set as f64 / all as f64) }
}

/// The error of masks in which nothing is set.
pub(crate) fn nothing_set(dataset: &dyn Dataset) -> DataError {
    DataError::Layout {
        path: dataset.describe(),
        found: "no pixel of 128 or more in any mask that was looked at".into(),
        expected: "masks of 0 and 255".into(),
        remedy: "multiply masks of 0 and 1 by 255".into(),
    }
}
