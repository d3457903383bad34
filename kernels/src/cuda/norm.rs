//! Batch and instance normalisation over channels-last pictures, as on the host, and the small numbers in between: nothing is
//! read back.

use super::device::address_of;
use super::divide::Divide;
use super::driver::Parameter;
use super::error::Result;
use super::memory::DeviceBuffer;
use super::reduce::Columns;

pub use crate::cpu::norm::Groups;

const FILE: &str = "norm";

/// As the kernels' `PerChannel`.
#[repr(C)]
struct PerChannel {
    by_channels: Divide,
    by_rows: Divide,
}

// SAFETY: six 32-bit numbers on both sides.
unsafe impl Parameter for PerChannel {}

impl PerChannel {
    fn of(shape: Groups) -> Self {
        Self { by_channels: Divide::by(shape.channels), by_rows: Divide::by(shape.rows) }
    }
}

fn is_statistic(shape: Groups, buffers: &[&DeviceBuffer]) -> bool {
    buffers.iter().all(|buffer| buffer.len() == shape.groups * shape.channels)
}

/// The mean and the biased variance of each channel of each group, each `(groups, channels)`.
///
/// # Errors
/// If the device does not answer or has no memory left.
///
/// # Panics
/// If the lengths do not fit.
pub fn moments(
    x: &DeviceBuffer,
    shape: Groups,
    mean: &mut DeviceBuffer,
    variance: &mut DeviceBuffer,
) -> Result<()> {
    assert!(x.len() == shape.len() && is_statistic(shape, &[mean, variance]), "moments: lengths");
    if shape.is_empty() {
        return Ok(());
    }
    let device = x.device();
    let Groups { groups, rows, channels } = shape;
    let (columns, launch, parts) = Columns::plan(device, groups, rows, channels);
    let count = groups * channels;
    let scratch = DeviceBuffer::<f64>::new(device, 2 * parts * count)?;
    let (x, to) = (x.address(), scratch.address());
    let numbers = [parts as u32, count as u32, rows as u32, channels as u32];
    let [parts, total, rows, channels] = &numbers;
    // SAFETY: the lengths were checked, and the scratch holds two numbers for each part of each channel.
    unsafe {
        device.launch(FILE, "moments", launch, &[&x, &columns, &to])?;
        let arguments: [&dyn Parameter; 8] =
            [&x, &to, parts, total, rows, channels, &mean.address(), &variance.address()];
        device.launch(FILE, "moments_finish", device.over(count), &arguments)
    }
}

/// `y = x * scale + shift` with a scale and a shift for each channel of each group, each `(groups, channels)`.
///
/// # Errors
/// If the device does not answer.
///
/// # Panics
/// If the lengths do not fit.
pub fn affine(
    x: &DeviceBuffer,
    shape: Groups,
    scale: &DeviceBuffer,
    shift: &DeviceBuffer,
    y: &mut DeviceBuffer,
) -> Result<()> {
    let fits = x.len() == shape.len() && y.len() == x.len() && is_statistic(shape, &[scale, shift]);
    assert!(fits, "affine: lengths");
    if shape.is_empty() {
        return Ok(());
    }
    let (device, count, per_channel) = (x.device(), x.len(), PerChannel::of(shape));
    let arguments: [&dyn Parameter; 6] =
        [&x.address(), &scale.address(), &shift.address(), &y.address(), &(count as u32), &per_channel];
    // SAFETY: the lengths were checked.
    unsafe { device.launch(FILE, "affine", device.over(count), &arguments) }
}

/// For each channel of each group, the sum of `dy` and the sum of `dy * (x - mean)`, all `(groups, channels)`.
///
/// # Errors
/// If the device does not answer or has no memory left.
///
/// # Panics
/// If the lengths do not fit.
pub fn gradient_sums(
    x: &DeviceBuffer,
    dy: &DeviceBuffer,
    shape: Groups,
    mean: &DeviceBuffer,
    sums: &mut DeviceBuffer,
    products: &mut DeviceBuffer,
) -> Result<()> {
    let fits = x.len() == shape.len() && dy.len() == x.len() && is_statistic(shape, &[mean, sums, products]);
    assert!(fits, "gradient_sums: lengths");
    if shape.is_empty() {
        return Ok(());
    }
    let (device, count) = (x.device(), shape.groups * shape.channels);
    let (columns, launch, parts) = Columns::plan(device, shape.groups, shape.rows, shape.channels);
    let scratch = DeviceBuffer::<f64>::new(device, 2 * parts * count)?;
    let to = scratch.address();
    // SAFETY: as in `moments`.
    unsafe {
        let arguments: [&dyn Parameter; 5] = [&x.address(), &dy.address(), &mean.address(), &columns, &to];
        device.launch(FILE, "gradient_sums", launch, &arguments)?;
        let (parts, total) = (parts as u32, count as u32);
        let arguments: [&dyn Parameter; 5] = [&to, &parts, &total, &sums.address(), &products.address()];
        device.launch(FILE, "gradient_sums_finish", device.over(count), &arguments)
    }
}

/// Turns `dy` into the gradient of the normalisation's input, in place: `dy * factor + x * slope + offset`, each
/// `(groups, channels)`.
///
/// # Errors
/// If the device does not answer.
///
/// # Panics
/// If the lengths do not fit.
pub fn input_gradient(
    x: &DeviceBuffer,
    dy: &mut DeviceBuffer,
    shape: Groups,
    [factor, slope, offset]: [&DeviceBuffer; 3],
) -> Result<()> {
    let fits = x.len() == shape.len() && dy.len() == x.len() && is_statistic(shape, &[factor, slope, offset]);
    assert!(fits, "input_gradient: lengths");
    if shape.is_empty() {
        return Ok(());
    }
    let (device, count, per_channel) = (x.device(), x.len(), PerChannel::of(shape));
    let [factor, slope, offset] = [factor, slope, offset].map(DeviceBuffer::address);
    let arguments: [&dyn Parameter; 7] =
        [&x.address(), &dy.address(), &factor, &slope, &offset, &(count as u32), &per_channel];
    // SAFETY: the lengths were checked.
    unsafe { device.launch(FILE, "input_gradient", device.over(count), &arguments) }
}

/// What [`affine_of_statistics`] works out, each `(groups, channels)`.
#[derive(Debug)]
pub struct Affine {
    /// `1 / sqrt(variance + epsilon)`
    pub reciprocal: DeviceBuffer,
    /// `reciprocal * scale`
    pub factor: DeviceBuffer,
    /// `shift - mean * factor`
    pub offset: DeviceBuffer,
}

/// From statistics to the factor and offset with which [`affine`] normalises; the layer's `scale` and `shift` have one value
/// for each channel and count as 1 and 0 where there are none.
///
/// # Errors
/// If the device does not answer or has no memory left.
///
/// # Panics
/// If the lengths do not fit.
pub fn affine_of_statistics(
    mean: &DeviceBuffer,
    variance: &DeviceBuffer,
    shape: Groups,
    epsilon: f32,
    scale: Option<&DeviceBuffer>,
    shift: Option<&DeviceBuffer>,
) -> Result<Affine> {
    let layer = [scale, shift].into_iter().flatten().all(|buffer| buffer.len() == shape.channels);
    assert!(layer && is_statistic(shape, &[mean, variance]), "affine_of_statistics: lengths");
    let (device, count) = (mean.device(), mean.len());
    let new = || DeviceBuffer::new(device, count);
    let affine = Affine { reciprocal: new()?, factor: new()?, offset: new()? };
    if count == 0 {
        return Ok(affine);
    }
    let (scale, shift) = (address_of(scale), address_of(shift));
    let (total, channels) = (count as u32, shape.channels as u32);
    let [reciprocal, factor, offset] =
        [&affine.reciprocal, &affine.factor, &affine.offset].map(DeviceBuffer::address);
    let arguments: [&dyn Parameter; 10] = [
        &mean.address(),
        &variance.address(),
        &scale,
        &shift,
        &total,
        &channels,
        &epsilon,
        &reciprocal,
        &factor,
        &offset,
    ];
    // SAFETY: the lengths were checked.
    unsafe { device.launch(FILE, "affine_of_statistics", device.over(count), &arguments)? };
    Ok(affine)
}

/// From the sums of [`gradient_sums`] to the factor, slope and offset of [`input_gradient`], each `(groups, channels)`.
///
/// # Errors
/// If the device does not answer or has no memory left.
///
/// # Panics
/// If the lengths do not fit.
pub fn gradient_of_statistics(
    [mean, reciprocal, sums, products]: [&DeviceBuffer; 4],
    shape: Groups,
    scale: Option<&DeviceBuffer>,
) -> Result<[DeviceBuffer; 3]> {
    let fits = is_statistic(shape, &[mean, reciprocal, sums, products]);
    assert!(
        fits && scale.is_none_or(|scale| scale.len() == shape.channels),
        "gradient_of_statistics: lengths"
    );
    let (device, count) = (mean.device(), mean.len());
    let out = [
        DeviceBuffer::new(device, count)?,
        DeviceBuffer::new(device, count)?,
        DeviceBuffer::new(device, count)?,
    ];
    if count == 0 {
        return Ok(out);
    }
    let [mean, reciprocal, sums, products] = [mean, reciprocal, sums, products].map(DeviceBuffer::address);
    let (scale, total, channels) = (address_of(scale), count as u32, shape.channels as u32);
    let [factor, slope, offset] = out.each_ref().map(DeviceBuffer::address);
    let arguments: [&dyn Parameter; 11] = [
        &mean,
        &reciprocal,
        &scale,
        &sums,
        &products,
        &total,
        &channels,
        &(shape.rows as f32),
        &factor,
        &slope,
        &offset,
    ];
    // SAFETY: the lengths were checked.
    unsafe { device.launch(FILE, "gradient_of_statistics", device.over(count), &arguments)? };
    Ok(out)
}

/// The gradients of the layer's scale and shift, one value for each channel: the sums of [`gradient_sums`] over the groups.
///
/// # Errors
/// If the device does not answer.
///
/// # Panics
/// If the lengths do not fit.
pub fn parameter_gradients(
    [reciprocal, sums, products]: [&DeviceBuffer; 3],
    shape: Groups,
    for_scale: &mut DeviceBuffer,
    for_shift: &mut DeviceBuffer,
) -> Result<()> {
    let fits = is_statistic(shape, &[reciprocal, sums, products]);
    let layer = for_scale.len() == shape.channels && for_shift.len() == shape.channels;
    assert!(fits && layer, "parameter_gradients: lengths");
    if shape.channels == 0 {
        return Ok(());
    }
    let (groups, channels) = (shape.groups as u32, shape.channels as u32);
    let device = reciprocal.device();
    let [reciprocal, sums, products] = [reciprocal, sums, products].map(DeviceBuffer::address);
    let arguments: [&dyn Parameter; 7] =
        [&reciprocal, &sums, &products, &groups, &channels, &for_scale.address(), &for_shift.address()];
    // SAFETY: the lengths were checked.
    unsafe { device.launch(FILE, "parameter_gradients", device.over(shape.channels), &arguments) }
}
