//! How a product is cut into tasks: by its shape alone.

use super::micro::{COLUMNS, ROWS};
use super::{DEPTH, even};
use std::ops::Range;

/// Tasks wanted: equal ones for 2, 3, 4, 6 or 12 threads.
const TASKS: usize = 12;
/// Rows, columns and steps of the sum below which a task is not cut further: a panel of B that comes into the first-level
/// cache should serve eight tiles of A, a tile of A six panels.
const FEWEST: [usize; 3] = [48, 96, 2];
/// Rows and columns above which it is: what a task packs stays well within the second- or third-level cache.
const MOST: [usize; 2] = [768, 512];
/// Rows and columns that a cut keeps together: a tile's, and those of the two panels that are best multiplied together.
const UNIT: [usize; 2] = [ROWS, 2 * COLUMNS];

/// The operand that is packed whole before the tasks begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    /// A; tasks cut the columns of C.
    Left,
    /// B; tasks cut the rows of C.
    Right,
}

/// The pieces of a product.
pub(super) struct Cut {
    pub shared: Side,
    /// Longest step of the sum.
    pub depth: usize,
    /// Into how many stretches the sum is cut.
    pub stretches: usize,
    sizes: [usize; 2],
    /// Into how many pieces the rows and the columns are cut.
    pieces: [usize; 2],
    /// Steps of the sum.
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
    ///
    /// `sizes` are the rows and columns of C.
    pub(super) fn of(sizes: [usize; 2], k: usize, batch: usize) -> Self {
        let wanted = TASKS.div_ceil(batch);
        let pieces = |axis: usize, wanted: usize| {
            let most = sizes[axis].div_ceil(MOST[axis]).max(wanted);
            paired(most.min(sizes[axis] / FEWEST[axis]).max(1))
        };
        // The longer side first, the other as far as tasks are still wanting.
        let long = usize::from(sizes[1] >= sizes[0]);
        let mut cut = [1, 1];
        cut[long] = pieces(long, wanted);
        cut[1 - long] = pieces(1 - long, wanted.div_ceil(cut[long]));
        let depth = even(k, DEPTH, 1);
        let steps = k.div_ceil(depth);
        let stretches = paired((wanted / (cut[0] * cut[1])).clamp(1, steps.div_ceil(FEWEST[2])));
        let shared = [Side::Right, Side::Left][long];
        Self { shared, depth, stretches, sizes, pieces: cut, steps }
    }

    pub(super) fn tasks(&self, batch: usize) -> usize {
        batch * self.stretches * self.pieces[0] * self.pieces[1]
    }

    pub(super) fn task(&self, index: usize) -> Task {
        let side = |axis: usize, index: usize| {
            let Range { start, end } = nth(self.sizes[axis].div_ceil(UNIT[axis]), self.pieces[axis], index);
            start * UNIT[axis]..self.sizes[axis].min(end * UNIT[axis])
        };
        let [down, across] = self.pieces;
        let (block, rest) = (index % (down * across), index / (down * across));
        let stretch = rest % self.stretches;
        Task {
            item: rest / self.stretches,
            stretch,
            steps: nth(self.steps, self.stretches, stretch),
            rows: side(0, block % down),
            columns: side(1, block / down),
        }
    }
}

/// An odd number of equal pieces would leave one of two threads waiting for the other.
fn paired(pieces: usize) -> usize {
    if pieces > 2 { pieces - pieces % 2 } else { pieces }
}

/// Piece `index` of `count` into which `all` units are cut as evenly as can be.
fn nth(all: usize, count: usize, index: usize) -> Range<usize> {
    index * all / count..(index + 1) * all / count
}
