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

use crate::catalogue::{Call, CallError, Domain, MetricEntry, OptionKind, OptionSpec, TensorSpec};
use gobelin_autograd::Var;

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

/// All metrics of the catalogue.
pub(crate) const ENTRIES: &[&MetricEntry] = &[
    &psnr::ENTRY,
    &ssim::ENTRY,
    &ssim::MS_ENTRY,
    &overlap::IOU,
    &overlap::DICE,
    &tolerant_quality::ENTRY,
    &rand_v::ENTRY,
    &betti::ENTRY,
    &verification::ACCURACY,
    &verification::VAL,
    &verification::AUC,
    &retrieval::ENTRY,
    &sliced_wasserstein::ENTRY,
    &laplacian_pyramid::ENTRY,
    &frechet::ENTRY,
    &kernel_distance::ENTRY,
    &diversity::ENTRY,
];

/// Restored pictures and the true ones.
const PAIRS: &[TensorSpec] =
    &[TensorSpec::float("pred", "(N, C, H, W)"), TensorSpec::float("target", "(N, C, H, W)")];

/// Two sets of features.
const SETS: &[TensorSpec] = &[TensorSpec::float("real", "(N, D)"), TensorSpec::float("fake", "(M, D)")];

/// `data-range`.
const DATA_RANGE: OptionSpec = OptionSpec {
    name: "data-range",
    kind: OptionKind::Number(Domain::Positive),
    default: "1",
    help: "the distance of the smallest possible value to the largest",
};

/// Checks that a set of a call has a covariance.
fn at_least_two(call: &Call<'_>, name: &str) -> Result<(), CallError> {
    let shape = call.shape(name);
    if shape[0] >= 2 {
        return Ok(());
    }
    Err(CallError::tensor(name, format!("F32 {shape:?}"), "at least two vectors"))
}

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

    /// A tensor of a call, (N, H, W, C).
    fn of(pictures: &'a Var) -> Self {
        let shape = pictures.shape().try_into().expect("a checked shape");
        Self::new(pictures.tensor().data(), shape)
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

    /// A tensor of a call, (N, D).
    fn of(vectors: &'a Var) -> Self {
        Self::new(vectors.tensor().data(), vectors.shape()[1])
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
