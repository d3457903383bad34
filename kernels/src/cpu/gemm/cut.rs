//! How a product is cut into tasks: by its shape alone.

use super::micro::{COLUMNS, ROWS};
use super::{DEPTH, Gemm, even};
use std::ops::Range;

/// Tasks wanted: enough to balance a few threads.
const TASKS: usize = 8;
/// Rows, columns and steps of the sum below which a task is not cut further. By reasoning: a tile of A fetched from the
/// third-level cache should serve a dozen panels. Timings of 64 against 192 columns did not separate from the noise.
const FEWEST: [usize; 3] = [96, 192, 2];
/// Rows and columns above which it is: what a task packs stays well within the third-level cache.
const MOST: [usize; 2] = [768, 512];

/// The operand that is packed whole before the tasks begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    /// A; tasks cut the columns of C.
    Left,
    /// B; tasks cut the rows of C.
    Right,
}

/// Sizes of the pieces of a product.
pub(super) struct Cut {
    pub shared: Side,
    /// Longest step of the sum.
    pub depth: usize,
    rows: usize,
    columns: usize,
    /// Steps of a stretch of the sum.
    steps: usize,
}

/// One piece.
pub(super) struct Task {
    /// Which product of a batch.
    pub item: usize,
    /// Which stretch of the sum, and its steps.
    pub stretch: usize,
    pub steps: Range<usize>,
    pub rows: Range<usize>,
    pub columns: Range<usize>,
}

impl Cut {
    /// Where C is so small that cutting its sides gives too few tasks, the sum is cut too: that costs another
    /// matrix of the size of C for each further stretch.
    pub(super) fn of(shape: &Gemm, batch: usize) -> Self {
        let &Gemm { m, n, k, .. } = shape;
        let wanted = TASKS.div_ceil(batch);
        let piece = |axis: usize, wanted: usize| {
            let (all, unit) = [(m, ROWS), (n, COLUMNS)][axis];
            even(all, all.div_ceil(wanted).clamp(FEWEST[axis], MOST[axis]), unit)
        };
        // The longer side first, the other as far as tasks are still wanting.
        let (shared, rows, columns) = if n >= m {
            let columns = piece(1, wanted);
            (Side::Left, piece(0, wanted.div_ceil(n.div_ceil(columns))), columns)
        } else {
            let rows = piece(0, wanted);
            (Side::Right, rows, piece(1, wanted.div_ceil(m.div_ceil(rows))))
        };
        let depth = even(k, DEPTH, 1);
        let (steps, blocks) = (k.div_ceil(depth), m.div_ceil(rows) * n.div_ceil(columns));
        let stretches = (wanted / blocks).clamp(1, steps.div_ceil(FEWEST[2]));
        Self { shared, depth, rows, columns, steps: steps.div_ceil(stretches) }
    }

    pub(super) fn stretches(&self, k: usize) -> usize {
        k.div_ceil(self.depth).div_ceil(self.steps)
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
            steps: piece(stretch, self.steps, shape.k.div_ceil(self.depth)),
            rows: piece(block % down, self.rows, shape.m),
            columns: piece(block / down, self.columns, shape.n),
        }
    }
}
