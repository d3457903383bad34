//! The kernel distance between two sets of features.

use crate::catalogue::{Measured, MetricEntry};

use super::Vectors;
use super::{SETS, at_least_two};
use gobelin_kernels::cpu::pairwise::ROW_BLOCK;
use nalgebra::DMatrix;
use rayon::prelude::*;

/// The squared maximum mean discrepancy with the kernel `(x.y / D + 1)^3` (Binkowski et al. 2018: KID, where the features are
/// Inception's).
///
/// The unbiased estimate: no vector is compared with itself. So it may be slightly negative for two samples of
/// one distribution, and its mean does not depend on the number of vectors, unlike [`super::frechet_distance`]. Over the
/// whole sets; the usual mean over random subsets is the same number with more noise.
///
/// # Panics
/// If the dimensions differ, or a set has fewer than two vectors.
#[track_caller]
pub fn kernel_distance(a: Vectors<'_>, b: Vectors<'_>) -> f64 {
    assert_eq!(a.dimensions(), b.dimensions(), "kernel_distance: sets of different dimensions");
    assert!(
        a.count() > 1 && b.count() > 1,
        "kernel_distance: the unbiased estimate needs at least two vectors"
    );
    let within = |set: Vectors<'_>| {
        let count = set.count() as f64;
        kernel_sum(set, set, true) / (count * (count - 1.0))
    };
    let across = kernel_sum(a, b, false) / (a.count() as f64 * b.count() as f64);
    within(a) + within(b) - 2.0 * across
}

/// The sum of the kernel over all pairs, without those of a place with itself if `skip_same`. In double precision: the
/// distance is a small difference of large means.
fn kernel_sum(a: Vectors<'_>, b: Vectors<'_>, skip_same: bool) -> f64 {
    let dimensions = a.dimensions();
    // One column a vector: nalgebra's matrices lie column after column.
    let columns = |values: &[f32]| {
        let count = values.len() / dimensions;
        DMatrix::from_iterator(dimensions, count, values.iter().map(|&x| f64::from(x)))
    };
    let all = columns(b.values());
    let block = |(block, rows): (usize, &[f32])| {
        let products = columns(rows).transpose() * &all;
        let mut sum = 0.0;
        for (j, column) in products.column_iter().enumerate() {
            for (i, product) in column.iter().enumerate() {
                if !(skip_same && block * ROW_BLOCK + i == j) {
                    sum += (product / dimensions as f64 + 1.0).powi(3);
                }
            }
        }
        sum
    };
    let sums: Vec<f64> = a.values().par_chunks(ROW_BLOCK * dimensions).enumerate().map(block).collect();
    sums.iter().sum()
}

pub(crate) const ENTRY: MetricEntry = MetricEntry {
    name: "kernel-distance",
    about: "squared maximum mean discrepancy of two sets of features with the kernel (x.y / D + 1)^3, unbiased",
    paper: "Binkowski et al. 2018",
    tensors: SETS,
    options: &[],
    vgg: false,
    run: |call| {
        for name in ["real", "fake"] {
            at_least_two(call, name)?;
        }
        let (real, fake) = (call.var("real"), call.var("fake"));
        Ok(Measured::one("distance", kernel_distance(Vectors::of(&real), Vectors::of(&fake))))
    },
};
