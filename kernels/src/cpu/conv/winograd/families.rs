//! Which lines go together: the algorithms for each size of kernel.

use super::lines::{
    Input5, Input6, Line, Output2, Output2Of5, Output3, Output3Of5, Output4, Output4Of5, Output5, Spread6,
    Taps2, Taps2Of5, Taps3, Taps3Of5, Taps4, Taps4Of5, Taps5, Values4,
};

/// The lines of one family: all that depends on the kernel's size.
pub(super) trait Family {
    /// Along a side of the transformed tile.
    const POINTS: usize;
    /// Taps along a side of the kernel.
    const TAPS: usize;
    /// Whether tiles of the output overlap and are added up.
    const OVERLAP: bool = false;
    type Input: Line;
    type Filter: Line;
    type Output: Line;
    /// The output's gradient as a filter.
    type Gradient: Line;
    /// The taps' gradient.
    type Taps: Line;
}

/// F(4x4, 3x3), and F(3x3, 4x4) for the taps: 36 products for 144.
pub(super) struct Three;
/// The adjoint of F(4x4, 3x3) in its input: its matrices transposed, so that a tile of four by four of the output's gradient gives
/// what it adds to six by six of the input's. Its taps' gradient is [`Three`]'s.
pub(super) struct ThreeAdjoint;
/// F(3x3, 4x4), and F(4x4, 3x3) for the taps: the same the other way round.
pub(super) struct Four;
/// F(4x4, 2x2), and F(2x2, 4x4) for the taps: 25 products for 64. For 3x3 with stride 2, four phases of 2x2, 2x1, 1x2 and 1x1
/// taps: 81 products for 144.
pub(super) struct Two;
/// F(3x3, 3x3), for the taps too: 25 products for 81. Of pictures whose sides are short of a multiple of four it computes no
/// outputs that do not exist: 100 products for 6x6 outputs instead of 144.
pub(super) struct ThreeByThree;
/// F(2x2, 5x5), and F(5x5, 2x2) for the taps: 36 products for 100.
pub(super) struct Five;

impl Family for ThreeByThree {
    const POINTS: usize = 5;
    const TAPS: usize = 3;
    type Input = Input5;
    type Filter = Taps3Of5;
    type Output = Output3Of5;
    type Gradient = Taps3Of5;
    type Taps = Output3Of5;
}

impl Family for Five {
    const POINTS: usize = 6;
    const TAPS: usize = 5;
    type Input = Input6;
    type Filter = Taps5;
    type Output = Output2;
    type Gradient = Taps2;
    type Taps = Output5;
}

impl Family for Three {
    const POINTS: usize = 6;
    const TAPS: usize = 3;
    type Input = Input6;
    type Filter = Taps3;
    type Output = Output4;
    type Gradient = Taps4;
    type Taps = Output3;
}

impl Family for ThreeAdjoint {
    const POINTS: usize = 6;
    const TAPS: usize = 3;
    const OVERLAP: bool = true;
    type Input = Values4;
    type Filter = Taps3;
    type Output = Spread6;
    type Gradient = Taps4;
    type Taps = Output3;
}

impl Family for Four {
    const POINTS: usize = 6;
    const TAPS: usize = 4;
    type Input = Input6;
    type Filter = Taps4;
    type Output = Output3;
    type Gradient = Taps3;
    type Taps = Output4;
}

impl Family for Two {
    const POINTS: usize = 5;
    const TAPS: usize = 2;
    type Input = Input5;
    type Filter = Taps2Of5;
    type Output = Output4Of5;
    type Gradient = Taps4Of5;
    type Taps = Output2Of5;
}
