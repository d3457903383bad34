//! Squared distances between the rows of two matrices, as on the host.

use super::driver::{Launch, Parameter};
use super::error::Result;
use super::memory::DeviceBuffer;

/// `out[i, j]`, the sum of the squared differences of row `i` of `x` and row `j` of `y`, rows of `width` values. Equal rows are
/// exactly 0 apart.
///
/// # Errors
/// If the device does not answer.
///
/// # Panics
/// If the lengths do not fit.
pub fn squared_distances(
    x: &DeviceBuffer,
    y: &DeviceBuffer,
    width: usize,
    out: &mut DeviceBuffer,
) -> Result<()> {
    let whole = width > 0 && x.len().is_multiple_of(width) && y.len().is_multiple_of(width);
    assert!(whole, "squared_distances: lengths");
    let (rows, columns) = (x.len() / width, y.len() / width);
    assert_eq!(out.len(), rows * columns, "squared_distances: lengths");
    if out.is_empty() {
        return Ok(());
    }
    let grid = [(columns.div_ceil(16) * rows.div_ceil(16)) as u32, 1, 1];
    let launch = Launch { grid, threads: 256, shared: 2 * 16 * 33 * 4 };
    let numbers = [rows, columns, width].map(|n| n as u32);
    let [rows, columns, width] = &numbers;
    let arguments: [&dyn Parameter; 6] = [&x.address(), &y.address(), rows, columns, width, &out.address()];
    // SAFETY: the lengths were checked.
    unsafe { x.device().launch("distance", "squared_distances", launch, &arguments) }
}
