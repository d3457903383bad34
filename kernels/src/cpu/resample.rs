//! Nearest-neighbour resampling by whole factors.

use rayon::prelude::*;

/// Repeats each pixel of `x`, of `rows` by `columns` pixels of `channels` values, `factor` times down and across.
///
/// # Panics
/// If the lengths do not fit.
pub fn repeat(x: &[f32], [rows, columns, channels]: [usize; 3], factor: usize, out: &mut [f32]) {
    let row = columns * channels;
    assert!(x.len() == rows * row && out.len() == x.len() * factor * factor, "repeat: lengths");
    if out.is_empty() {
        return;
    }
    out.par_chunks_mut(row * factor * factor).zip(x.par_chunks(row)).for_each(|(out, x)| {
        let (first, others) = out.split_at_mut(row * factor);
        for (copies, pixel) in first.chunks_exact_mut(channels * factor).zip(x.chunks_exact(channels)) {
            for copy in copies.chunks_exact_mut(channels) {
                copy.copy_from_slice(pixel);
            }
        }
        for other in others.chunks_exact_mut(row * factor) {
            other.copy_from_slice(first);
        }
    });
}

/// Sums the `factor` by `factor` blocks of `x` into `out`, of `rows` by `columns` pixels of `channels` values: the
/// adjoint of [`repeat`].
///
/// # Panics
/// If the lengths do not fit.
pub fn sum_blocks(x: &[f32], [rows, columns, channels]: [usize; 3], factor: usize, out: &mut [f32]) {
    let row = columns * channels;
    assert!(out.len() == rows * row && x.len() == out.len() * factor * factor, "sum_blocks: lengths");
    if out.is_empty() {
        return;
    }
    out.par_chunks_mut(row).zip(x.par_chunks(row * factor * factor)).for_each(|(out, x)| {
        out.fill(0.0);
        for line in x.chunks_exact(row * factor) {
            for (sum, block) in out.chunks_exact_mut(channels).zip(line.chunks_exact(channels * factor)) {
                for pixel in block.chunks_exact(channels) {
                    for (sum, value) in sum.iter_mut().zip(pixel) {
                        *sum += value;
                    }
                }
            }
        }
    });
}
