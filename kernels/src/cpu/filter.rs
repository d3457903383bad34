//! Separable filters: the same taps down and across, for every channel.

use rayon::prelude::*;

use super::simd::{Kernel, Vector, dispatch};

/// Values of an output row that are kept in registers while the taps go by: four vectors.
const BLOCK: usize = 32;
/// Values a task handles.
const CHUNK: usize = 16 * 1024;

/// `out[j] = sum over k of taps[k] * x[j + k * step]`.
struct Correlate<'a> {
    x: &'a [f32],
    step: usize,
    taps: &'a [f32],
    out: &'a mut [f32],
}

impl Kernel for Correlate<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Self { x, step, taps, out } = self;
        let mut blocks = out.chunks_exact_mut(BLOCK);
        let mut at = 0;
        for out in &mut blocks {
            let mut sums = [0.0f32; BLOCK];
            for (k, &tap) in taps.iter().enumerate() {
                for (sum, &x) in sums.iter_mut().zip(&x[at + k * step..][..BLOCK]) {
                    *sum += tap * x;
                }
            }
            out.copy_from_slice(&sums);
            at += BLOCK;
        }
        let rest = blocks.into_remainder();
        rest.fill(0.0);
        for (k, &tap) in taps.iter().enumerate() {
            for (sum, &x) in rest.iter_mut().zip(&x[at + k * step..]) {
                *sum += tap * x;
            }
        }
    }
}

/// Correlates pictures `(N, H, W, C)` with `taps` down and across, `padding` zeros being around them on each side:
/// `out` is `(N, H', W', C)` with `H' = H + 2 padding - taps + 1`, `W'` likewise.
///
/// # Panics
/// If the lengths do not fit, a padded picture is smaller than the filter, or the padding is not smaller than it.
pub fn correlate_separable(
    x: &[f32],
    [batch, height, width, channels]: [usize; 4],
    taps: &[f32],
    padding: usize,
    out: &mut [f32],
) {
    let count = taps.len();
    let fits = padding < count && height + 2 * padding >= count && width + 2 * padding >= count;
    assert!(fits, "correlate_separable: {height} x {width}, {count} taps, padding {padding}");
    let (rows, columns) = (height + 2 * padding + 1 - count, width + 2 * padding + 1 - count);
    let lengths =
        x.len() == batch * height * width * channels && out.len() == batch * rows * columns * channels;
    assert!(lengths, "correlate_separable: lengths");
    if out.is_empty() || x.is_empty() {
        out.fill(0.0);
        return;
    }
    let (row, out_row) = (width * channels, columns * channels);
    let lines = CHUNK.div_ceil(row);
    out.par_chunks_mut(lines * out_row).enumerate().for_each(|(chunk, out)| {
        // A line filtered downwards, between the zeros the taps meet at its ends.
        let mut line = vec![0.0; row + 2 * padding * channels];
        for (i, out) in out.chunks_exact_mut(out_row).enumerate() {
            let (entry, at) = ((chunk * lines + i) / rows, (chunk * lines + i) % rows);
            let first = at.saturating_sub(padding);
            let end = (at + count - padding).min(height);
            let taps_down = &taps[first + padding - at..end + padding - at];
            let x = &x[(entry * height + first) * row..][..(end - first) * row];
            let inside = &mut line[padding * channels..][..row];
            dispatch(Correlate { x, step: row, taps: taps_down, out: inside });
            dispatch(Correlate { x: &line, step: channels, taps, out });
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_match_the_plain_sum() {
        for (height, width, channels, padding) in
            [(5, 7, 3, 0), (5, 40, 3, 1), (3, 3, 1, 0), (1, 2, 2, 2), (4, 20, 5, 2)]
        {
            let taps = [0.5, -1.0, 2.0];
            let x: Vec<f32> =
                (0..2 * height * width * channels).map(|i| ((i * 7919) % 31) as f32 - 15.0).collect();
            let (rows, columns) = (height + 2 * padding - 2, width + 2 * padding - 2);
            let mut out = vec![9.0; 2 * rows * columns * channels];
            correlate_separable(&x, [2, height, width, channels], &taps, padding, &mut out);
            for (at, &found) in out.iter().enumerate() {
                let (c, column) = (at % channels, at / channels % columns);
                let (row, entry) = (at / channels / columns % rows, at / channels / columns / rows);
                let mut expected = 0.0;
                for (i, j) in (0..3).flat_map(|i| (0..3).map(move |j| (i, j))) {
                    let (y, x_at) = ((row + i).wrapping_sub(padding), (column + j).wrapping_sub(padding));
                    if y < height && x_at < width {
                        expected +=
                            taps[i] * taps[j] * x[((entry * height + y) * width + x_at) * channels + c];
                    }
                }
                assert_eq!(found, expected);
            }
        }
    }
}
