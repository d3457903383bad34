//! Separable filters: taps down and taps across, the same for every channel.

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

/// Correlates pictures `(N, H, W, C)` with `taps[0]` down and `taps[1]` across, `padding` zeros being around them on each side:
/// `out` is `(N, H', W', C)` with `H' = H + 2 padding[0] - taps[0] + 1`, `W'` likewise.
///
/// # Panics
/// If the lengths do not fit, a padded picture is smaller than the filter, or the padding is not smaller than it.
pub fn correlate_separable(
    x: &[f32],
    [batch, height, width, channels]: [usize; 4],
    taps: [&[f32]; 2],
    padding: [usize; 2],
    out: &mut [f32],
) {
    let count = taps.map(<[f32]>::len);
    let padded = [height + 2 * padding[0], width + 2 * padding[1]];
    let fits = (0..2).all(|axis| padding[axis] < count[axis] && padded[axis] >= count[axis]);
    assert!(fits, "correlate_separable: {height} x {width}, {count:?} taps, padding {padding:?}");
    let [rows, columns] = [0, 1].map(|axis| padded[axis] + 1 - count[axis]);
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
        let mut line = vec![0.0; row + 2 * padding[1] * channels];
        for (i, out) in out.chunks_exact_mut(out_row).enumerate() {
            let (entry, at) = ((chunk * lines + i) / rows, (chunk * lines + i) % rows);
            let first = at.saturating_sub(padding[0]);
            let end = (at + count[0] - padding[0]).min(height);
            let taps_down = &taps[0][first + padding[0] - at..end + padding[0] - at];
            let x = &x[(entry * height + first) * row..][..(end - first) * row];
            let inside = &mut line[padding[1] * channels..][..row];
            dispatch(Correlate { x, step: row, taps: taps_down, out: inside });
            dispatch(Correlate { x: &line, step: channels, taps: taps[1], out });
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_match_the_plain_sum() {
        let down = [0.5, -1.0, 2.0];
        for (height, width, channels, padding, across) in [
            (5, 7, 3, [0, 0], &[0.5, -1.0, 2.0][..]),
            (5, 40, 3, [1, 1], &[3.0, 1.0]),
            (3, 3, 1, [0, 0], &[1.0]),
            (1, 2, 2, [2, 1], &[1.0, -2.0, 0.5]),
            (4, 20, 5, [2, 3], &[1.0, 2.0, 3.0, 4.0]),
        ] {
            let x: Vec<f32> =
                (0..2 * height * width * channels).map(|i| ((i * 7919) % 31) as f32 - 15.0).collect();
            let (rows, columns) = (height + 2 * padding[0] - 2, width + 2 * padding[1] + 1 - across.len());
            let mut out = vec![9.0; 2 * rows * columns * channels];
            correlate_separable(&x, [2, height, width, channels], [&down, across], padding, &mut out);
            for (at, &found) in out.iter().enumerate() {
                let (c, column) = (at % channels, at / channels % columns);
                let (row, entry) = (at / channels / columns % rows, at / channels / columns / rows);
                let mut expected = 0.0;
                for (i, j) in (0..3).flat_map(|i| (0..across.len()).map(move |j| (i, j))) {
                    let (y, x_at) =
                        ((row + i).wrapping_sub(padding[0]), (column + j).wrapping_sub(padding[1]));
                    if y < height && x_at < width {
                        expected +=
                            down[i] * across[j] * x[((entry * height + y) * width + x_at) * channels + c];
                    }
                }
                assert_eq!(found, expected);
            }
        }
    }
}
