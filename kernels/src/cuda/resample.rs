//! Resampling of channels-last pictures, as on the host.

use super::device::Device;
use super::divide::Divide;
use super::driver::{Address, Parameter};
use super::error::Result;
use super::memory::DeviceBuffer;
use crate::cpu::resample::AxisMap;

const FILE: &str = "resample";

/// An [`AxisMap`] on a device.
#[derive(Debug)]
pub struct DeviceAxisMap {
    sources: usize,
    length: usize,
    ends: DeviceBuffer<u32>,
    places: DeviceBuffer<u32>,
    weights: DeviceBuffer,
}

/// As the kernels' `AxisMap`.
#[repr(C)]
struct Terms {
    ends: Address,
    sources: Address,
    weights: Address,
}

// SAFETY: three pointers on both sides.
unsafe impl Parameter for Terms {}

impl DeviceAxisMap {
    /// Copies a map to a device.
    ///
    /// # Errors
    /// If the device does not answer or has no memory left.
    pub fn new(device: &Device, map: &AxisMap) -> Result<Self> {
        let (mut ends, mut places, mut weights) = (Vec::new(), Vec::new(), Vec::new());
        for i in 0..map.len() {
            places.extend(map.entry(i).iter().map(|term| term.0 as u32));
            weights.extend(map.entry(i).iter().map(|term| term.1));
            ends.push(places.len() as u32);
        }
        Ok(Self {
            sources: map.sources(),
            length: map.len(),
            ends: DeviceBuffer::constant(device, &ends)?,
            places: DeviceBuffer::constant(device, &places)?,
            weights: DeviceBuffer::constant(device, &weights)?,
        })
    }

    fn terms(&self) -> Terms {
        Terms { ends: self.ends.address(), sources: self.places.address(), weights: self.weights.address() }
    }
}

/// Maps the rows and the columns of `batch` pictures of `channels` values a pixel.
///
/// # Errors
/// If the device does not answer.
///
/// # Panics
/// If the lengths do not fit.
pub fn map_axes(
    x: &DeviceBuffer,
    [batch, channels]: [usize; 2],
    rows: &DeviceAxisMap,
    columns: &DeviceAxisMap,
    out: &mut DeviceBuffer,
) -> Result<()> {
    let fits = x.len() == batch * rows.sources * columns.sources * channels
        && out.len() == batch * rows.length * columns.length * channels;
    assert!(fits, "map_axes: lengths");
    if out.is_empty() {
        return Ok(());
    }
    let (device, count) = (x.device(), out.len());
    let (height, width) = (rows.sources as u32, columns.sources as u32);
    let [by_channels, by_width, by_height] = [channels, columns.length, rows.length].map(Divide::by);
    let (row_terms, column_terms, total) = (rows.terms(), columns.terms(), count as u32);
    let arguments: [&dyn Parameter; 10] = [
        &x.address(),
        &row_terms,
        &column_terms,
        &height,
        &width,
        &by_channels,
        &by_width,
        &by_height,
        &out.address(),
        &total,
    ];
    // SAFETY: the lengths were checked; the maps name sources that exist.
    unsafe { device.launch(FILE, "map_axes", device.over(count), &arguments) }
}

/// Repeats each pixel of `x`, of `rows` by `columns` pixels of `channels` values, `factor` times down and across.
///
/// # Errors
/// If the device does not answer.
///
/// # Panics
/// If the lengths do not fit.
pub fn repeat(
    x: &DeviceBuffer,
    [rows, columns, channels]: [usize; 3],
    factor: usize,
    out: &mut DeviceBuffer,
) -> Result<()> {
    assert!(
        x.len() == rows * columns * channels && out.len() == x.len() * factor * factor,
        "repeat: lengths"
    );
    if out.is_empty() {
        return Ok(());
    }
    let (device, count, across) = (x.device(), out.len(), columns as u32);
    let [by_channels, by_columns, by_factor] = [channels, columns * factor, factor].map(Divide::by);
    let total = count as u32;
    let arguments: [&dyn Parameter; 7] =
        [&x.address(), &across, &by_channels, &by_columns, &by_factor, &out.address(), &total];
    // SAFETY: the lengths were checked.
    unsafe { device.launch(FILE, "repeat", device.over(count), &arguments) }
}

/// Sums the `factor` by `factor` blocks of `x` into `out`, of `rows` by `columns` pixels of `channels` values: the adjoint of
/// [`repeat`].
///
/// # Errors
/// If the device does not answer.
///
/// # Panics
/// If the lengths do not fit.
pub fn sum_blocks(
    x: &DeviceBuffer,
    [rows, columns, channels]: [usize; 3],
    factor: usize,
    out: &mut DeviceBuffer,
) -> Result<()> {
    let fits = out.len() == rows * columns * channels && x.len() == out.len() * factor * factor;
    assert!(fits, "sum_blocks: lengths");
    if out.is_empty() {
        return Ok(());
    }
    let (device, count, factor) = (x.device(), out.len(), factor as u32);
    let (by_channels, by_columns, total) = (Divide::by(channels), Divide::by(columns), count as u32);
    let arguments: [&dyn Parameter; 6] =
        [&x.address(), &factor, &by_channels, &by_columns, &out.address(), &total];
    // SAFETY: the lengths were checked.
    unsafe { device.launch(FILE, "sum_blocks", device.over(count), &arguments) }
}
