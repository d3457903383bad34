//! Squared distances between the rows of two matrices.
//!
//! From the differences themselves, not from `|x|^2 + |y|^2 - 2 x y`: near points, whose distances decide which triplets are
//! mined, would lose all their digits there. It costs two instructions where the matrix product takes one; for
//! embeddings that is little beside the network that makes them.

use rayon::prelude::*;

use super::simd::{Kernel, Vector, dispatch};

/// Rows of `x` and of `y` whose distances are summed together: eight sums in registers for six loads.
const TILE: [usize; 2] = [2, 4];
/// Rows of `x` a task handles: so many that the rows of `y` are used often while they are in the first-level cache.
const ROWS: usize = 16;

struct Tile<'a> {
    x: [&'a [f32]; TILE[0]],
    y: [&'a [f32]; TILE[1]],
}

impl Kernel for Tile<'_> {
    type Output = [[f32; TILE[1]]; TILE[0]];

    #[inline(always)]
    unsafe fn run<V: Vector>(self) -> Self::Output {
        let width = self.x[0].len();
        let equal = self.x.iter().chain(&self.y).all(|row| row.len() == width);
        assert!(equal, "squared_distances: rows of different lengths");
        let whole = width / V::LANES * V::LANES;
        // SAFETY: every row has `width` values, of which eight from `at` on are read; the caller vouches for `V`.
        let sums = unsafe {
            let mut sums = [[V::splat(0.0); TILE[1]]; TILE[0]];
            for at in (0..whole).step_by(V::LANES) {
                let x = self.x.map(|row| V::load(row.as_ptr().add(at)));
                let y = self.y.map(|row| V::load(row.as_ptr().add(at)));
                for i in 0..TILE[0] {
                    for j in 0..TILE[1] {
                        let d = x[i].sub(y[j]);
                        sums[i][j] = d.mul_add(d, sums[i][j]);
                    }
                }
            }
            sums
        };
        let mut totals = [[0.0; TILE[1]]; TILE[0]];
        for i in 0..TILE[0] {
            for j in 0..TILE[1] {
                let mut lanes = [0.0f32; 8];
                // SAFETY: eight lanes are written to eight values; the caller vouches for `V`.
                unsafe { sums[i][j].store(lanes.as_mut_ptr()) };
                let rest = self.x[i][whole..].iter().zip(&self.y[j][whole..]);
                totals[i][j] = lanes.iter().sum::<f32>() + rest.map(|(x, y)| (x - y) * (x - y)).sum::<f32>();
            }
        }
        totals
    }
}

/// `out[i, j]`, the sum of the squared differences of row `i` of `x` and row `j` of `y`, rows of `width` values. Equal rows
/// are exactly 0 apart, and the distance from `x` to `y` is that from `y` to `x` to the bit.
///
/// # Panics
/// If the lengths do not fit.
pub fn squared_distances(x: &[f32], y: &[f32], width: usize, out: &mut [f32]) {
    assert!(
        width > 0 && x.len().is_multiple_of(width) && y.len().is_multiple_of(width),
        "squared_distances: lengths"
    );
    let columns = y.len() / width;
    assert!(out.len() == x.len() / width * columns, "squared_distances: lengths");
    if out.is_empty() {
        return;
    }
    let chunks = out.par_chunks_mut(ROWS * columns).zip(x.par_chunks(ROWS * width));
    chunks.for_each(|(out, x)| {
        let rows = x.len() / width;
        // Tiles at the ends repeat the last row.
        let x_row = |i: usize| &x[i.min(rows - 1) * width..][..width];
        let y_row = |j: usize| &y[j.min(columns - 1) * width..][..width];
        for j in (0..columns).step_by(TILE[1]) {
            let y = std::array::from_fn(|k| y_row(j + k));
            for i in (0..rows).step_by(TILE[0]) {
                let totals = dispatch(Tile { x: std::array::from_fn(|k| x_row(i + k)), y });
                for (k, totals) in totals.iter().enumerate().take(rows - i) {
                    let here = (columns - j).min(TILE[1]);
                    out[(i + k) * columns + j..][..here].copy_from_slice(&totals[..here]);
                }
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::super::simd::{Form, dispatch_as, forms};
    use super::*;

    #[test]
    fn values_match_double_precision() {
        for (rows, columns, width) in [(1, 1, 1), (5, 9, 3), (33, 17, 128), (2, 3, 21)] {
            let numbers = |count: usize, step: f32| -> Vec<f32> {
                (0..count).map(|i| (i as f32 * step).sin()).collect()
            };
            let (x, y) = (numbers(rows * width, 1.3), numbers(columns * width, 0.7));
            let mut out = vec![0.0; rows * columns];
            squared_distances(&x, &y, width, &mut out);
            for (at, &found) in out.iter().enumerate() {
                let (x, y) = (&x[at / columns * width..][..width], &y[at % columns * width..][..width]);
                let expected: f64 =
                    x.iter().zip(y).map(|(&x, &y)| (f64::from(x) - f64::from(y)).powi(2)).sum();
                assert!((f64::from(found) - expected).abs() < 1e-6 * expected.max(1e-3));
            }
        }
    }

    #[test]
    fn all_forms_agree() {
        let values: Vec<f32> = (0..6 * 37).map(|i| (i as f32 * 0.37).sin()).collect();
        let row = |i: usize| &values[i * 37..][..37];
        let tile = || Tile { x: std::array::from_fn(row), y: std::array::from_fn(|j| row(j + 2)) };
        let portable = dispatch_as(Form::Portable, tile());
        for form in forms() {
            for (a, b) in portable.as_flattened().iter().zip(dispatch_as(form, tile()).as_flattened()) {
                assert!((a - b).abs() <= 1e-6 * a, "{form:?}");
            }
        }
    }
}
