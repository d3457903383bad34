//! The largest values of windows of what a batch normalisation and its rectifier give, which is written nowhere itself.
//!
//! Back, the sums that a normalisation's gradient needs run over the values that were chosen alone.

use std::ops::Range;

use rayon::prelude::*;

use super::panels::piece;
use super::rectifier::{Rectifier, by_slope};
use super::{Affine, Groups, InputGradient};
use crate::cpu::pool::{CHUNK, Pool, PutBackRow, each_row};
use crate::cpu::simd::{Kernel, Vector, dispatch};

/// What is written of each window.
pub struct Chosen<'a> {
    /// The value of `x` that was chosen.
    pub x: &'a mut [f32],
    /// What it gave.
    pub y: &'a mut [f32],
    /// Its tap in the window, row by row.
    pub taps: &'a mut [u8],
}

struct ChooseRow<'a, R> {
    pool: &'a Pool,
    /// The picture.
    x: &'a [f32],
    scale: &'a [f32],
    shift: &'a [f32],
    rectifier: R,
    row: usize,
    /// Where each tap of a window reads, from its first on.
    places: &'a [usize],
    chosen: Chosen<'a>,
}

/// A window: the first pixel that lies in the picture, and its taps that do.
struct Window {
    first: usize,
    taps: [Range<usize>; 2],
}

impl<R: Rectifier> ChooseRow<'_, R> {
    /// What is largest before the rectifier, which never falls, is largest behind it. (With the rectifier in the loop, or the value of `x`
    /// carried along, it compiled to branches for each lane, four times as slow.)
    #[inline(always)]
    fn choose<const N: usize>(&mut self, window: &Window, to: usize, at: usize) {
        let (c, width) = (self.pool.channels, self.pool.kernel[1]);
        let [down, across] = &window.taps;
        let (scale, shift): ([f32; N], [f32; N]) = (piece(self.scale, at), piece(self.shift, at));
        let mut best = [f32::NEG_INFINITY; N];
        let mut chosen = [(down.start * width + across.start) as u32; N];
        for (line, i) in down.clone().enumerate() {
            for (step, j) in across.clone().enumerate() {
                let tap = (i * width + j) as u32;
                let mut value: [f32; N] =
                    piece(self.x, (window.first + line * self.pool.width + step) * c + at);
                for lane in 0..N {
                    value[lane] = value[lane] * scale[lane] + shift[lane];
                }
                for lane in 0..N {
                    let better = value[lane] > best[lane] || value[lane].is_nan();
                    best[lane] = if better { value[lane] } else { best[lane] };
                    chosen[lane] = if better { tap } else { chosen[lane] };
                }
            }
        }
        for (y, best) in self.chosen.y[to + at..][..N].iter_mut().zip(best) {
            *y = self.rectifier.apply(best);
        }
        let taps = &mut self.chosen.taps[to + at..][..N];
        for (tap, chosen) in taps.iter_mut().zip(chosen) {
            *tap = chosen as u8;
        }
        let first = self.places[down.start * width + across.start];
        let x = &self.x[window.first * c + at..];
        for (lane, from) in self.chosen.x[to + at..][..N].iter_mut().enumerate() {
            *from = x[self.places[chosen[lane] as usize] - first + lane];
        }
    }
}

impl<R: Rectifier> Kernel for ChooseRow<'_, R> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(mut self) {
        let (pool, c) = (self.pool, self.pool.channels);
        let (down, top) = pool.inside(0, self.row);
        for column in 0..pool.output()[1] {
            let (across, left) = pool.inside(1, column);
            let window = Window { first: top * pool.width + left, taps: [down.clone(), across] };
            let mut at = 0;
            while at + 16 <= c {
                self.choose::<16>(&window, column * c, at);
                at += 16;
            }
            while at < c {
                self.choose::<1>(&window, column * c, at);
                at += 1;
            }
        }
    }
}

/// The largest of `rectified(x * scale + shift)` of each window, as [`maximum`](crate::cpu::pool::maximum) chooses it.
///
/// # Panics
/// If the lengths or the windows do not fit, or the affine map is that of several groups.
pub fn affine_maximum(pool: &Pool, x: &[f32], affine: Affine, chosen: Chosen) {
    let Chosen { x: from, y, taps } = chosen;
    pool.check(x.len(), y.len());
    let channels = pool.channels;
    assert!(from.len() == y.len() && taps.len() == y.len(), "affine_maximum: lengths");
    assert!(affine.scale.len() == channels && affine.shift.len() == channels, "affine_maximum: one group");
    if y.is_empty() {
        return;
    }
    let [rows, columns] = pool.output();
    let (row, picture) = (columns * channels, pool.height * pool.width * channels);
    let size = CHUNK.div_ceil(row) * row;
    let place = |tap: usize| (tap / pool.kernel[1] * pool.width + tap % pool.kernel[1]) * channels;
    let places: Vec<usize> = (0..pool.kernel[0] * pool.kernel[1]).map(place).collect();
    let chunks = y.par_chunks_mut(size).zip(from.par_chunks_mut(size)).zip(taps.par_chunks_mut(size));
    chunks.enumerate().for_each(|(chunk, ((y, from), taps))| {
        let parts = y.chunks_exact_mut(row).zip(from.chunks_exact_mut(row)).zip(taps.chunks_exact_mut(row));
        for (i, ((y, from), taps)) in parts.enumerate() {
            let at = chunk * (size / row) + i;
            let (x, row) = (&x[at / rows * picture..][..picture], at % rows);
            let chosen = Chosen { x: from, y, taps };
            let Affine { scale, shift, slope } = affine;
            by_slope!(slope, rectifier => {
                dispatch(ChooseRow { pool, x, scale, shift, rectifier, row, places: &places, chosen });
            });
        }
    });
}

/// The gradient of the normalisation's input from that of the windows' values, as
/// [`input_gradient`](super::input_gradient) has it from that of all values.
///
/// # Panics
/// If the lengths or the windows do not fit, or the statistics are those of several groups.
pub fn input_gradient_maximum(
    pool: &Pool,
    x: &[f32],
    [dy, slope, offset]: [&[f32]; 3],
    taps: &[u8],
    affine: Affine,
    dx: &mut [f32],
) {
    pool.check(x.len(), dy.len());
    let shape = Groups { groups: 1, rows: pool.batch * pool.height * pool.width, channels: pool.channels };
    assert!(
        taps.len() == dy.len()
            && dx.len() == x.len()
            && affine.fits(shape)
            && slope.len() == pool.channels
            && offset.len() == slope.len(),
        "input_gradient_maximum: lengths"
    );
    let picture = pool.small() / pool.batch.max(1);
    let length = pool.width * pool.channels;
    let Affine { scale, shift, slope: rectified } = affine;
    each_row(dx, pool.height, length, |entry, row, dx| {
        let (y, taps) = (&dy[entry * picture..][..picture], &taps[entry * picture..][..picture]);
        dispatch(PutBackRow { pool, y, taps, row, x: dx });
        let x = &x[(entry * pool.height + row) * length..][..length];
        by_slope!(rectified, rectifier => {
            dispatch(InputGradient { x, dy: dx, scale, shift, rectifier, slope, offset });
        });
    });
}
