//! A convolution as sums over taps: what the forward pass and the input gradient have in common.
//!
//! Both compute, for each pixel of a grid, a sum over taps of (pixel of the tensor read, displaced by the tap) times
//! (matrix of the tap). In the forward pass the grid is the output. The input gradient with stride `s` falls into
//! `s x s` phases: input pixels of one phase meet the same taps, each an unstrided displacement in the output's
//! gradient. So nothing is scattered, and no zero between strided pixels is multiplied.

use super::Conv2d;

/// One grid of sums.
#[derive(Debug)]
pub(super) struct Plan {
    pub batch: usize,
    /// Rows and columns of the tensor read.
    pub from: [usize; 2],
    /// Its channels.
    pub read: usize,
    /// Pixels of the tensor read from one grid point to the next.
    pub from_step: [usize; 2],
    /// Rows and columns of the tensor written.
    pub to: [usize; 2],
    /// Its channels.
    pub written: usize,
    /// Rows and columns of the grid.
    pub grid: [usize; 2],
    /// Pixels of the tensor written from one grid point to the next, and the first of them.
    pub to_step: [usize; 2],
    pub to_first: [usize; 2],
    /// By rising displacement, row before column.
    pub taps: Vec<Tap>,
    /// Matrices of the filter lie `written x read`, not `read x written`.
    pub transposed: bool,
}

/// One place of the filter.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tap {
    /// Rows and columns from the grid point to the pixel read.
    pub displacement: [isize; 2],
    /// Which matrix of the filter.
    pub matrix: usize,
}

impl Plan {
    pub(super) fn pixels(&self) -> usize {
        self.batch * self.grid[0] * self.grid[1]
    }

    /// Rows above, below, columns left and right of the tensor read that some tap reaches.
    pub(super) fn border(&self) -> [[usize; 2]; 2] {
        [0, 1].map(|axis| {
            let reach = |tap: &Tap| tap.displacement[axis];
            let low = self.taps.iter().map(reach).min().unwrap_or(0);
            let high = self.taps.iter().map(reach).max().unwrap_or(0);
            let last = (self.grid[axis].max(1) - 1) * self.from_step[axis];
            let beyond = last as isize + high + 1 - self.from[axis] as isize;
            [(-low).max(0) as usize, beyond.max(0) as usize]
        })
    }
}

/// The forward pass.
pub(super) fn forward(c: &Conv2d) -> Plan {
    let taps = (0..c.kernel[0] * c.kernel[1]).map(|matrix| {
        let at = [matrix / c.kernel[1], matrix % c.kernel[1]];
        Tap { displacement: [0, 1].map(|axis| at[axis] as isize - c.padding[axis] as isize), matrix }
    });
    let to = [c.out_height(), c.out_width()];
    Plan {
        batch: c.batch,
        from: [c.height, c.width],
        read: c.channels_in,
        from_step: c.stride,
        to,
        written: c.channels_out,
        grid: to,
        to_step: [1, 1],
        to_first: [0, 0],
        taps: taps.collect(),
        transposed: false,
    }
}

/// The input gradient, phase by phase.
pub(super) fn input_gradient(c: &Conv2d) -> Vec<Plan> {
    let phases = (0..c.stride[0]).flat_map(|row| (0..c.stride[1]).map(move |column| [row, column]));
    phases.map(|phase| input_gradient_phase(c, phase)).filter(|plan| plan.pixels() > 0).collect()
}

/// Input row `stride q + phase` meets output row `o` through filter row `k` where `stride o + k = stride q + phase +
/// padding`: so `k = first + stride j` with `first = (phase + padding) mod stride`, and
/// `o = q + (phase + padding - first) / stride - j`.
fn input_gradient_phase(c: &Conv2d, phase: [usize; 2]) -> Plan {
    let along = |axis: usize| {
        let (stride, reach) = (c.stride[axis], phase[axis] + c.padding[axis]);
        let first = reach % stride;
        let places = (first..c.kernel[axis]).step_by(stride).enumerate();
        let mut places: Vec<(isize, usize)> =
            places.map(|(j, k)| ((reach / stride) as isize - j as isize, k)).collect();
        places.reverse();
        places
    };
    let (rows, columns) = (along(0), along(1));
    let taps = rows.iter().flat_map(|&(down, row)| {
        columns.iter().map(move |&(right, column)| Tap {
            displacement: [down, right],
            matrix: row * c.kernel[1] + column,
        })
    });
    let to = [c.height, c.width];
    Plan {
        batch: c.batch,
        from: [c.out_height(), c.out_width()],
        read: c.channels_out,
        from_step: [1, 1],
        to,
        written: c.channels_in,
        grid: [0, 1].map(|axis| to[axis].saturating_sub(phase[axis]).div_ceil(c.stride[axis])),
        to_step: c.stride,
        to_first: phase,
        taps: taps.collect(),
        transposed: true,
    }
}
