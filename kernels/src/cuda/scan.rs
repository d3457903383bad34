//! Cumulative sums along rows, as on the host.

use super::driver::{Launch, Parameter};
use super::error::Result;
use super::memory::DeviceBuffer;

pub use crate::cpu::scan::From;

/// Each value of a row of `row` values becomes the sum of all values from one end up to and including it, added up in `f64`.
///
/// # Errors
/// If the device does not answer.
///
/// # Panics
/// If the lengths do not fit.
pub fn cumulative_sum(x: &DeviceBuffer, row: usize, from: From, out: &mut DeviceBuffer) -> Result<()> {
    assert!(x.len() == out.len() && row > 0 && x.len().is_multiple_of(row), "cumulative_sum: lengths");
    if x.is_empty() {
        return Ok(());
    }
    let launch = Launch { grid: [(x.len() / row) as u32, 1, 1], threads: 256, shared: 256 * 8 };
    let (length, from_end) = (row as u32, u32::from(from == From::End));
    let arguments: [&dyn Parameter; 4] = [&x.address(), &length, &from_end, &out.address()];
    // SAFETY: the lengths were checked.
    unsafe { x.device().launch("scan", "cumulative_sum", launch, &arguments) }
}
