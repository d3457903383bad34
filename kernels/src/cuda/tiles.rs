//! How products of matrices are cut into blocks of threads.

use super::driver::{Address, Launch, Parameter};
use super::error::{Error, Result};

/// How products are made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Precision {
    /// On tensor cores: factors are rounded to 10 bits of fraction, sums are single precision. As PyTorch's convolutions.
    #[default]
    Tf32,
    /// Single precision throughout.
    F32,
}

/// Depth of a step, and steps on their way at a time: as in implicit_gemm.cuh.
const DEPTH: usize = 16;
const STAGES: usize = 3;

/// A tile that one block makes: as in implicit_gemm.cuh.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Tile {
    name: &'static str,
    rows: usize,
    columns: usize,
    threads: u32,
}

const WIDE: Tile = Tile { name: "wide", rows: 128, columns: 128, threads: 256 };
const SMALL: Tile = Tile { name: "small", rows: 64, columns: 64, threads: 128 };
const NARROW: Tile = Tile { name: "narrow", rows: 128, columns: 16, threads: 128 };

/// The sides of a product, `items` times.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sides {
    pub(super) rows: usize,
    pub(super) columns: usize,
    pub(super) depth: usize,
    pub(super) items: usize,
    /// Whether each side's adjacent values lie along the depth.
    pub(super) along_depth: [bool; 2],
}

/// What runs a product.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Plan {
    tile: Tile,
    pub(super) splits: usize,
    pub(super) launch: Launch,
}

/// Blocks that a grid has along y and z at most.
pub(super) const MOST_ACROSS: usize = 65_535;

/// Parts a sum is cut into at most, and steps that a part has at least. (Reasoned: no card was at hand to measure it.)
const MOST_SPLITS: usize = 32;
const LEAST_STEPS: usize = 8;

impl Plan {
    /// Small tiles where large ones would leave multiprocessors idle; then sums are cut, as far as each multiprocessor has two
    /// blocks. All of it follows from the shape and the card, so results are the same from run to run.
    ///
    /// # Errors
    /// If there are more columns or items than a grid has blocks across or deep.
    pub(super) fn new(sides: Sides, multiprocessors: u32) -> Result<Self> {
        let Sides { rows, columns, depth, items, along_depth } = sides;
        let blocks = |tile: Tile| rows.div_ceil(tile.rows) * columns.div_ceil(tile.columns) * items;
        let tile = if columns <= NARROW.columns {
            NARROW
        } else if rows > SMALL.rows && columns > SMALL.columns && blocks(WIDE) >= multiprocessors as usize {
            WIDE
        } else {
            SMALL
        };
        let wanted = (2 * multiprocessors as usize) / blocks(tile);
        let splits = wanted.min(depth / (DEPTH * LEAST_STEPS)).clamp(1, MOST_SPLITS);
        let floats = |extent: usize, along_depth: bool| {
            if along_depth { extent * (DEPTH + 4) } else { DEPTH * (extent + 8) }
        };
        let stage = floats(tile.rows, along_depth[0]) + floats(tile.columns, along_depth[1]);
        let grid = [rows.div_ceil(tile.rows), columns.div_ceil(tile.columns), items * splits];
        if grid[1] > MOST_ACROSS || grid[2] > MOST_ACROSS {
            let message =
                format!("is more than a graphics card's grid holds ({MOST_ACROSS} tiles across and deep)");
            return Err(Error::Call {
                call: format!("a product of {rows} x {columns}, {items} times"),
                message,
            });
        }
        let launch = Launch {
            grid: grid.map(|n| n as u32),
            threads: tile.threads,
            shared: STAGES * stage * size_of::<f32>(),
        };
        Ok(Self { tile, splits, launch })
    }

    /// The name of the kernel among those of an operation.
    pub(super) fn kernel(&self, operation: &str, precision: Precision) -> String {
        let precision = match precision {
            Precision::Tf32 => "tf32",
            Precision::F32 => "f32",
        };
        format!("{operation}_{}_{precision}", self.tile.name)
    }
}

/// What is done to a result before it is written: as the kernels' `Epilogue`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Finish {
    pub(super) bias: Address,
    pub(super) activation: u32,
    pub(super) slope: f32,
    pub(super) accumulate: u32,
}

// SAFETY: a pointer and three 32-bit numbers, padded to 8 bytes on both sides.
unsafe impl Parameter for Finish {}
