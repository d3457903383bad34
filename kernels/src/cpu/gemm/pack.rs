//! Copies of matrices in the order the micro-kernel reads them.
//!
//! A panel of B holds sixteen columns, row after row, so that the kernel reads it from front to back and no two of
//! its lines fight for one place in the first-level cache (rows of a matrix with 1,024 columns all do). Columns
//! past the matrix are zeros.

use super::micro::{COLUMNS, ROWS};
use crate::cpu::simd::Vector;

/// Packs `width` columns of a row-major matrix of `k` rows that begin at `from`, `stride` floats apart, into panels
/// that begin at `to`, `apart` floats from one to the next.
///
/// Row by row over all panels: a panel at a time would take one cache line from each row, which in a wide matrix is one
/// from each page.
///
/// # Safety
/// The processor must support `V`; `from` must be readable for `width` floats in each row, `to` writable for `16 k`
/// floats in each panel.
#[inline(always)]
pub(crate) unsafe fn columns<V: Vector>(
    k: usize,
    from: *const f32,
    stride: usize,
    width: usize,
    to: *mut f32,
    apart: usize,
) {
    let (whole, rest) = (width / COLUMNS, width % COLUMNS);
    // SAFETY: the caller's promises.
    unsafe {
        for i in 0..k {
            let (from, to) = (from.add(i * stride), to.add(i * COLUMNS));
            for panel in 0..whole {
                let (from, to) = (from.add(panel * COLUMNS), to.add(panel * apart));
                V::load(from).store(to);
                V::load(from.add(V::LANES)).store(to.add(V::LANES));
            }
            if rest > 0 {
                let (from, to) = (from.add(whole * COLUMNS), to.add(whole * apart));
                for j in 0..COLUMNS {
                    *to.add(j) = if j < rest { *from.add(j) } else { 0.0 };
                }
            }
        }
    }
}

/// Packs sixteen columns of a matrix that lies transposed: column `j` is read at `from + j * stride`, along `k`.
///
/// # Safety
/// The processor must support `V`; `from` must be readable for `k` floats in each of `columns` rows, `to`
/// writable for `16 k` floats.
#[inline(always)]
pub(crate) unsafe fn columns_transposed<V: Vector>(
    k: usize,
    from: *const f32,
    stride: usize,
    columns: usize,
    to: *mut f32,
) {
    let whole = k - k % V::LANES;
    // SAFETY: whole groups of eight end within `k`, and only rows below `columns` are read.
    unsafe {
        for half in 0..2 {
            let first = half * V::LANES;
            for i in (0..whole).step_by(V::LANES) {
                let mut square = [V::splat(0.0); 8];
                for (j, row) in square.iter_mut().enumerate() {
                    if first + j < columns {
                        *row = V::load(from.add((first + j) * stride + i));
                    }
                }
                let square = V::transpose(square);
                for (j, row) in square.iter().enumerate() {
                    row.store(to.add((i + j) * COLUMNS + first));
                }
            }
        }
        for i in whole..k {
            for j in 0..COLUMNS {
                *to.add(i * COLUMNS + j) = if j < columns { *from.add(j * stride + i) } else { 0.0 };
            }
        }
    }
}

/// Packs six rows of a matrix that lies transposed: `k` steps that begin at `from`, `stride` floats apart, of which
/// the first `rows` (at most six) floats count. The rest are zeros.
///
/// # Safety
/// The processor must support `V`; each step must be readable for `rows` floats, and for eight where `spacious`;
/// `to` must be writable for `6 k + 2` floats.
#[inline(always)]
pub(crate) unsafe fn rows_transposed<V: Vector>(
    k: usize,
    from: *const f32,
    stride: usize,
    rows: usize,
    spacious: bool,
    to: *mut f32,
) {
    // SAFETY: the caller's promises.
    unsafe {
        if rows == ROWS && spacious {
            // Eight floats are copied and the next step overwrites the last two: one load and one store a step.
            for i in 0..k {
                V::load(from.add(i * stride)).store(to.add(i * ROWS));
            }
        } else {
            for i in 0..k {
                for r in 0..ROWS {
                    *to.add(i * ROWS + r) = if r < rows { *from.add(i * stride + r) } else { 0.0 };
                }
            }
        }
    }
}

/// Packs rows of a matrix that lies transposed into panels of six: `k` steps that begin at `from`, `stride` floats apart, each of
/// `rows` floats; the panels begin at `to`, `apart` floats from one to the next. Rows past the last of a panel are zeros.
///
/// Step by step over all panels: a panel at a time would come back for each cache line three times. Short sums of few steps are
/// better off with [`rows_transposed`].
///
/// # Safety
/// The processor must support `V`; each step must be readable for `rows` floats, each panel writable for `6 k` floats.
#[inline(always)]
pub(crate) unsafe fn panels_transposed<V: Vector>(
    k: usize,
    from: *const f32,
    stride: usize,
    rows: usize,
    to: *mut f32,
    apart: usize,
) {
    let (whole, rest) = (rows / ROWS, rows % ROWS);
    // SAFETY: the caller's promises. The two floats more that are read lie in the next step, those that are written in the next
    // step of the panel.
    unsafe {
        for i in 0..k {
            let (from, to) = (from.add(i * stride), to.add(i * ROWS));
            if i + 1 < k {
                // Eight floats are copied, of which the next step overwrites the last two: one load and one store.
                for panel in 0..whole {
                    V::load(from.add(panel * ROWS)).store(to.add(panel * apart));
                }
            } else {
                for panel in 0..whole {
                    std::ptr::copy_nonoverlapping(from.add(panel * ROWS), to.add(panel * apart), ROWS);
                }
            }
            if rest > 0 {
                let (from, to) = (from.add(whole * ROWS), to.add(whole * apart));
                for r in 0..ROWS {
                    *to.add(r) = if r < rest { *from.add(r) } else { 0.0 };
                }
            }
        }
    }
}

/// Copies `k` floats.
///
/// # Safety
/// The processor must support `V`; both pointers must be valid for `k` floats.
#[inline(always)]
pub(crate) unsafe fn row<V: Vector>(k: usize, from: *const f32, to: *mut f32) {
    let whole = k - k % V::LANES;
    // SAFETY: the caller's promises.
    unsafe {
        for i in (0..whole).step_by(V::LANES) {
            V::load(from.add(i)).store(to.add(i));
        }
        for i in whole..k {
            *to.add(i) = *from.add(i);
        }
    }
}
