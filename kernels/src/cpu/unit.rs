//! Rows scaled to length 1.

use rayon::prelude::*;

use super::simd::{Kernel, Vector, dispatch};

/// Values a task handles.
const CHUNK: usize = 16 * 1024;
const LANES: usize = 8;

/// The inner product of two rows, in eight partial sums.
#[inline(always)]
fn inner_product(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0f32; LANES];
    let (a_blocks, b_blocks) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let rest: f32 = a_blocks.remainder().iter().zip(b_blocks.remainder()).map(|(a, b)| a * b).sum();
    for (a, b) in a_blocks.zip(b_blocks) {
        for lane in 0..LANES {
            sums[lane] += a[lane] * b[lane];
        }
    }
    sums.iter().sum::<f32>() + rest
}

struct Normalise<'a> {
    x: &'a [f32],
    row: usize,
    shortest: f32,
    y: &'a mut [f32],
    reciprocals: &'a mut [f32],
}

impl Kernel for Normalise<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let rows = self.x.chunks_exact(self.row).zip(self.y.chunks_exact_mut(self.row));
        for ((x, y), reciprocal) in rows.zip(self.reciprocals) {
            let length = inner_product(x, x).sqrt();
            // Not `max`, which would hide NaN.
            *reciprocal = 1.0 / if length < self.shortest { self.shortest } else { length };
            for (y, x) in y.iter_mut().zip(x) {
                *y = x * *reciprocal;
            }
        }
    }
}

/// Rows of `row` values divided by their length, or by `shortest` if they are shorter; writes the reciprocal of each divisor too.
///
/// # Panics
/// If the lengths do not fit.
pub fn normalise_rows(x: &[f32], row: usize, shortest: f32, y: &mut [f32], reciprocals: &mut [f32]) {
    assert!(row > 0 && x.len() == y.len() && x.len() == reciprocals.len() * row, "normalise_rows: lengths");
    let rows = CHUNK.div_ceil(row);
    let outputs = y.par_chunks_mut(rows * row).zip(reciprocals.par_chunks_mut(rows));
    x.par_chunks(rows * row).zip(outputs).for_each(|(x, (y, reciprocals))| {
        dispatch(Normalise { x, row, shortest, y, reciprocals });
    });
}

struct NormaliseGradient<'a> {
    y: &'a [f32],
    row: usize,
    longest: f32,
    reciprocals: &'a [f32],
    gradient: &'a mut [f32],
}

impl Kernel for NormaliseGradient<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let rows = self.y.chunks_exact(self.row).zip(self.gradient.chunks_exact_mut(self.row));
        for ((y, gradient), &reciprocal) in rows.zip(self.reciprocals) {
            let along = if reciprocal < self.longest { inner_product(y, gradient) } else { 0.0 };
            for (g, y) in gradient.iter_mut().zip(y) {
                *g = (*g - along * y) * reciprocal;
            }
        }
    }
}

/// From the gradient of [`normalise_rows`]' output `y` to that of its input, in place: `(g - y (y . g)) / length`, and
/// `g / shortest` for rows not longer than `shortest`.
///
/// # Panics
/// If the lengths do not fit.
pub fn normalise_rows_gradient(
    y: &[f32],
    row: usize,
    shortest: f32,
    reciprocals: &[f32],
    gradient: &mut [f32],
) {
    let fits = row > 0 && y.len() == gradient.len() && y.len() == reciprocals.len() * row;
    assert!(fits, "normalise_rows_gradient: lengths");
    let (rows, longest) = (CHUNK.div_ceil(row), 1.0 / shortest);
    let inputs = y.par_chunks(rows * row).zip(reciprocals.par_chunks(rows));
    inputs.zip(gradient.par_chunks_mut(rows * row)).for_each(|((y, reciprocals), gradient)| {
        dispatch(NormaliseGradient { y, row, longest, reciprocals, gradient });
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_have_length_one_unless_they_are_too_short() {
        let x = [3.0, 4.0, 0.0, 0.0, 1e-3, 0.0, f32::NAN, 1.0];
        let (mut y, mut reciprocals) = ([0.0; 8], [0.0; 4]);
        normalise_rows(&x, 2, 0.25, &mut y, &mut reciprocals);
        assert_eq!(
            (&y[..6], &reciprocals[..3]),
            (&[0.6, 0.8, 0.0, 0.0, 4e-3, 0.0][..], &[0.2, 4.0, 4.0][..])
        );
        assert!(y[6].is_nan() && y[7].is_nan());
    }
}
