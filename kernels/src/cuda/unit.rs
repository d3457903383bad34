//! Rows scaled to length 1, as on the host.

use super::driver::Parameter;
use super::error::Result;
use super::memory::DeviceBuffer;
use super::rows::Rows;

/// Rows of `row` values divided by their length, or by `shortest` if they are shorter; writes the reciprocal of each divisor
/// too.
///
/// # Errors
/// If the device does not answer.
///
/// # Panics
/// If the lengths do not fit.
pub fn normalise_rows(
    x: &DeviceBuffer,
    row: usize,
    shortest: f32,
    y: &mut DeviceBuffer,
    reciprocals: &mut DeviceBuffer,
) -> Result<()> {
    assert!(row > 0 && x.len() == y.len() && x.len() == reciprocals.len() * row, "normalise_rows: lengths");
    if x.is_empty() {
        return Ok(());
    }
    let (rows, launch) = Rows::plan(reciprocals.len(), row);
    let arguments: [&dyn Parameter; 5] =
        [&x.address(), &rows, &shortest, &y.address(), &reciprocals.address()];
    // SAFETY: the lengths were checked.
    unsafe { x.device().launch("unit", "normalise_rows", launch, &arguments) }
}

/// From the gradient of [`normalise_rows`]' output `y` to that of its input, in place: `(g - y (y . g)) / length`, and
/// `g / shortest` for rows not longer than `shortest`.
///
/// # Errors
/// If the device does not answer.
///
/// # Panics
/// If the lengths do not fit.
pub fn normalise_rows_gradient(
    y: &DeviceBuffer,
    row: usize,
    shortest: f32,
    reciprocals: &DeviceBuffer,
    gradient: &mut DeviceBuffer,
) -> Result<()> {
    let fits = row > 0 && y.len() == gradient.len() && y.len() == reciprocals.len() * row;
    assert!(fits, "normalise_rows_gradient: lengths");
    if y.is_empty() {
        return Ok(());
    }
    let (rows, launch) = Rows::plan(reciprocals.len(), row);
    let longest = 1.0 / shortest;
    let arguments: [&dyn Parameter; 5] =
        [&y.address(), &rows, &longest, &reciprocals.address(), &gradient.address()];
    // SAFETY: the lengths were checked.
    unsafe { y.device().launch("unit", "normalise_rows_gradient", launch, &arguments) }
}
