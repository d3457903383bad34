//! Where the largest or smallest value lies, as on the host.

use super::driver::{Launch, Parameter};
use super::error::Result;
use super::memory::DeviceBuffer;

pub use crate::cpu::extreme::Extreme;

/// The place along the middle axis of the first largest (or smallest) value of `x`, of shape `(outer, middle, inner)`; the
/// first NaN if there is one.
///
/// # Errors
/// If the device does not answer.
///
/// # Panics
/// If the lengths do not fit or the middle axis is empty.
pub fn search_middle(
    x: &DeviceBuffer,
    [outer, middle, inner]: [usize; 3],
    extreme: Extreme,
    places: &mut DeviceBuffer<u32>,
) -> Result<()> {
    assert!(x.len() == outer * middle * inner && places.len() == outer * inner, "search_middle: lengths");
    assert!(middle > 0, "search_middle: no values to choose from");
    if places.is_empty() {
        return Ok(());
    }
    let across = inner.next_power_of_two().min(32);
    let numbers = [middle, inner, across].map(|n| n as u32);
    let [rows, columns, lanes] = &numbers;
    let sign = if extreme == Extreme::Largest { 1.0f32 } else { -1.0 };
    let grid = [(inner.div_ceil(across) * outer) as u32, 1, 1];
    let launch = Launch { grid, threads: 256, shared: 256 * 8 };
    let arguments: [&dyn Parameter; 6] = [&x.address(), rows, columns, lanes, &sign, &places.address()];
    // SAFETY: the lengths were checked.
    unsafe { x.device().launch("extreme", "search_middle", launch, &arguments) }
}
