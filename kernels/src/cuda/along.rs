//! Values of each row of a matrix at places of its own, and the adjoint, as on the host.
//!
//! Places are whole numbers, exact up to 2^24: what is no place of a row has no value.

use super::divide::Divide;
use super::driver::Parameter;
use super::elementwise;
use super::error::Result;
use super::memory::DeviceBuffer;

const FILE: &str = "along";

/// `out[r, j] = x[r, places[r, j]]`, 0 where there is no such place, for `x` of `rows` rows.
///
/// # Errors
/// If the device does not answer.
///
/// # Panics
/// If the lengths do not fit.
pub fn take_along(
    x: &DeviceBuffer,
    rows: usize,
    places: &DeviceBuffer,
    out: &mut DeviceBuffer,
) -> Result<()> {
    let (columns, taken) = rows_of(rows, x, out);
    assert_eq!(places.len(), out.len(), "take_along: lengths");
    if out.is_empty() {
        return Ok(());
    }
    let (device, count) = (out.device(), out.len());
    let arguments: [&dyn Parameter; 6] = [
        &x.address(),
        &(columns as u32),
        &Divide::by(taken),
        &places.address(),
        &out.address(),
        &(count as u32),
    ];
    // SAFETY: the lengths were checked; places beyond a row are not read.
    unsafe { device.launch(FILE, "take_along", device.over(count), &arguments) }
}

/// The adjoint of [`take_along`]: `out[r, places[r, j]] += x[r, j]` from zeros, in the order of `j`. Work grows with the product of
/// the lengths of both kinds of rows.
///
/// # Errors
/// If the device does not answer.
///
/// # Panics
/// If the lengths do not fit.
pub fn add_along(x: &DeviceBuffer, rows: usize, places: &DeviceBuffer, out: &mut DeviceBuffer) -> Result<()> {
    let (columns, taken) = rows_of(rows, out, x);
    assert_eq!(places.len(), x.len(), "add_along: lengths");
    if x.is_empty() || out.is_empty() {
        return elementwise::fill(out, 0.0);
    }
    let (device, count) = (out.device(), out.len());
    let arguments: [&dyn Parameter; 6] = [
        &x.address(),
        &Divide::by(columns),
        &(taken as u32),
        &places.address(),
        &out.address(),
        &(count as u32),
    ];
    // SAFETY: the lengths were checked; places are only compared.
    unsafe { device.launch(FILE, "add_along", device.over(count), &arguments) }
}

/// The lengths of the rows of both.
fn rows_of(rows: usize, whole: &DeviceBuffer, taken: &DeviceBuffer) -> (usize, usize) {
    let fits = |x: &DeviceBuffer| if rows == 0 { x.is_empty() } else { x.len().is_multiple_of(rows) };
    assert!(fits(whole) && fits(taken), "values along {rows} rows: lengths");
    (whole.len() / rows.max(1), taken.len() / rows.max(1))
}
