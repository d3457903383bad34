//! Rows that a group of lanes of a warp handles together.

use super::driver::{Launch, Parameter};

/// As the kernels' `Rows`.
#[repr(C)]
#[derive(Clone, Copy)]
#[expect(clippy::struct_field_names, reason = "the kernels' names")]
pub(super) struct Rows {
    rows: u32,
    length: u32,
    lanes: u32,
}

// SAFETY: three 32-bit numbers on both sides.
unsafe impl Parameter for Rows {}

impl Rows {
    /// As many lanes as a row has values, up to a warp.
    pub(super) fn plan(rows: usize, length: usize) -> (Self, Launch) {
        let lanes = length.next_power_of_two().min(32);
        let blocks = (rows * lanes).div_ceil(256).max(1);
        let shape = Self { rows: rows as u32, length: length as u32, lanes: lanes as u32 };
        (shape, Launch { grid: [blocks as u32, 1, 1], threads: 256, shared: 0 })
    }
}
