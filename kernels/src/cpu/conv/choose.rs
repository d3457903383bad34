//! Which algorithm serves which shape.

use super::{Conv2d, winograd};

/// What is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// The output.
    Forward,
    /// The gradient of the input.
    InputGradient,
    /// The gradient of the filters.
    WeightGradient,
}

/// How it is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// One product of the tensors as they lie in memory.
    Matrix,
    /// A product whose rows are gathered from the pictures while it runs.
    Implicit,
    /// The same where the tensor that is read has few channels: its border is copied first, so that a whole row of
    /// the filter is one stretch of memory.
    FewRead,
    /// Where few channels are written: vectors run along the sum instead of the results.
    FewWritten,
    /// Winograd's minimal filtering: fewer multiplications, a few times the rounding error.
    Winograd,
}

/// Up to this many channels written, [`Algorithm::FewWritten`]: by arithmetic, as a panel of sixteen would be at most a
/// quarter full, and twelve registers hold no more sums. Not measured against panels.
const FEW_WRITTEN: usize = 4;
/// Up to this many channels read, [`Algorithm::FewRead`]: half a panel or less. Not measured; the nets here read 1 or 3,
/// or 16 and more.
const FEW_READ: usize = 8;

/// The algorithm for a shape and direction.
pub fn choose(c: &Conv2d, direction: Direction) -> Algorithm {
    if winograd::serves(c, direction) {
        return Algorithm::Winograd;
    }
    let pointwise = c.kernel == [1, 1] && c.stride == [1, 1];
    let whole = c.kernel == [c.height, c.width];
    let product = c.padding == [0, 0] && (pointwise || whole);
    let (read, written) = match direction {
        Direction::Forward => (c.channels_in, c.channels_out),
        Direction::InputGradient => (c.channels_out, c.channels_in),
        Direction::WeightGradient => {
            return if product {
                Algorithm::Matrix
            } else if c.channels_in <= FEW_READ {
                Algorithm::FewRead
            } else if c.channels_out <= FEW_READ && c.stride == [1, 1] {
                Algorithm::FewWritten
            } else {
                Algorithm::Implicit
            };
        }
    };
    // Where the input gradient of a whole-picture filter has few channels its matrix is wide all the same.
    let matrix_is_wide = direction == Direction::InputGradient && whole;
    if written <= FEW_WRITTEN && read > FEW_READ && !(product && matrix_is_wide) {
        Algorithm::FewWritten
    } else if product {
        Algorithm::Matrix
    } else if read <= FEW_READ {
        Algorithm::FewRead
    } else {
        Algorithm::Implicit
    }
}
