//! Cumulative sums along rows.

use rayon::prelude::*;

/// Values a task handles.
const CHUNK: usize = 16 * 1024;

/// Which end a cumulative sum starts from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum From {
    /// The first value.
    Start,
    /// The last value.
    End,
}

/// Each value of a row of `row` values becomes the sum of all values from one end up to and including it, added up in `f64`.
///
/// # Panics
/// If the lengths do not fit.
pub fn cumulative_sum(x: &[f32], row: usize, from: From, out: &mut [f32]) {
    assert!(x.len() == out.len() && row > 0 && x.len().is_multiple_of(row), "cumulative_sum: lengths");
    let block = CHUNK.div_ceil(row) * row;
    out.par_chunks_mut(block).zip(x.par_chunks(block)).for_each(|(out, x)| {
        for (out, x) in out.chunks_exact_mut(row).zip(x.chunks_exact(row)) {
            let mut total = 0.0f64;
            let mut step = |(out, &value): (&mut f32, &f32)| {
                total += f64::from(value);
                *out = total as f32;
            };
            match from {
                From::Start => out.iter_mut().zip(x).for_each(&mut step),
                From::End => out.iter_mut().zip(x).rev().for_each(&mut step),
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_summed_from_either_end() {
        let x = [1.0, 2.0, 3.0, 10.0, 20.0, 30.0];
        let mut out = [0.0; 6];
        cumulative_sum(&x, 3, From::Start, &mut out);
        assert_eq!(out, [1.0, 3.0, 6.0, 10.0, 30.0, 60.0]);
        cumulative_sum(&x, 3, From::End, &mut out);
        assert_eq!(out, [6.0, 5.0, 3.0, 60.0, 50.0, 30.0]);
    }
}
