//! What trainers report beside their losses. Nothing here has a gradient: plain slices in, `f64` sums, plain numbers out.
//!
//! | of | metrics |
//! |---|---|
//! | restored pictures | [`psnr`], [`ssim`], [`ms_ssim`] |
//! | segmentations | [`mask_overlap`] and [`class_overlaps`] (IoU, Dice), [`tolerant_quality`] (completeness, correctness, quality), [`rand_v`], [`betti_numbers`] |
//! | embeddings | [`verification_accuracy`], [`val_at_far`], [`auc`], [`retrieval`] (precision at 1, mean average precision) |
//! | generated pictures | [`sliced_wasserstein`], [`pyramid_wasserstein`], [`frechet_distance`], [`kernel_distance`], [`mean_pairwise_distance`] |
//!
//! Pictures are [`Pictures`] of (N, H, W, C); embeddings and features are [`Vectors`], one a row; masks are slices of `bool`, row after row. A NaN
//! in the input gives NaN, never a plausible number.

mod betti;
mod components;
mod diversity;
mod frechet;
mod kernel_distance;
mod laplacian_pyramid;
mod overlap;
mod psnr;
mod rand_v;
mod retrieval;
mod sliced_wasserstein;
mod sort;
mod ssim;
mod tolerant_quality;
mod verification;

pub use betti::{BettiNumbers, betti_numbers};
pub use components::{Connectivity, connected_components};
pub use diversity::mean_pairwise_distance;
pub use frechet::frechet_distance;
pub use kernel_distance::kernel_distance;
pub use laplacian_pyramid::{PyramidWasserstein, pyramid_wasserstein};
pub use overlap::{Overlap, class_overlaps, mask_overlap, mean_over_classes};
pub use psnr::psnr;
pub use rand_v::{RandV, rand_v};
pub use retrieval::{Retrieval, retrieval};
pub use sliced_wasserstein::{sliced_wasserstein, wasserstein_along};
pub use ssim::{ms_ssim, ssim};
pub use tolerant_quality::{TolerantQuality, tolerant_quality};
pub use verification::{auc, val_at_far, verification_accuracy};

/// A batch of pictures of (N, H, W, C), channels last.
#[derive(Clone, Copy, Debug)]
pub struct Pictures<'a> {
    values: &'a [f32],
    shape: [usize; 4],
}

impl<'a> Pictures<'a> {
    /// `values` seen as pictures of `shape` (N, H, W, C).
    ///
    /// # Panics
    /// If the number of values is not that of the shape.
    #[track_caller]
    pub fn new(values: &'a [f32], shape: [usize; 4]) -> Self {
        let expected: usize = shape.iter().product();
        assert_eq!(values.len(), expected, "pictures of {shape:?} (N, H, W, C) have {expected} values");
        Self { values, shape }
    }

    /// All values, picture after picture, row after row.
    pub fn values(&self) -> &'a [f32] {
        self.values
    }

    /// (N, H, W, C).
    pub fn shape(&self) -> [usize; 4] {
        self.shape
    }

    /// The values of each picture.
    fn each(&self) -> impl Iterator<Item = &'a [f32]> + use<'a> {
        let [count, height, width, channels] = self.shape;
        let (values, size) = (self.values, height * width * channels);
        (0..count).map(move |n| &values[n * size..(n + 1) * size])
    }
}

/// A set of vectors, one a row: embeddings, features, or flattened pictures.
#[derive(Clone, Copy, Debug)]
pub struct Vectors<'a> {
    values: &'a [f32],
    dimensions: usize,
}

impl<'a> Vectors<'a> {
    /// `values` seen as rows of `dimensions`.
    ///
    /// # Panics
    /// If `dimensions` is 0 or the values are no whole rows.
    #[track_caller]
    pub fn new(values: &'a [f32], dimensions: usize) -> Self {
        assert!(dimensions > 0, "vectors need at least one dimension");
        let rest = values.len() % dimensions;
        assert_eq!(rest, 0, "{} values are no whole rows of {dimensions}", values.len());
        Self { values, dimensions }
    }

    /// All values, row after row.
    pub fn values(&self) -> &'a [f32] {
        self.values
    }

    /// The length of each vector.
    pub fn dimensions(&self) -> usize {
        self.dimensions
    }

    /// How many vectors there are.
    pub fn count(&self) -> usize {
        self.values.len() / self.dimensions
    }
}

impl<'a> From<Pictures<'a>> for Vectors<'a> {
    /// Each picture as one vector.
    fn from(pictures: Pictures<'a>) -> Self {
        let [_, height, width, channels] = pictures.shape;
        Self::new(pictures.values, height * width * channels)
    }
}
