//! Reading values at given places, and the adjoints, as on the host.
//!
//! Places lie on the device, so they are not checked: one that does not exist is a mistake that the caller must not make, and
//! such a read is a fault of the card. Hence the functions are unsafe. [`to_places`] makes none that does not exist.

use super::divide::Divide;
use super::driver::Parameter;
use super::elementwise;
use super::error::Result;
use super::memory::DeviceBuffer;

const FILE: &str = "gather";

/// Places from whole numbers, each below `count`: a number that is not is taken as the nearest that is.
///
/// # Errors
/// If the device does not answer.
///
/// # Panics
/// If the lengths differ, or there are numbers but no place.
pub fn to_places(numbers: &DeviceBuffer, count: usize, places: &mut DeviceBuffer<u32>) -> Result<()> {
    assert!(numbers.len() == places.len(), "to_places: lengths");
    if places.is_empty() {
        return Ok(());
    }
    assert!(count > 0, "to_places: nothing to choose from");
    let (device, total) = (numbers.device(), places.len());
    let arguments: [&dyn Parameter; 4] =
        [&numbers.address(), &(count as u32 - 1), &places.address(), &(total as u32)];
    // SAFETY: the lengths were checked.
    unsafe { device.launch(FILE, "to_places", device.over(total), &arguments) }
}

/// `out[o, i] = x[o, places[o, i], i]` for `x` of shape `(outer, middle, inner)`.
///
/// # Safety
/// All places are below `middle`.
///
/// # Errors
/// If the device does not answer.
///
/// # Panics
/// If the lengths do not fit.
pub unsafe fn pick(
    x: &DeviceBuffer,
    [outer, middle, inner]: [usize; 3],
    places: &DeviceBuffer<u32>,
    out: &mut DeviceBuffer,
) -> Result<()> {
    let fits = x.len() == outer * middle * inner && out.len() == outer * inner && places.len() == out.len();
    assert!(fits, "pick: lengths");
    if out.is_empty() {
        return Ok(());
    }
    let (device, count) = (x.device(), out.len());
    let (middle, by_inner, total) = (middle as u32, Divide::by(inner), count as u32);
    let arguments: [&dyn Parameter; 6] =
        [&x.address(), &middle, &by_inner, &places.address(), &out.address(), &total];
    // SAFETY: the lengths were checked, the places are the caller's promise.
    unsafe { device.launch(FILE, "pick", device.over(count), &arguments) }
}

/// The adjoint of [`pick`]: `out`, of shape `(outer, middle, inner)`, is 0 except `out[o, places[o, i], i] = x[o, i]`.
///
/// # Errors
/// If the device does not answer.
///
/// # Panics
/// If the lengths do not fit.
pub fn place(
    x: &DeviceBuffer,
    [outer, middle, inner]: [usize; 3],
    places: &DeviceBuffer<u32>,
    out: &mut DeviceBuffer,
) -> Result<()> {
    let fits = out.len() == outer * middle * inner && x.len() == outer * inner && places.len() == x.len();
    assert!(fits, "place: lengths");
    if out.is_empty() {
        return Ok(());
    }
    let (device, count) = (x.device(), out.len());
    let (by_middle, by_inner, total) = (Divide::by(middle), Divide::by(inner), count as u32);
    let arguments: [&dyn Parameter; 6] =
        [&x.address(), &by_middle, &by_inner, &places.address(), &out.address(), &total];
    // SAFETY: the lengths were checked; places are only compared.
    unsafe { device.launch(FILE, "place", device.over(count), &arguments) }
}

/// `out[i] = x[rows[i]]` for `x` with rows of `width` values.
///
/// # Safety
/// All rows are there.
///
/// # Errors
/// If the device does not answer.
///
/// # Panics
/// If the lengths do not fit.
pub unsafe fn gather_rows(
    x: &DeviceBuffer,
    width: usize,
    rows: &DeviceBuffer<u32>,
    out: &mut DeviceBuffer,
) -> Result<()> {
    assert!(out.len() == rows.len() * width, "gather_rows: lengths");
    if out.is_empty() {
        return Ok(());
    }
    let (device, count, by_width) = (x.device(), out.len(), Divide::by(width));
    let arguments: [&dyn Parameter; 5] =
        [&x.address(), &by_width, &rows.address(), &out.address(), &(count as u32)];
    // SAFETY: the lengths were checked, the rows are the caller's promise.
    unsafe { device.launch(FILE, "gather_rows", device.over(count), &arguments) }
}

/// The adjoint of [`gather_rows`]: `out[rows[i]] += x[i]` from zeros, in the order of `i`. Work grows with the product of the
/// numbers of rows.
///
/// # Errors
/// If the device does not answer.
///
/// # Panics
/// If the lengths do not fit.
pub fn scatter_add_rows(
    x: &DeviceBuffer,
    width: usize,
    rows: &DeviceBuffer<u32>,
    out: &mut DeviceBuffer,
) -> Result<()> {
    assert!(x.len() == rows.len() * width, "scatter_add_rows: lengths");
    if width == 0 || out.is_empty() || rows.is_empty() {
        return elementwise::fill(out, 0.0);
    }
    let (device, count) = (out.device(), out.len());
    let (by_width, row_count, total) = (Divide::by(width), rows.len() as u32, count as u32);
    let arguments: [&dyn Parameter; 6] =
        [&x.address(), &by_width, &rows.address(), &row_count, &out.address(), &total];
    // SAFETY: the lengths were checked; rows are only compared.
    unsafe { device.launch(FILE, "scatter_add_rows", device.over(count), &arguments) }
}
