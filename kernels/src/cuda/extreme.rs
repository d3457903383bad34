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
    let across = inner.next_power_of_two().min(32);
    let numbers = [middle, inner, across].map(|n| n as u32);
    let [rows, columns, lanes] = &numbers;
    let sign = if extreme == Extreme::Largest { 1.0f32 } else { -1.0 };
    // A grid has no more than 65535 blocks along y.
    const MOST: usize = 65_535;
    for first in (0..outer).step_by(MOST) {
        let planes = MOST.min(outer - first);
        let grid = [inner.div_ceil(across) as u32, planes as u32, 1];
        if grid[0] == 0 {
            return Ok(());
        }
        let launch = Launch { grid, threads: 256, shared: 256 * 8 };
        let from = x.address().after::<f32>(first * middle * inner);
        let to = places.address().after::<u32>(first * inner);
        let arguments: [&dyn Parameter; 6] = [&from, rows, columns, lanes, &sign, &to];
        // SAFETY: the planes from `first` on lie within `x`, their places within `places`.
        unsafe { x.device().launch("extreme", "search_middle", launch, &arguments)? };
    }
    Ok(())
}
