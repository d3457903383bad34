//! The order of values along rows.

use super::divide::Divide;
use super::driver::Parameter;
use super::error::Result;
use super::memory::DeviceBuffer;

const FILE: &str = "order";

/// For rows of `length` values, the places of each row's values from the largest to the smallest, of equal ones the earlier first, and the
/// rank of each place: whole numbers, exact up to 2^24. In the total order of IEEE 754, so NaN without a sign comes first.
///
/// # Errors
/// If the device does not answer or has no memory left.
///
/// # Panics
/// If the lengths do not fit.
pub fn descending(
    x: &DeviceBuffer,
    length: usize,
    places: &mut DeviceBuffer,
    ranks: &mut DeviceBuffer,
) -> Result<()> {
    let fits = length > 0 && x.len().is_multiple_of(length);
    assert!(fits && places.len() == x.len() && ranks.len() == x.len(), "descending: lengths");
    if x.is_empty() {
        return Ok(());
    }
    let (device, width) = (x.device(), length.next_power_of_two());
    let keys = DeviceBuffer::<u64>::new(device, x.len() / length * width)?;
    let (total, wide) = (keys.len() as u32, width as u32);
    let to_keys: [&dyn Parameter; 5] =
        [&x.address(), &(length as u32), &Divide::by(width), &keys.address(), &total];
    // SAFETY: the lengths were checked or made to fit.
    unsafe { device.launch(FILE, "order_keys", device.over(keys.len()), &to_keys)? };
    let mut run = 2;
    while run <= wide {
        let mut apart = run / 2;
        while apart > 0 {
            let exchange: [&dyn Parameter; 5] = [&keys.address(), &apart, &run, &wide, &(total / 2)];
            // SAFETY: as above; a pair lies within a row.
            unsafe { device.launch(FILE, "order_exchange", device.over(keys.len() / 2), &exchange)? };
            apart /= 2;
        }
        run *= 2;
    }
    let to_places: [&dyn Parameter; 6] =
        [&keys.address(), &Divide::by(length), &wide, &places.address(), &ranks.address(), &(x.len() as u32)];
    // SAFETY: as above; the places of a row's first keys are its own.
    unsafe { device.launch(FILE, "order_places", device.over(x.len()), &to_places) }
}
