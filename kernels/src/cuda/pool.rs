//! Maxima and means over windows of channels-last pictures, and their adjoints, as on the host.

use super::divide::Divide;
use super::driver::{Address, Parameter};
use super::error::Result;
use super::memory::DeviceBuffer;

pub use crate::cpu::pool::Pool;

/// As the kernels' `Pool`.
#[repr(C)]
struct Arguments {
    batch: u32,
    size: [u32; 2],
    channels: u32,
    windows: [u32; 2],
    kernel: [u32; 2],
    stride: [u32; 2],
    padding: [u32; 2],
    by_channels: Divide,
    by_columns: Divide,
    by_rows: Divide,
    by_width: Divide,
    by_height: Divide,
}

// SAFETY: 32-bit numbers on both sides.
unsafe impl Parameter for Arguments {}

impl Arguments {
    fn new(pool: &Pool, large: usize, small: usize) -> Self {
        let windows = (0..2).all(|i| pool.stride[i] > 0 && pool.padding[i] < pool.kernel[i]);
        assert!(windows && pool.kernel[0] * pool.kernel[1] <= 256, "pool: {pool:?}");
        assert!(large == pool.large() && small == pool.small(), "pool: lengths");
        let pair = |values: [usize; 2]| values.map(|value| value as u32);
        let [rows, columns] = pool.output();
        Self {
            batch: pool.batch as u32,
            size: pair([pool.height, pool.width]),
            channels: pool.channels as u32,
            windows: pair([rows, columns]),
            kernel: pair(pool.kernel),
            stride: pair(pool.stride),
            padding: pair(pool.padding),
            by_channels: Divide::by(pool.channels),
            by_columns: Divide::by(columns),
            by_rows: Divide::by(rows),
            by_width: Divide::by(pool.width),
            by_height: Divide::by(pool.height),
        }
    }
}

fn run(
    kernel: &str,
    pool: &Pool,
    [large, small]: [usize; 2],
    others: &[Address],
    out: (&super::Device, usize),
) -> Result<()> {
    let arguments = Arguments::new(pool, large, small);
    let (device, count) = out;
    if count == 0 {
        return Ok(());
    }
    let total = count as u32;
    let mut all: Vec<&dyn Parameter> = vec![&arguments];
    all.extend(others.iter().map(|other| other as &dyn Parameter));
    all.push(&total);
    // SAFETY: the lengths of both sides were checked; the callers check that of the taps.
    unsafe { device.launch("pool", kernel, device.over(count), &all) }
}

/// The largest value of each window and the tap it has in the window: the first of equal ones, the last NaN.
///
/// # Errors
/// If the device does not answer.
///
/// # Panics
/// If the lengths or the windows do not fit.
pub fn maximum(
    pool: &Pool,
    x: &DeviceBuffer,
    y: &mut DeviceBuffer,
    taps: &mut DeviceBuffer<u8>,
) -> Result<()> {
    assert_eq!(y.len(), taps.len(), "maximum: lengths");
    let others = [x.address(), y.address(), taps.address()];
    run("pool_maximum", pool, [x.len(), y.len()], &others, (x.device(), y.len()))
}

/// The value of each window that lies at the tap `taps` names.
///
/// # Errors
/// If the device does not answer.
///
/// # Panics
/// If the lengths or the windows do not fit.
pub fn chosen(pool: &Pool, x: &DeviceBuffer, taps: &DeviceBuffer<u8>, y: &mut DeviceBuffer) -> Result<()> {
    assert_eq!(y.len(), taps.len(), "chosen: lengths");
    let others = [x.address(), taps.address(), y.address()];
    run("pool_chosen", pool, [x.len(), y.len()], &others, (x.device(), y.len()))
}

/// The adjoint of [`chosen`]: adds each window's value up where its tap lies.
///
/// # Errors
/// If the device does not answer.
///
/// # Panics
/// If the lengths or the windows do not fit.
pub fn put_back(pool: &Pool, y: &DeviceBuffer, taps: &DeviceBuffer<u8>, x: &mut DeviceBuffer) -> Result<()> {
    assert_eq!(y.len(), taps.len(), "put_back: lengths");
    let others = [y.address(), taps.address(), x.address()];
    run("pool_put_back", pool, [x.len(), y.len()], &others, (y.device(), x.len()))
}

/// The mean of each window; padding counts as zeros.
///
/// # Errors
/// If the device does not answer.
///
/// # Panics
/// If the lengths or the windows do not fit.
pub fn mean(pool: &Pool, x: &DeviceBuffer, y: &mut DeviceBuffer) -> Result<()> {
    run("pool_mean", pool, [x.len(), y.len()], &[x.address(), y.address()], (x.device(), y.len()))
}

/// The adjoint of [`mean`].
///
/// # Errors
/// If the device does not answer.
///
/// # Panics
/// If the lengths or the windows do not fit.
pub fn spread(pool: &Pool, y: &DeviceBuffer, x: &mut DeviceBuffer) -> Result<()> {
    run("pool_spread", pool, [x.len(), y.len()], &[y.address(), x.address()], (y.device(), x.len()))
}
