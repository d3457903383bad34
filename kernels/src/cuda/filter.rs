//! Separable filters, as on the host.

use super::divide::Divide;
use super::driver::Parameter;
use super::elementwise;
use super::error::Result;
use super::memory::DeviceBuffer;

/// Correlates pictures `(N, H, W, C)` with `taps[0]` down and `taps[1]` across, `padding` zeros being around them on each side.
///
/// # Errors
/// If the device does not answer or has no memory left.
///
/// # Panics
/// If the lengths do not fit, a padded picture is smaller than the filter, or the padding is not smaller than it.
pub fn correlate_separable(
    x: &DeviceBuffer,
    [batch, height, width, channels]: [usize; 4],
    taps: [&DeviceBuffer; 2],
    padding: [usize; 2],
    out: &mut DeviceBuffer,
) -> Result<()> {
    let count = taps.map(DeviceBuffer::len);
    let padded = [height + 2 * padding[0], width + 2 * padding[1]];
    let fits = (0..2).all(|axis| padding[axis] < count[axis] && padded[axis] >= count[axis]);
    assert!(fits, "correlate_separable: {height} x {width}, {count:?} taps, padding {padding:?}");
    let [rows, columns] = [0, 1].map(|axis| padded[axis] + 1 - count[axis]);
    let lengths =
        x.len() == batch * height * width * channels && out.len() == batch * rows * columns * channels;
    assert!(lengths, "correlate_separable: lengths");
    if out.is_empty() || x.is_empty() {
        return elementwise::fill(out, 0.0);
    }
    let mut between = DeviceBuffer::new(x.device(), batch * rows * width * channels)?;
    correlate(x, [height, width * channels, rows], taps[0], padding[0], &mut between)?;
    correlate(&between, [width, channels, columns], taps[1], padding[1], out)
}

/// Correlates the middle axis of `(outer, length, inner)`, which becomes `out_length` long.
fn correlate(
    x: &DeviceBuffer,
    [length, inner, out_length]: [usize; 3],
    taps: &DeviceBuffer,
    padding: usize,
    out: &mut DeviceBuffer,
) -> Result<()> {
    let (device, count) = (x.device(), out.len());
    let numbers = [taps.len(), padding, length, count].map(|n| n as u32);
    let [tap_count, padding, length, total] = &numbers;
    let (by_inner, by_length) = (Divide::by(inner), Divide::by(out_length));
    let arguments: [&dyn Parameter; 9] = [
        &x.address(),
        &taps.address(),
        tap_count,
        padding,
        length,
        &by_inner,
        &by_length,
        &out.address(),
        total,
    ];
    // SAFETY: the caller checked the lengths.
    unsafe { device.launch("filter", "correlate_axis", device.over(count), &arguments) }
}
