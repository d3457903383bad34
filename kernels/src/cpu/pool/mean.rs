//! The mean of each window, and its adjoint.

use super::{Pool, each_row};
use crate::cpu::simd::{Kernel, Vector, dispatch};

struct MeanRow<'a> {
    pool: &'a Pool,
    x: &'a [f32],
    row: usize,
    y: &'a mut [f32],
}

impl Kernel for MeanRow<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Self { pool, x, row, y } = self;
        y.fill(0.0);
        let (length, columns) = (pool.width * pool.channels, y.len() / pool.channels);
        for (_, at) in pool.rows_under(row) {
            let x = &x[at * length..][..length];
            pool.runs(columns, |_, small, large, count| {
                for (y, &x) in y[small..][..count].iter_mut().zip(&x[large..][..count]) {
                    *y += x;
                }
            });
        }
        let factor = 1.0 / (pool.kernel[0] * pool.kernel[1]) as f32;
        for y in y {
            *y *= factor;
        }
    }
}

/// The mean of each window; padding counts as zeros.
///
/// # Panics
/// If the lengths or the windows do not fit.
pub fn mean(pool: &Pool, x: &[f32], y: &mut [f32]) {
    pool.check(x.len(), y.len());
    let [rows, columns] = pool.output();
    let picture = pool.height * pool.width * pool.channels;
    each_row(y, rows, columns * pool.channels, |entry, row, y| {
        dispatch(MeanRow { pool, x: &x[entry * picture..][..picture], row, y });
    });
}

struct SpreadRow<'a> {
    pool: &'a Pool,
    y: &'a [f32],
    row: usize,
    x: &'a mut [f32],
}

impl Kernel for SpreadRow<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Self { pool, y, row, x } = self;
        x.fill(0.0);
        let columns = pool.output()[1];
        let length = columns * pool.channels;
        for (_, at) in pool.rows_over(row) {
            let y = &y[at * length..][..length];
            pool.runs(columns, |_, small, large, count| {
                for (x, &y) in x[large..][..count].iter_mut().zip(&y[small..][..count]) {
                    *x += y;
                }
            });
        }
        let factor = 1.0 / (pool.kernel[0] * pool.kernel[1]) as f32;
        for x in x {
            *x *= factor;
        }
    }
}

/// The adjoint of [`mean`]: spreads each window's value evenly over it.
///
/// # Panics
/// If the lengths or the windows do not fit.
pub fn spread(pool: &Pool, y: &[f32], x: &mut [f32]) {
    pool.check(x.len(), y.len());
    let picture = pool.small() / pool.batch.max(1);
    each_row(x, pool.height, pool.width * pool.channels, |entry, row, x| {
        dispatch(SpreadRow { pool, y: &y[entry * picture..][..picture], row, x });
    });
}
