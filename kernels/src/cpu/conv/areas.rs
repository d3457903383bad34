//! Pixels of a batch cut into areas whose panels fit the first-level cache, and sums over stretches of them.

use crate::Buffer;
use crate::cpu::gemm::even;
use crate::cpu::gemm::output::Output;
use rayon::prelude::*;
use std::ops::Range;

/// Most pixels of an area: a panel of sixteen channels takes 16 KB of a first-level cache of 32 or 48 KB. With 384 strided 3x3 lost 13 to
/// 17% in two of five shapes, with 512 it differed by no more than runs do (two Zen 5 cores).
const PIXELS: usize = 256;
/// Most columns: squarer areas have less border, which is packed twice.
const COLUMNS: usize = 32;

/// All pixels of a batch of pictures, in areas of nearly equal size.
pub(super) struct Areas {
    whole: [usize; 3],
    piece: [usize; 3],
}

/// Some pictures, some rows and some columns.
#[derive(Clone, Debug)]
pub(super) struct Area {
    pub items: Range<usize>,
    pub rows: Range<usize>,
    pub columns: Range<usize>,
}

impl Area {
    pub(super) fn pixels(&self) -> usize {
        self.items.len() * self.rows.len() * self.columns.len()
    }

    /// Picture and row of each stretch of `columns`.
    pub(super) fn lines(&self) -> impl Iterator<Item = (usize, usize)> + use<> {
        let rows = self.rows.clone();
        self.items.clone().flat_map(move |item| rows.clone().map(move |row| (item, row)))
    }
}

impl Areas {
    pub(super) fn new(batch: usize, rows: usize, columns: usize) -> Self {
        let across = even(columns, COLUMNS, 1);
        let down = even(rows, PIXELS / across, 1);
        let items = if down == rows && across == columns {
            even(batch, (PIXELS / (down * across)).max(1), 1)
        } else {
            1
        };
        Self { whole: [batch, rows, columns], piece: [items, down, across] }
    }

    fn counts(&self) -> [usize; 3] {
        [0, 1, 2].map(|axis| self.whole[axis].div_ceil(self.piece[axis]))
    }

    pub(super) fn count(&self) -> usize {
        self.counts().iter().product()
    }

    pub(super) fn area(&self, index: usize) -> Area {
        let [_, down, across] = self.counts();
        let piece = |axis: usize, index: usize| {
            index * self.piece[axis]..self.whole[axis].min((index + 1) * self.piece[axis])
        };
        Area {
            items: piece(0, index / (down * across)),
            rows: piece(1, index / across % down),
            columns: piece(2, index % across),
        }
    }
}

/// Fills `result` with a sum over `stretches` stretches: `work` writes one stretch's sum to where it is told, and
/// those of all stretches are added in order.
pub(super) fn sum_stretches(
    stretches: usize,
    result: &mut [f32],
    work: impl FnOnce(&dyn Fn(usize) -> Output),
) {
    const CHUNK: usize = 16 * 1024;
    let length = result.len();
    let mut partial = Buffer::new((stretches - 1) * length);
    let (first, rest) = (Output::new(result), Output::new(&mut partial));
    work(&|stretch| if stretch == 0 { first } else { rest.offset((stretch - 1) * length) });
    if stretches == 1 {
        return;
    }
    result.par_chunks_mut(CHUNK).enumerate().for_each(|(index, result)| {
        for part in partial.chunks_exact(length) {
            let part = &part[index * CHUNK..][..result.len()];
            result.iter_mut().zip(part).for_each(|(result, part)| *result += part);
        }
    });
}
