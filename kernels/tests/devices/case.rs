//! One thing that every device must do alike.

use gobelin_kernels::cuda::{Device, DeviceBuffer, Result};

type OnDevice = Box<dyn Fn(&Device) -> Result<Vec<f32>>>;

/// A computation on the host, and the same on a device.
pub struct Case {
    pub name: String,
    /// Largest difference, as a part of the largest expected value.
    pub tolerance: f32,
    pub host: Box<dyn Fn() -> Vec<f32>>,
    pub device: OnDevice,
}

impl Case {
    pub fn new(
        name: impl Into<String>,
        tolerance: f32,
        host: impl Fn() -> Vec<f32> + 'static,
        device: impl Fn(&Device) -> Result<Vec<f32>> + 'static,
    ) -> Self {
        Self { name: name.into(), tolerance, host: Box::new(host), device: Box::new(device) }
    }

    /// How a result is wrong, if it is.
    pub fn difference(&self, expected: &[f32], found: &[f32]) -> Option<String> {
        if expected.len() != found.len() {
            return Some(format!("{} values instead of {}", found.len(), expected.len()));
        }
        let finite = expected.iter().filter(|value| value.is_finite());
        let bound = self.tolerance * finite.fold(0.0f32, |top, value| top.max(value.abs()));
        let agrees = |a: f32, b: f32| a == b || (a.is_nan() && b.is_nan()) || (a - b).abs() <= bound;
        let wrong: Vec<usize> = (0..found.len()).filter(|&i| !agrees(expected[i], found[i])).collect();
        let &first = wrong.first()?;
        Some(format!(
            "{} of {} values differ by more than {bound:e}, first at {first}: {} instead of {}",
            wrong.len(),
            found.len(),
            found[first],
            expected[first]
        ))
    }
}

/// Numbers in `[-1, 1)`, the same everywhere.
pub fn numbers(count: usize, seed: u64) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x2545_f491_4f6c_dd1d;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    };
    (0..count).map(|_| next()).collect()
}

/// A copy on the device.
pub fn put(device: &Device, values: &[f32]) -> Result<DeviceBuffer> {
    DeviceBuffer::from_slice(device, values)
}

/// A new buffer on the device.
pub fn room(device: &Device, count: usize) -> Result<DeviceBuffer> {
    DeviceBuffer::new(device, count)
}

/// A case that makes `count` values of some inputs.
pub fn of<const N: usize>(
    name: impl Into<String>,
    tolerance: f32,
    inputs: [Vec<f32>; N],
    count: usize,
    host: impl Fn([&[f32]; N], &mut [f32]) + 'static,
    device: impl Fn([&DeviceBuffer; N], &mut DeviceBuffer) -> Result<()> + 'static,
) -> Case {
    let same = inputs.clone();
    Case::new(
        name,
        tolerance,
        move || {
            let mut out = vec![7.0; count];
            host(inputs.each_ref().map(Vec::as_slice), &mut out);
            out
        },
        move |on| {
            let inputs = same.iter().map(|values| put(on, values)).collect::<Result<Vec<_>>>()?;
            let mut out = room(on, count)?;
            device(std::array::from_fn(|i| &inputs[i]), &mut out)?;
            out.to_vec()
        },
    )
}
