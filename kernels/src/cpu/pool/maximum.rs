//! The largest value in each window, which tap it has, and what goes back there.

use std::ops::Range;

use rayon::prelude::*;

use super::{CHUNK, Pool, each_row};
use crate::cpu::simd::{Kernel, Vector, dispatch};

/// The windows of `N` values that follow each other on both sides, which reach into the picture in the same way.
struct Block<'a> {
    /// The picture's values from the first one under the first of the windows on.
    x: &'a [f32],
    /// Taps down and across that lie in the picture.
    taps: [Range<usize>; 2],
    /// Taps across, in all.
    width: usize,
    /// From one row of the picture to the next, and from one pixel to the next.
    steps: [usize; 2],
}

impl Block<'_> {
    /// What was chosen stays in registers while the taps go by. (Choosing tap by tap for a whole row compiles to masked
    /// stores, whose results cannot be forwarded to the next tap's loads: 28 ms instead of 2.3 for a million windows of
    /// 3x3.)
    #[inline(always)]
    fn choose<const N: usize>(&self, first: usize, y: &mut [f32], taps: &mut [u8]) {
        let [down, across] = &self.taps;
        let mut best = [f32::NEG_INFINITY; N];
        let mut chosen = [(down.start * self.width + across.start) as u32; N];
        for (line, i) in down.clone().enumerate() {
            for (step, j) in across.clone().enumerate() {
                let tap = (i * self.width + j) as u32;
                let x = &self.x[line * self.steps[0] + step * self.steps[1] + first..][..N];
                for lane in 0..N {
                    let better = x[lane] > best[lane] || x[lane].is_nan();
                    best[lane] = if better { x[lane] } else { best[lane] };
                    chosen[lane] = if better { tap } else { chosen[lane] };
                }
            }
        }
        y[first..][..N].copy_from_slice(&best);
        for (tap, chosen) in taps[first..][..N].iter_mut().zip(chosen) {
            *tap = chosen as u8;
        }
    }

    #[inline(always)]
    fn choose_all(&self, y: &mut [f32], taps: &mut [u8]) {
        let mut first = 0;
        while first + 16 <= y.len() {
            self.choose::<16>(first, y, taps);
            first += 16;
        }
        while first + 4 <= y.len() {
            self.choose::<4>(first, y, taps);
            first += 4;
        }
        while first < y.len() {
            self.choose::<1>(first, y, taps);
            first += 1;
        }
    }
}

struct MaximumRow<'a> {
    pool: &'a Pool,
    x: &'a [f32],
    row: usize,
    y: &'a mut [f32],
    taps: &'a mut [u8],
}

impl Kernel for MaximumRow<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Self { pool, x, row, y, taps } = self;
        let c = pool.channels;
        let columns = y.len() / c;
        let (down, top) = pool.inside(0, row);
        let mut column = 0;
        while column < columns {
            let (across, left) = pool.inside(1, column);
            // With stride 1, windows that lie wholly inside are one run.
            let is_whole = pool.stride[1] == 1 && across.len() == pool.kernel[1];
            let count = if is_whole { pool.width + 1 - pool.kernel[1] - left } else { 1 };
            let block = Block {
                x: &x[(top * pool.width + left) * c..],
                taps: [down.clone(), across],
                width: pool.kernel[1],
                steps: [pool.width * c, c],
            };
            let run = column * c..(column + count) * c;
            block.choose_all(&mut y[run.clone()], &mut taps[run]);
            column += count;
        }
    }
}

/// The largest value of each window and the tap it has in the window (row by row): the first of equal ones, the last NaN
/// if there is one, as in PyTorch. Padding is never chosen.
///
/// # Panics
/// If the lengths or the windows do not fit.
pub fn maximum(pool: &Pool, x: &[f32], y: &mut [f32], taps: &mut [u8]) {
    pool.check(x.len(), y.len());
    assert_eq!(y.len(), taps.len(), "maximum: lengths");
    if y.is_empty() {
        return;
    }
    let [rows, columns] = pool.output();
    let (row, picture) = (columns * pool.channels, pool.height * pool.width * pool.channels);
    let count = CHUNK.div_ceil(row);
    let chunks = y.par_chunks_mut(count * row).zip(taps.par_chunks_mut(count * row)).enumerate();
    chunks.for_each(|(chunk, (y, taps))| {
        for (i, (y, taps)) in y.chunks_exact_mut(row).zip(taps.chunks_exact_mut(row)).enumerate() {
            let at = chunk * count + i;
            let x = &x[at / rows * picture..][..picture];
            dispatch(MaximumRow { pool, x, row: at % rows, y, taps });
        }
    });
}

struct ChosenRow<'a> {
    pool: &'a Pool,
    x: &'a [f32],
    taps: &'a [u8],
    row: usize,
    y: &'a mut [f32],
}

impl Kernel for ChosenRow<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Self { pool, x, taps, row, y } = self;
        y.fill(0.0);
        let (length, columns) = (pool.width * pool.channels, y.len() / pool.channels);
        for (down, at) in pool.rows_under(row) {
            let x = &x[at * length..][..length];
            pool.runs(columns, |across, small, large, count| {
                let tap = (down * pool.kernel[1] + across) as u8;
                let values = y[small..][..count].iter_mut().zip(&taps[small..][..count]);
                for ((y, &chosen), &x) in values.zip(&x[large..][..count]) {
                    *y = if chosen == tap { x } else { *y };
                }
            });
        }
    }
}

/// The value of each window that lies at the tap `taps` names.
///
/// # Panics
/// If the lengths or the windows do not fit.
pub fn chosen(pool: &Pool, x: &[f32], taps: &[u8], y: &mut [f32]) {
    pool.check(x.len(), y.len());
    assert_eq!(y.len(), taps.len(), "chosen: lengths");
    let [rows, columns] = pool.output();
    let (row, picture) = (columns * pool.channels, pool.height * pool.width * pool.channels);
    each_row(y, rows, row, |entry, at, y| {
        let (x, taps) = (&x[entry * picture..][..picture], &taps[(entry * rows + at) * row..][..row]);
        dispatch(ChosenRow { pool, x, taps, row: at, y });
    });
}

/// Fills a row of the large side.
pub(in crate::cpu) struct PutBackRow<'a> {
    pub pool: &'a Pool,
    /// The picture's windows and their taps.
    pub y: &'a [f32],
    pub taps: &'a [u8],
    pub row: usize,
    pub x: &'a mut [f32],
}

impl Kernel for PutBackRow<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Self { pool, y, taps, row, x } = self;
        x.fill(0.0);
        let columns = pool.output()[1];
        let length = columns * pool.channels;
        for (down, at) in pool.rows_over(row) {
            let (y, taps) = (&y[at * length..][..length], &taps[at * length..][..length]);
            pool.runs(columns, |across, small, large, count| {
                let tap = (down * pool.kernel[1] + across) as u8;
                let values = y[small..][..count].iter().zip(&taps[small..][..count]);
                for ((&y, &chosen), x) in values.zip(&mut x[large..][..count]) {
                    *x += if chosen == tap { y } else { 0.0 };
                }
            });
        }
    }
}

/// The adjoint of [`chosen`]: adds each window's value up where its tap lies.
///
/// # Panics
/// If the lengths or the windows do not fit.
pub fn put_back(pool: &Pool, y: &[f32], taps: &[u8], x: &mut [f32]) {
    pool.check(x.len(), y.len());
    assert_eq!(y.len(), taps.len(), "put_back: lengths");
    let picture = pool.small() / pool.batch.max(1);
    each_row(x, pool.height, pool.width * pool.channels, |entry, row, x| {
        let (y, taps) = (&y[entry * picture..][..picture], &taps[entry * picture..][..picture]);
        dispatch(PutBackRow { pool, y, taps, row, x });
    });
}
