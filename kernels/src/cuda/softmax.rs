//! Softmax and its relatives over rows, as on the host.

use super::driver::Parameter;
use super::error::Result;
use super::memory::DeviceBuffer;
use super::rows::Rows;

fn run(
    kernel: &str,
    buffers: &[&DeviceBuffer],
    row: usize,
    rows: usize,
    others: &[&DeviceBuffer],
) -> Result<()> {
    if rows == 0 {
        return Ok(());
    }
    let (shape, launch) = Rows::plan(rows, row);
    let addresses: Vec<_> = buffers.iter().chain(others).map(|buffer| buffer.address()).collect();
    let (before, after) = addresses.split_at(buffers.len());
    let mut arguments: Vec<&dyn Parameter> = before.iter().map(|address| address as &dyn Parameter).collect();
    arguments.push(&shape);
    arguments.extend(after.iter().map(|address| address as &dyn Parameter));
    // SAFETY: the callers checked that all buffers hold these rows.
    unsafe { buffers[0].device().launch("softmax", kernel, launch, &arguments) }
}

#[track_caller]
fn rows(op: &str, x: &DeviceBuffer, row: usize) -> usize {
    assert!(row > 0 && x.len().is_multiple_of(row), "{op}: lengths");
    x.len() / row
}

/// `e^x` divided by its sum, over rows of `row` values.
///
/// # Errors
/// If the device does not answer.
///
/// # Panics
/// If the lengths do not fit.
pub fn softmax(x: &DeviceBuffer, row: usize, out: &mut DeviceBuffer) -> Result<()> {
    assert_eq!(x.len(), out.len(), "softmax: lengths");
    run("softmax", &[x], row, rows("softmax", x, row), &[out])
}

/// From the gradient of [`softmax`]'s output `y` to that of its input, in place: `y (g - sum(y g))`.
///
/// # Errors
/// If the device does not answer.
///
/// # Panics
/// If the lengths do not fit.
pub fn softmax_gradient(y: &DeviceBuffer, row: usize, gradient: &mut DeviceBuffer) -> Result<()> {
    assert_eq!(y.len(), gradient.len(), "softmax_gradient: lengths");
    run("softmax_gradient", &[y], row, rows("softmax_gradient", y, row), &[gradient])
}

/// The logarithm of [`softmax`], exact also where that rounds to 0.
///
/// # Errors
/// If the device does not answer.
///
/// # Panics
/// If the lengths do not fit.
pub fn log_softmax(x: &DeviceBuffer, row: usize, out: &mut DeviceBuffer) -> Result<()> {
    assert_eq!(x.len(), out.len(), "log_softmax: lengths");
    run("log_softmax", &[x], row, rows("log_softmax", x, row), &[out])
}

/// From the gradient of [`log_softmax`]'s output `y` to that of its input, in place: `g - e^y sum(g)`.
///
/// # Errors
/// If the device does not answer.
///
/// # Panics
/// If the lengths do not fit.
pub fn log_softmax_gradient(y: &DeviceBuffer, row: usize, gradient: &mut DeviceBuffer) -> Result<()> {
    assert_eq!(y.len(), gradient.len(), "log_softmax_gradient: lengths");
    run("log_softmax_gradient", &[y], row, rows("log_softmax_gradient", y, row), &[gradient])
}

/// The logarithm of the sum of `e^x`, one value for each row.
///
/// # Errors
/// If the device does not answer.
///
/// # Panics
/// If the lengths do not fit.
pub fn logsumexp(x: &DeviceBuffer, row: usize, out: &mut DeviceBuffer) -> Result<()> {
    let count = rows("logsumexp", x, row);
    assert_eq!(count, out.len(), "logsumexp: lengths");
    run("logsumexp", &[x], row, count, &[out])
}

/// From the `gradient` of [`logsumexp`]'s output `y` to that of its input: `e^(x - y) g`.
///
/// # Errors
/// If the device does not answer.
///
/// # Panics
/// If the lengths do not fit.
pub fn logsumexp_gradient(
    x: &DeviceBuffer,
    y: &DeviceBuffer,
    gradient: &DeviceBuffer,
    row: usize,
    out: &mut DeviceBuffer,
) -> Result<()> {
    let count = rows("logsumexp_gradient", x, row);
    let fits = x.len() == out.len() && count == y.len() && count == gradient.len();
    assert!(fits, "logsumexp_gradient: lengths");
    run("logsumexp_gradient", &[x, y, gradient], row, count, &[out])
}
