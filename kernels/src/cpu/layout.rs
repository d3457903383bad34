//! Copies that change the order or the extent of axes.

use rayon::prelude::*;

use super::strides::{Rows, dense, join_axes};

/// Elements a task handles.
const CHUNK: usize = 16 * 1024;

/// Writes `x` with its axes in the order `axes`: axis `i` of the output is axis `axes[i]` of `x`, of shape `shape`.
///
/// # Panics
/// If `axes` is no permutation of the axes or the lengths do not fit.
pub fn permute(x: &[f32], shape: &[usize], axes: &[usize], out: &mut [f32]) {
    assert!(x.len() == out.len() && shape.len() == axes.len(), "permute: lengths");
    let mut seen = axes.to_vec();
    seen.sort_unstable();
    assert!(seen.iter().copied().eq(0..shape.len()), "permute: {axes:?} is no permutation");
    if out.is_empty() {
        return;
    }
    let strides = dense(shape);
    let out_shape: Vec<usize> = axes.iter().map(|&axis| shape[axis]).collect();
    let steps: Vec<usize> = axes.iter().map(|&axis| strides[axis]).collect();
    strided_copy(x, 0, &out_shape, &steps, out);
}

/// Writes the block of `x` (of shape `shape`) that starts at `start` and has the shape `size`.
///
/// # Panics
/// If the block reaches beyond `x` or the lengths do not fit.
pub fn block(x: &[f32], shape: &[usize], start: &[usize], size: &[usize], out: &mut [f32]) {
    let inside = (0..shape.len()).all(|axis| start[axis] + size[axis] <= shape[axis]);
    assert!(inside && out.len() == size.iter().product(), "block: {start:?} + {size:?} in {shape:?}");
    if out.is_empty() {
        return;
    }
    let strides = dense(shape);
    let offset = start.iter().zip(&strides).map(|(s, t)| s * t).sum();
    strided_copy(x, offset, size, &strides, out);
}

/// `out[i, j, ...] = x[offset + i * steps[0] + j * steps[1] + ...]` for `out` of shape `shape`, which has no empty axis.
fn strided_copy(x: &[f32], offset: usize, shape: &[usize], steps: &[usize], out: &mut [f32]) {
    let (shape, [steps]) = join_axes(shape, [steps]);
    let (&row, outer) = shape.split_last().expect("one axis stays");
    let (&step, outer_steps) = steps.split_last().expect("one axis stays");
    if outer.is_empty() && step == 1 {
        out.par_chunks_mut(CHUNK).zip(x[offset..].par_chunks(CHUNK)).for_each(|(out, x)| {
            out.copy_from_slice(&x[..out.len()]);
        });
        return;
    }
    let rows = CHUNK.div_ceil(row);
    out.par_chunks_mut(rows * row).enumerate().for_each(|(chunk, out)| {
        for (out, at) in out.chunks_exact_mut(row).zip(Rows::from(chunk * rows, outer, outer_steps)) {
            let at = offset + at;
            if step == 1 {
                copy(&x[at..][..row], out);
            } else {
                for (j, out) in out.iter_mut().enumerate() {
                    *out = x[at + j * step];
                }
            }
        }
    });
}

/// A copy that is quick for a few values too, where the call to `memcpy` would be most of the work.
#[inline(always)]
fn copy(x: &[f32], out: &mut [f32]) {
    if x.len() >= 16 {
        out.copy_from_slice(x);
    } else {
        for (out, &value) in out.iter_mut().zip(x) {
            *out = value;
        }
    }
}

/// Writes `x`, of shape `size`, among zeros: into the block of `out` (of shape `shape`) that starts at `start`.
///
/// # Panics
/// If the block reaches beyond `out` or the lengths do not fit.
pub fn embed(x: &[f32], shape: &[usize], start: &[usize], size: &[usize], out: &mut [f32]) {
    let inside = (0..shape.len()).all(|axis| start[axis] + size[axis] <= shape[axis]);
    let lengths = x.len() == size.iter().product() && out.len() == shape.iter().product();
    assert!(inside && lengths, "embed: {start:?} + {size:?} in {shape:?}");
    if out.is_empty() {
        return;
    }
    // The axes inside the last one that is not full move with it as one.
    let Some(last) = (0..shape.len()).rev().find(|&axis| size[axis] != shape[axis]) else {
        out.par_chunks_mut(CHUNK).zip(x.par_chunks(CHUNK)).for_each(|(out, x)| out.copy_from_slice(x));
        return;
    };
    let inner: usize = shape[last + 1..].iter().product();
    let (row, piece, before) = (shape[last] * inner, size[last] * inner, start[last] * inner);
    let rows = CHUNK.div_ceil(row);
    out.par_chunks_mut(rows * row).enumerate().for_each(|(chunk, out)| {
        for (i, out) in out.chunks_exact_mut(row).enumerate() {
            if let Some(from) = row_inside(chunk * rows + i, &shape[..last], start, size) {
                out[..before].fill(0.0);
                copy(&x[from * piece..][..piece], &mut out[before..before + piece]);
                out[before + piece..].fill(0.0);
            } else {
                out.fill(0.0);
            }
        }
    });
}

/// The row of a block that lies at a row of the array around it, if one does. Rows are counted over the axes of `shape`.
fn row_inside(row: usize, shape: &[usize], start: &[usize], size: &[usize]) -> Option<usize> {
    let (mut rest, mut at, mut stride) = (row, 0, 1);
    for axis in (0..shape.len()).rev() {
        let place = (rest % shape[axis]).checked_sub(start[axis]).filter(|&place| place < size[axis])?;
        rest /= shape[axis];
        at += place * stride;
        stride *= size[axis];
    }
    Some(at)
}

/// Writes rows made of one piece of every input in turn: each input is its values and the length of its pieces.
///
/// # Panics
/// If the inputs do not have equally many pieces or do not fill `out`.
pub fn interleave(inputs: &[(&[f32], usize)], out: &mut [f32]) {
    let row: usize = inputs.iter().map(|&(_, piece)| piece).sum();
    assert!(out.len() == inputs.iter().map(|(x, _)| x.len()).sum(), "interleave: lengths");
    if out.is_empty() {
        return;
    }
    let rows = CHUNK.div_ceil(row);
    out.par_chunks_mut(rows * row).enumerate().for_each(|(chunk, out)| {
        for (i, out) in out.chunks_mut(row).enumerate() {
            let mut rest = out;
            for &(x, piece) in inputs {
                let (here, after) = rest.split_at_mut(piece);
                copy(&x[(chunk * rows + i) * piece..][..piece], here);
                rest = after;
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_change_places() {
        let x: Vec<f32> = (0..24).map(|v| v as f32).collect();
        let mut out = vec![0.0; 24];
        permute(&x, &[2, 3, 4], &[2, 0, 1], &mut out);
        for (i, j, k) in (0..2).flat_map(|i| (0..3).flat_map(move |j| (0..4).map(move |k| (i, j, k)))) {
            assert_eq!(out[(k * 2 + i) * 3 + j], x[(i * 3 + j) * 4 + k]);
        }
    }

    #[test]
    fn blocks_are_cut_out_and_put_back_among_zeros() {
        let shape = [3, 4, 5, 2];
        let x: Vec<f32> = (1..=120).map(|v| v as f32).collect();
        for (start, size) in [
            ([0, 1, 2, 0], [3, 2, 2, 2]),
            ([1, 0, 0, 0], [2, 4, 5, 2]),
            ([0, 0, 0, 0], shape),
            ([2, 3, 4, 1], [1, 1, 1, 1]),
            ([0, 0, 1, 0], [3, 4, 3, 2]),
            ([0, 2, 0, 0], [3, 0, 5, 2]),
        ] {
            let is_inside = |at: usize| {
                let place = [at / 40, at / 10 % 4, at / 2 % 5, at % 2];
                (0..4).all(|axis| (start[axis]..start[axis] + size[axis]).contains(&place[axis]))
            };
            let expected: Vec<f32> = (0..120).filter(|&at| is_inside(at)).map(|at| x[at]).collect();
            let mut cut = vec![0.0; expected.len()];
            block(&x, &shape, &start, &size, &mut cut);
            assert_eq!(cut, expected);
            let mut back = vec![9.0; 120];
            embed(&cut, &shape, &start, &size, &mut back);
            assert!(back.iter().enumerate().all(|(at, &v)| v == if is_inside(at) { x[at] } else { 0.0 }));
        }
    }
}
