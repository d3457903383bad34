//! How a product is cut into tasks: by its shape alone.

use super::micro::{COLUMNS, ROWS};
use super::{Gemm, even};
use std::ops::Range;

/// Tasks wanted of one product: enough to balance a few threads, few enough that each packs little twice.
const TASKS: usize = 8;
/// Rows, columns and depth below which a task is not cut further.
const FEWEST: [usize; 3] = [96, 64, 1024];
/// Rows and columns above which it is: what one task packs stays well within the third-level cache.
const MOST: [usize; 2] = [768, 512];

/// Sizes of the pieces of a product.
pub(super) struct Cut {
    rows: usize,
    columns: usize,
    depth: usize,
}

/// One piece.
pub(super) struct Task {
    /// Which product of a batch.
    pub item: usize,
    /// Which stretch of the sum.
    pub stretch: usize,
    pub rows: Range<usize>,
    pub columns: Range<usize>,
    pub sum: Range<usize>,
}

impl Cut {
    /// The longer side of C is cut: along the columns each part of B is packed once, along the rows each part of A.
    /// Where C is so small that this gives too few tasks, so is the sum, which costs a matrix the size of C a stretch.
    pub(super) fn of(shape: &Gemm, batch: usize) -> Self {
        let &Gemm { m, n, k, .. } = shape;
        let wanted = TASKS.div_ceil(batch);
        let (rows, columns) = if n >= m {
            let columns = n.div_ceil(wanted).clamp(FEWEST[1], MOST[1]);
            (even(m, 4 * MOST[0], ROWS), even(n, columns, COLUMNS))
        } else {
            let rows = m.div_ceil(wanted).clamp(FEWEST[0], MOST[0]);
            (even(m, rows, ROWS), even(n, 2 * MOST[1], COLUMNS))
        };
        let blocks = m.div_ceil(rows) * n.div_ceil(columns) * batch;
        let stretches = (wanted * batch / blocks).clamp(1, k.div_ceil(FEWEST[2]));
        Self { rows, columns, depth: k.div_ceil(stretches) }
    }

    pub(super) fn stretches(&self, k: usize) -> usize {
        k.div_ceil(self.depth)
    }

    pub(super) fn tasks(&self, shape: &Gemm, batch: usize) -> usize {
        batch * self.stretches(shape.k) * shape.m.div_ceil(self.rows) * shape.n.div_ceil(self.columns)
    }

    pub(super) fn task(&self, shape: &Gemm, index: usize) -> Task {
        let piece = |index: usize, size: usize, all: usize| index * size..all.min((index + 1) * size);
        let (down, across) = (shape.m.div_ceil(self.rows), shape.n.div_ceil(self.columns));
        let (block, rest) = (index % (down * across), index / (down * across));
        let stretches = self.stretches(shape.k);
        let stretch = rest % stretches;
        Task {
            item: rest / stretches,
            stretch,
            rows: piece(block % down, self.rows, shape.m),
            columns: piece(block / down, self.columns, shape.n),
            sum: piece(stretch, self.depth, shape.k),
        }
    }
}
