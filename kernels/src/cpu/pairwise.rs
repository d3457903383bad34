//! Products and squared distances between the rows of two matrices.
//!
//! Every function is serial and takes as many rows of `a` as the caller gives it: the caller walks over blocks
//! of [`ROW_BLOCK`] rows, in parallel where it likes, and never needs the whole N x N matrix at once.

use matrixmultiply::sgemm;

/// Rows a caller takes at a time. 64 rows against 4096 are 1 MiB of distances, which stays in the second-level
/// cache while it is searched.
pub const ROW_BLOCK: usize = 64;

/// Below this share of `|a|^2 + |b|^2`, the expansion `|a|^2 + |b|^2 - 2 a.b` has lost more than two of its
/// seven digits to cancellation, and the distance is summed again from the differences.
const CANCELLED: f32 = 0.01;

/// `out[i, j] = a_i . b_j`, for `a` of (M, D), `b` of (N, D), `out` of (M, N).
///
/// # Panics
/// If the lengths are no whole rows of `dimensions` or `out` is not M x N.
#[track_caller]
pub fn dot_rows(a: &[f32], b: &[f32], dimensions: usize, out: &mut [f32]) {
    let (rows, columns) = (count_rows(a, dimensions), count_rows(b, dimensions));
    assert_eq!(out.len(), rows * columns, "dot_rows: out must hold {rows} x {columns} products");
    multiply(rows, dimensions, columns, a, [dimensions, 1], b, [1, dimensions], out);
}

/// `out[i, :] = sum_j coefficients[i, j] * vectors[j, :]`, for `coefficients` of (M, N), `vectors` of (N, D),
/// `out` of (M, D).
///
/// # Panics
/// If the lengths are no whole rows.
#[track_caller]
pub fn combine_rows(coefficients: &[f32], vectors: &[f32], dimensions: usize, out: &mut [f32]) {
    let (rows, inner) = (count_rows(out, dimensions), count_rows(vectors, dimensions));
    assert_eq!(coefficients.len(), rows * inner, "combine_rows: coefficients must be {rows} x {inner}");
    multiply(rows, inner, dimensions, coefficients, [inner, 1], vectors, [dimensions, 1], out);
}

/// `out[i, :] = sum_j coefficients[j, first + i] * vectors[j, :]`: the same with the coefficients transposed, for
/// the `out`-many columns from `first` of a square (N, N) matrix.
///
/// # Panics
/// If the lengths are no whole rows, or the columns lie outside of the matrix.
#[track_caller]
pub fn combine_columns(
    coefficients: &[f32],
    first: usize,
    vectors: &[f32],
    dimensions: usize,
    out: &mut [f32],
) {
    let (columns, inner) = (count_rows(out, dimensions), count_rows(vectors, dimensions));
    assert_eq!(coefficients.len(), inner * inner, "combine_columns: coefficients must be {inner} x {inner}");
    assert!(first + columns <= inner, "combine_columns: column {} of {inner}", first + columns);
    let from = &coefficients[first.min(coefficients.len())..];
    multiply(columns, inner, dimensions, from, [1, inner], vectors, [dimensions, 1], out);
}

/// `out[i, j] = |a_i - b_j|^2`, for `a` of (M, D), `b` of (N, D), `out` of (M, N).
///
/// Never negative, and exactly 0 for equal rows. The relative error stays near 1e-5 however close the rows lie. A row with a NaN
/// or an infinity has distances that are not finite.
///
/// # Panics
/// If the lengths are no whole rows of `dimensions` or `out` is not M x N.
#[track_caller]
pub fn squared_distances(a: &[f32], b: &[f32], dimensions: usize, out: &mut [f32]) {
    dot_rows(a, b, dimensions, out);
    if out.is_empty() {
        return;
    }
    let columns = count_rows(b, dimensions);
    let norms: Vec<f32> = b.chunks_exact(dimensions).map(squared_norm).collect();
    for (x, row) in a.chunks_exact(dimensions).zip(out.chunks_exact_mut(columns)) {
        let norm = squared_norm(x);
        let mut close = false;
        for (distance, other) in row.iter_mut().zip(&norms) {
            let sum = norm + other;
            *distance = sum - 2.0 * *distance;
            close |= *distance < CANCELLED * sum;
        }
        if close {
            for (j, distance) in row.iter_mut().enumerate() {
                if *distance < CANCELLED * (norm + norms[j]) {
                    *distance = squared_distance(x, &b[j * dimensions..(j + 1) * dimensions]);
                }
            }
        }
    }
}

/// `|a - b|^2`, summed from the differences.
///
/// # Panics
/// If the lengths differ.
#[track_caller]
pub fn squared_distance(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len(), "squared_distance: rows of different lengths");
    sum_in_lanes(a, b, |x, y| (x - y) * (x - y))
}

fn squared_norm(row: &[f32]) -> f32 {
    sum_in_lanes(row, row, |x, y| x * y)
}

/// Sums in eight lanes, so that the compiler may use vectors and the rounding error grows an eighth as fast.
fn sum_in_lanes(a: &[f32], b: &[f32], term: impl Fn(f32, f32) -> f32) -> f32 {
    let mut lanes = [0.0f32; 8];
    let (a_chunks, b_chunks) = (a.chunks_exact(8), b.chunks_exact(8));
    let rest: f32 = a_chunks.remainder().iter().zip(b_chunks.remainder()).map(|(&x, &y)| term(x, y)).sum();
    for (x, y) in a_chunks.zip(b_chunks) {
        for lane in 0..8 {
            lanes[lane] += term(x[lane], y[lane]);
        }
    }
    lanes.iter().sum::<f32>() + rest
}

#[track_caller]
fn count_rows(matrix: &[f32], dimensions: usize) -> usize {
    assert!(dimensions > 0, "rows of no dimensions");
    assert!(
        matrix.len().is_multiple_of(dimensions),
        "{} floats are no whole rows of {dimensions}",
        matrix.len()
    );
    matrix.len() / dimensions
}

/// `out = a * b` for `a` of (rows, inner) and `b` of (inner, columns), each given with the distances between its
/// rows and its columns. The one place that knows which matrix product is used.
fn multiply(
    rows: usize,
    inner: usize,
    columns: usize,
    a: &[f32],
    a_strides: [usize; 2],
    b: &[f32],
    b_strides: [usize; 2],
    out: &mut [f32],
) {
    if out.is_empty() || inner == 0 {
        out.fill(0.0);
        return;
    }
    let last =
        |shape: [usize; 2], strides: [usize; 2]| (shape[0] - 1) * strides[0] + (shape[1] - 1) * strides[1];
    assert!(last([rows, inner], a_strides) < a.len(), "the left matrix ends before its last row");
    assert!(last([inner, columns], b_strides) < b.len(), "the right matrix ends before its last row");
    assert_eq!(out.len(), rows * columns);
    // SAFETY: the assertions above keep every element that is read or written inside its slice; `out` is borrowed
    // alone, so it overlaps neither input.
    unsafe {
        sgemm(
            rows,
            inner,
            columns,
            1.0,
            a.as_ptr(),
            a_strides[0] as isize,
            a_strides[1] as isize,
            b.as_ptr(),
            b_strides[0] as isize,
            b_strides[1] as isize,
            0.0,
            out.as_mut_ptr(),
            columns as isize,
            1,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers in (-1, 1) from a linear congruential generator.
    fn numbers(seed: u64, count: usize) -> Vec<f32> {
        let mut state = seed;
        let mut next = || {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (state >> 40) as f32 / (1u64 << 23) as f32 - 1.0
        };
        (0..count).map(|_| next()).collect()
    }

    fn exact(a: &[f32], b: &[f32], dimensions: usize) -> Vec<f64> {
        let square = |x: &[f32], y: &[f32]| -> f64 {
            x.iter().zip(y).map(|(&x, &y)| (f64::from(x) - f64::from(y)).powi(2)).sum()
        };
        a.chunks(dimensions).flat_map(|x| b.chunks(dimensions).map(move |y| square(x, y))).collect()
    }

    #[test]
    fn distances_are_those_of_double_precision_however_close_the_rows() {
        for (rows, columns, dimensions) in [(1, 1, 1), (3, 5, 2), (17, 33, 128), (64, 9, 13)] {
            let a = numbers(1, rows * dimensions);
            let mut b = numbers(2, columns * dimensions);
            // The first row of b is a hair away from the first of a.
            for (y, x) in b.iter_mut().zip(&a).take(dimensions) {
                *y = x + 1e-4;
            }
            let mut out = vec![f32::NAN; rows * columns];
            squared_distances(&a, &b, dimensions, &mut out);
            for (found, expected) in out.iter().zip(exact(&a, &b, dimensions)) {
                assert!((f64::from(*found) - expected).abs() <= 3e-5 * expected, "{found} is not {expected}");
            }
        }
    }

    #[test]
    fn equal_rows_are_exactly_zero_apart() {
        let dimensions = 128;
        let mut a: Vec<f32> = numbers(3, 40 * dimensions).iter().map(|x| x * 100.0).collect();
        a.copy_within(0..dimensions, 7 * dimensions);
        let mut out = vec![f32::NAN; 40 * 40];
        squared_distances(&a, &a, dimensions, &mut out);
        for i in 0..40 {
            assert_eq!(out[i * 40 + i].to_bits(), 0, "row {i}");
        }
        assert_eq!((out[7], out[7 * 40]), (0.0, 0.0));
        assert!(out.iter().all(|&d| d >= 0.0));
    }

    #[test]
    fn values_that_are_not_finite_are_not_hidden() {
        let a = [1.0, f32::NAN, 2.0, 3.0, f32::INFINITY, 0.0];
        let mut out = [0.0; 9];
        squared_distances(&a, &a, 2, &mut out);
        assert!(out[..3].iter().all(|d| d.is_nan()));
        assert_eq!(out[4], 0.0);
        assert!(!out[5].is_finite() && !out[8].is_finite());
    }

    #[test]
    fn rows_combine_with_and_without_transposition() {
        let (n, dimensions) = (11, 3);
        let (c, v) = (numbers(4, n * n), numbers(5, n * dimensions));
        let mut rows = vec![0.0; n * dimensions];
        combine_rows(&c, &v, dimensions, &mut rows);
        let mut columns = vec![0.0; 4 * dimensions];
        combine_columns(&c, 6, &v, dimensions, &mut columns);
        for k in 0..dimensions {
            for i in 0..n {
                let expected: f32 = (0..n).map(|j| c[i * n + j] * v[j * dimensions + k]).sum();
                assert!((rows[i * dimensions + k] - expected).abs() < 1e-5);
            }
            for i in 0..4 {
                let expected: f32 = (0..n).map(|j| c[j * n + 6 + i] * v[j * dimensions + k]).sum();
                assert!((columns[i * dimensions + k] - expected).abs() < 1e-5);
            }
        }
    }

    #[test]
    fn no_rows_give_no_distances() {
        squared_distances(&[], &[1.0, 2.0], 2, &mut []);
        squared_distances(&[1.0, 2.0], &[], 2, &mut []);
    }
}
