//! The Fréchet distance between two sets of features.

use crate::catalogue::{Measured, MetricEntry};

use super::Vectors;
use super::{SETS, at_least_two};
use nalgebra::DMatrix;

/// `|m_a - m_b|^2 + tr(S_a + S_b - 2 (S_a S_b)^(1/2))`, with the means m and the covariances S (divided by n - 1) of the two
/// sets: the squared Wasserstein-2 distance of the two Gaussians that have them (Heusel et al. 2017, equation 6, where the
/// features are Inception's).
///
/// The trace of the root is the sum of the roots of the eigenvalues of `R S_b R`, where R is the root of S_a: both matrices
/// symmetric, so no complex numbers appear, and singular covariances (fewer vectors than dimensions) need no
/// correction. Takes about D^3 * 20 operations for D dimensions. A value that is not finite gives NaN.
///
/// # Panics
/// If the dimensions differ, or a set has fewer than two vectors.
#[track_caller]
pub fn frechet_distance(a: Vectors<'_>, b: Vectors<'_>) -> f64 {
    assert_eq!(a.dimensions(), b.dimensions(), "frechet_distance: sets of different dimensions");
    assert!(a.count() > 1 && b.count() > 1, "frechet_distance: a covariance needs at least two vectors");
    if !a.values().iter().chain(b.values()).all(|x| x.is_finite()) {
        return f64::NAN;
    }
    let (mean_a, covariance_a) = moments(a);
    let (mean_b, covariance_b) = moments(b);
    let means: f64 = mean_a.iter().zip(&mean_b).map(|(x, y)| (x - y).powi(2)).sum();
    let traces = covariance_a.trace() + covariance_b.trace();
    let root = square_root(covariance_a);
    let product = &root * covariance_b * &root;
    // Rounding makes some eigenvalues of a singular matrix slightly negative.
    let cross: f64 = product.symmetric_eigenvalues().iter().map(|&value| value.max(0.0).sqrt()).sum();
    means + traces - 2.0 * cross
}

/// The mean and the covariance.
fn moments(set: Vectors<'_>) -> (Vec<f64>, DMatrix<f64>) {
    let (count, dimensions) = (set.count(), set.dimensions());
    let mut mean = vec![0.0; dimensions];
    for row in set.values().chunks_exact(dimensions) {
        mean.iter_mut().zip(row).for_each(|(sum, &x)| *sum += f64::from(x));
    }
    for sum in &mut mean {
        *sum /= count as f64;
    }
    let centred = set.values().iter().enumerate().map(|(i, &x)| f64::from(x) - mean[i % dimensions]);
    // Columns are vectors: nalgebra's matrices lie column after column.
    let centred = DMatrix::from_iterator(dimensions, count, centred);
    let covariance = &centred * centred.transpose() / (count - 1) as f64;
    (mean, covariance)
}

/// The symmetric root of a symmetric matrix without negative eigenvalues.
fn square_root(matrix: DMatrix<f64>) -> DMatrix<f64> {
    let eigen = matrix.symmetric_eigen();
    let roots = eigen.eigenvalues.map(|value| value.max(0.0).sqrt());
    &eigen.eigenvectors * DMatrix::from_diagonal(&roots) * eigen.eigenvectors.transpose()
}

pub(crate) const ENTRY: MetricEntry = MetricEntry {
    name: "frechet-distance",
    about: "squared Wasserstein-2 distance of the Gaussians with the means and covariances of two sets of features",
    paper: "Heusel et al. 2017, equation 6",
    tensors: SETS,
    options: &[],
    vgg: false,
    run: |call| {
        for name in ["real", "fake"] {
            at_least_two(call, name)?;
        }
        let (real, fake) = (call.var("real"), call.var("fake"));
        Ok(Measured::one("distance", frechet_distance(Vectors::of(&real), Vectors::of(&fake))))
    },
};
