//! Products and squared distances between the rows of two matrices, as on the host, but all rows at once.

use super::error::Result;
use super::gemm::{Gemm, gemm};
use super::memory::DeviceBuffer;
use super::tiles::Precision;

pub use super::distance::squared_distances;

/// `out[i, j] = a_i . b_j`, for `a` of (M, D), `b` of (N, D), `out` of (M, N).
///
/// # Errors
/// If the device does not answer or has no memory left.
///
/// # Panics
/// If the lengths do not fit.
#[track_caller]
pub fn dot_rows(
    a: &DeviceBuffer,
    b: &DeviceBuffer,
    dimensions: usize,
    precision: Precision,
    out: &mut DeviceBuffer,
) -> Result<()> {
    let (m, n) = (a.len() / dimensions, b.len() / dimensions);
    assert_eq!(out.len(), m * n, "dot_rows: out must hold {m} x {n} products");
    gemm(&Gemm { transpose_b: true, ..Gemm::new(m, n, dimensions) }, precision, a, b, out)
}

/// `out[i, :] = sum_j coefficients[i, j] * vectors[j, :]`, for `coefficients` of (M, N), `vectors` of (N, D), `out` of (M, D).
///
/// # Errors
/// If the device does not answer or has no memory left.
///
/// # Panics
/// If the lengths do not fit.
#[track_caller]
pub fn combine_rows(
    coefficients: &DeviceBuffer,
    vectors: &DeviceBuffer,
    dimensions: usize,
    precision: Precision,
    out: &mut DeviceBuffer,
) -> Result<()> {
    let (m, k) = (out.len() / dimensions, vectors.len() / dimensions);
    assert_eq!(coefficients.len(), m * k, "combine_rows: coefficients must be {m} x {k}");
    gemm(&Gemm::new(m, dimensions, k), precision, coefficients, vectors, out)
}

/// `out[i, :] = sum_j coefficients[j, i] * vectors[j, :]`: the same with the coefficients transposed.
///
/// # Errors
/// If the device does not answer or has no memory left.
///
/// # Panics
/// If the lengths do not fit.
#[track_caller]
pub fn combine_columns(
    coefficients: &DeviceBuffer,
    vectors: &DeviceBuffer,
    dimensions: usize,
    precision: Precision,
    out: &mut DeviceBuffer,
) -> Result<()> {
    let (m, k) = (out.len() / dimensions, vectors.len() / dimensions);
    assert_eq!(coefficients.len(), m * k, "combine_columns: coefficients must be {k} x {m}");
    gemm(&Gemm { transpose_a: true, ..Gemm::new(m, dimensions, k) }, precision, coefficients, vectors, out)
}
