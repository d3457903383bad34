//! Copies that change the order or the extent of axes.

use rayon::prelude::*;

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
    let mut strides = vec![1; shape.len()];
    for axis in (1..shape.len()).rev() {
        strides[axis - 1] = strides[axis] * shape[axis];
    }
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
    let mut strides = vec![1; shape.len()];
    for axis in (1..shape.len()).rev() {
        strides[axis - 1] = strides[axis] * shape[axis];
    }
    let offset = start.iter().zip(&strides).map(|(s, t)| s * t).sum();
    strided_copy(x, offset, size, &strides, out);
}

/// `out[i, j, ...] = x[offset + i * steps[0] + j * steps[1] + ...]` for `out` of shape `shape`.
fn strided_copy(x: &[f32], offset: usize, shape: &[usize], steps: &[usize], out: &mut [f32]) {
    let Some((&row, outer)) = shape.split_last() else {
        out[0] = x[offset];
        return;
    };
    let step = steps[outer.len()];
    let rows = CHUNK.div_ceil(row);
    out.par_chunks_mut(rows * row).enumerate().for_each(|(chunk, out)| {
        for (i, out) in out.chunks_mut(row).enumerate() {
            let (mut rest, mut at) = (chunk * rows + i, offset);
            for axis in (0..outer.len()).rev() {
                at += rest % outer[axis] * steps[axis];
                rest /= outer[axis];
            }
            if step == 1 {
                out.copy_from_slice(&x[at..][..row]);
            } else {
                for (j, out) in out.iter_mut().enumerate() {
                    *out = x[at + j * step];
                }
            }
        }
    });
}

/// Adds `x`, of shape `size`, into the block of `out` (of shape `shape`) that starts at `start`.
///
/// # Panics
/// If the block reaches beyond `out` or the lengths do not fit.
pub fn add_block(x: &[f32], shape: &[usize], start: &[usize], size: &[usize], out: &mut [f32]) {
    let inside = (0..shape.len()).all(|axis| start[axis] + size[axis] <= shape[axis]);
    assert!(inside && x.len() == size.iter().product(), "add_block: {start:?} + {size:?} in {shape:?}");
    let Some((&row, outer)) = size.split_last() else {
        out[0] += x[0];
        return;
    };
    if x.is_empty() {
        return;
    }
    for (index, x) in x.chunks(row).enumerate() {
        let (mut rest, mut at, mut stride) = (index, start[outer.len()], shape[outer.len()]);
        for axis in (0..outer.len()).rev() {
            at += (rest % outer[axis] + start[axis]) * stride;
            rest /= outer[axis];
            stride *= shape[axis];
        }
        for (out, value) in out[at..][..row].iter_mut().zip(x) {
            *out += value;
        }
    }
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
                here.copy_from_slice(&x[(chunk * rows + i) * piece..][..piece]);
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
    fn a_block_is_cut_out_and_put_back() {
        let x: Vec<f32> = (0..24).map(|v| v as f32).collect();
        let (shape, start, size) = ([2, 3, 4], [0, 1, 2], [2, 2, 2]);
        let mut cut = vec![0.0; 8];
        block(&x, &shape, &start, &size, &mut cut);
        assert_eq!(cut, [6., 7., 10., 11., 18., 19., 22., 23.]);
        let mut back = vec![0.0; 24];
        add_block(&cut, &shape, &start, &size, &mut back);
        let expected: Vec<f32> = x.iter().map(|&v| if cut.contains(&v) { v } else { 0.0 }).collect();
        assert_eq!(back, expected);
    }
}
