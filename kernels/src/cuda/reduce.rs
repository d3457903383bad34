//! Sums along axes and over everything, in an order fixed by the shape and the card.

use super::device::Device;
use super::divide::Divide;
use super::driver::{Launch, Parameter};
use super::error::Result;
use super::memory::DeviceBuffer;
use super::rows::Rows;

const FILE: &str = "reduce";

/// As the kernels' `Columns`.
#[repr(C)]
#[expect(clippy::struct_field_names, reason = "the kernels' names")]
pub(super) struct Columns {
    rows: u32,
    columns: u32,
    across: u32,
}

// SAFETY: 32-bit numbers on both sides.
unsafe impl Parameter for Columns {}

impl Columns {
    /// How `matrices` of `rows` x `columns` are summed down: the shape, the launch, and the number of parts.
    ///
    /// Rows are cut until there are four blocks for each multiprocessor, but not into less than 512 rows of a block's
    /// columns. (Reasoned: no card was at hand to measure it.)
    pub(super) fn plan(
        device: &Device,
        matrices: usize,
        rows: usize,
        columns: usize,
    ) -> (Self, Launch, usize) {
        let across = columns.next_power_of_two().min(32);
        let (tiles, down) = (columns.div_ceil(across), 256 / across);
        let wanted = (4 * device.driver().multiprocessors() as usize).div_ceil(tiles * matrices);
        let parts = wanted.min(rows / (2 * down)).clamp(1, 1024);
        let grid = [(tiles * matrices) as u32, parts as u32, 1];
        let shape = Self { rows: rows as u32, columns: columns as u32, across: across as u32 };
        (shape, Launch { grid, threads: 256, shared: 256 * 8 }, parts)
    }
}

/// Rows up to this length are summed by lanes of a warp, and up to so many rows by a thread for each column. (Reasoned: no
/// card was at hand to measure it.)
const LONG_ROW: usize = 1024;
const FEW_ROWS: usize = 32;

/// Sums the middle axis of `x`, of shape `(outer, middle, inner)`, into `out` of shape `(outer, inner)`.
///
/// # Errors
/// If the device does not answer or has no memory left.
///
/// # Panics
/// If the lengths do not fit.
pub fn sum_middle(
    x: &DeviceBuffer,
    [outer, middle, inner]: [usize; 3],
    out: &mut DeviceBuffer,
) -> Result<()> {
    assert!(x.len() == outer * middle * inner && out.len() == outer * inner, "sum_middle: lengths");
    if out.is_empty() {
        return Ok(());
    }
    if x.is_empty() {
        return super::elementwise::fill(out, 0.0);
    }
    let device = x.device();
    let count = out.len() as u32;
    if inner == 1 && middle <= LONG_ROW {
        let (rows, launch) = Rows::plan(outer, middle);
        // SAFETY: the rows lie within `x`, and `out` has a value for each.
        return unsafe { device.launch(FILE, "sum_rows", launch, &[&x.address(), &rows, &out.address()]) };
    }
    if middle <= FEW_ROWS {
        let (middle, by_inner) = (middle as u32, Divide::by(inner));
        let arguments: [&dyn Parameter; 5] = [&x.address(), &middle, &by_inner, &out.address(), &count];
        // SAFETY: as above.
        return unsafe { device.launch(FILE, "sum_few", device.over(out.len()), &arguments) };
    }
    let (shape, launch, parts) = Columns::plan(device, outer, middle, inner);
    let scratch = DeviceBuffer::<f64>::new(device, parts * out.len())?;
    // SAFETY: as above; the scratch holds a number for each part of each sum.
    unsafe {
        device.launch(FILE, "sum_middle", launch, &[&x.address(), &shape, &scratch.address()])?;
        let arguments: [&dyn Parameter; 4] = [&scratch.address(), &(parts as u32), &count, &out.address()];
        device.launch(FILE, "sum_middle_finish", device.over(out.len()), &arguments)
    }
}

/// Blocks that sum over everything: so many parts are added at the end. (Reasoned, not measured.)
const MOST_BLOCKS: usize = 1024;

/// Sums a term of each element of the `inputs`, times `factor`, into `out[0]`.
fn sum_all(kernel: &str, inputs: &[&DeviceBuffer], factor: f64, out: &mut DeviceBuffer) -> Result<()> {
    let count = inputs[0].len();
    assert!(inputs.iter().all(|input| input.len() == count) && out.len() == 1, "{kernel}: lengths");
    if count == 0 {
        return super::elementwise::fill(out, (0.0 * factor) as f32);
    }
    let device = inputs[0].device();
    let blocks = count.div_ceil(4 * 256).min(MOST_BLOCKS);
    let parts = DeviceBuffer::<f64>::new(device, blocks)?;
    let addresses: Vec<_> = inputs.iter().map(|input| input.address()).collect();
    let mut arguments: Vec<&dyn Parameter> =
        addresses.iter().map(|address| address as &dyn Parameter).collect();
    let (count, to) = (count as u32, parts.address());
    arguments.push(&count);
    arguments.push(&to);
    let launch = Launch { grid: [blocks as u32, 1, 1], threads: 256, shared: 32 * 8 };
    let finish = Launch { grid: [1; 3], ..launch };
    // SAFETY: the inputs hold `count` values each, the parts one number for each block.
    unsafe {
        device.launch(FILE, kernel, launch, &arguments)?;
        device.launch(FILE, "sum_finish", finish, &[&to, &(blocks as u32), &factor, &out.address()])
    }
}

/// `out[0] = factor * sum(x)`, added up in `f64`.
///
/// # Errors
/// If the device does not answer or has no memory left.
///
/// # Panics
/// If `out` has not one value.
pub fn sum(x: &DeviceBuffer, factor: f64, out: &mut DeviceBuffer) -> Result<()> {
    sum_all("sum", &[x], factor, out)
}

/// `out[0] = factor * sum(x^2)`, in `f64`.
///
/// # Errors
/// If the device does not answer or has no memory left.
///
/// # Panics
/// If `out` has not one value.
pub fn square_sum(x: &DeviceBuffer, factor: f64, out: &mut DeviceBuffer) -> Result<()> {
    sum_all("square_sum", &[x], factor, out)
}

/// Which pairs are summed up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pairs {
    /// `(a - b)^2`
    SquaredDifferences,
    /// `|a - b|`
    AbsoluteDifferences,
    /// `a b`
    Products,
}

/// `out[0] = factor * the sum over pairs`, in `f64`.
///
/// # Errors
/// If the device does not answer or has no memory left.
///
/// # Panics
/// If the lengths differ or `out` has not one value.
pub fn sum_of_pairs(
    a: &DeviceBuffer,
    b: &DeviceBuffer,
    pairs: Pairs,
    factor: f64,
    out: &mut DeviceBuffer,
) -> Result<()> {
    let kernel = match pairs {
        Pairs::SquaredDifferences => "sum_of_squared_differences",
        Pairs::AbsoluteDifferences => "sum_of_absolute_differences",
        Pairs::Products => "sum_of_products",
    };
    sum_all(kernel, &[a, b], factor, out)
}
