//! Which algorithm serves which shape.

use super::{Conv2d, Direction, winograd};

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

/// Up to this many channels written, [`Algorithm::FewWritten`]: 3 to 7 times as fast as panels with one to four channels, 16 and 64
/// read, taps from 1x1 to 7x7. By arithmetic up to eight would gain; no net here writes five to eight.
const FEW_WRITTEN: usize = 4;
/// Up to this many channels on the narrow side, [`Algorithm::FewRead`], and the weight gradient's [`Algorithm::FewWritten`]. Reading 6
/// gains 19 to 33% over panels, reading 8 5 to 20%, reading 12 and 16 nothing, with 3x3, 4x4 and 7x7. (Both on two Zen 5 cores, AVX-512.)
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
            return if c.channels_in <= FEW_READ && !product {
                Algorithm::FewRead
            } else if c.channels_in > FEW_READ && c.channels_out <= FEW_READ && c.stride == [1, 1] {
                // Products as well: 2.5 to 5 times as fast as gemm's panels at 1x1 with one to four channels.
                Algorithm::FewWritten
            } else if product {
                Algorithm::Matrix
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
