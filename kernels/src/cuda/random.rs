//! Counter-based random numbers, to the bit those of [`crate::cpu::random`].

use super::device::Device;
use super::driver::{Launch, Parameter};
use super::error::Result;
use super::memory::{DeviceBuffer, Plain};
use crate::cpu::random::Philox;

const FILE: &str = "random";

/// As the kernels' `Stream`.
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct State {
    key: [u32; 2],
    stream: [u32; 2],
    counter: [u32; 2],
}

impl State {
    fn of(philox: Philox) -> Self {
        let split = |number: u64| [number as u32, (number >> 32) as u32];
        Self { key: split(philox.key), stream: split(philox.stream), counter: split(philox.counter) }
    }
}

// SAFETY: six 32-bit numbers.
unsafe impl Plain for State {}

/// A stream of random numbers whose state lies on the device: a recorded step draws new ones each time it is replayed.
pub struct Stream {
    state: DeviceBuffer<State>,
}

impl Stream {
    /// The stream that goes on where `philox` is.
    ///
    /// # Errors
    /// If the device does not answer or has no memory left.
    pub fn new(device: &Device, philox: Philox) -> Result<Self> {
        Ok(Self { state: DeviceBuffer::from_slice(device, &[State::of(philox)])? })
    }

    /// Goes on where `philox` is; waits for what was drawn before.
    ///
    /// # Errors
    /// If the device does not answer, or a step is being recorded.
    pub fn set(&mut self, philox: Philox) -> Result<()> {
        self.state.write(&[State::of(philox)])
    }

    /// The device that draws.
    pub fn device(&self) -> &Device {
        self.state.device()
    }

    /// Where the stream is: what a checkpoint holds.
    ///
    /// # Errors
    /// If the device does not answer.
    pub fn philox(&self) -> Result<Philox> {
        let join = |[low, high]: [u32; 2]| u64::from(high) << 32 | u64::from(low);
        let State { key, stream, counter } = self.state.to_vec()?[0];
        Ok(Philox { key: join(key), stream: join(stream), counter: join(counter) })
    }

    /// Independent numbers, uniform in `[low, high)`.
    ///
    /// # Errors
    /// If the device does not answer.
    pub fn uniform(&mut self, low: f32, high: f32, out: &mut DeviceBuffer) -> Result<()> {
        self.draw("uniform", low, high, out)
    }

    /// Independent normal numbers.
    ///
    /// # Errors
    /// If the device does not answer.
    pub fn normal(&mut self, mean: f32, deviation: f32, out: &mut DeviceBuffer) -> Result<()> {
        self.draw("normal", mean, deviation, out)
    }

    fn draw(&mut self, kernel: &str, p: f32, q: f32, out: &mut DeviceBuffer) -> Result<()> {
        if out.is_empty() {
            return Ok(());
        }
        let (device, state, count) = (out.device(), self.state.address(), out.len() as u32);
        let groups = count.div_ceil(4);
        let one = Launch { grid: [1; 3], threads: 32, shared: 0 };
        let arguments: [&dyn Parameter; 5] = [&state, &p, &q, &out.address(), &count];
        // SAFETY: the buffer holds `count` values.
        unsafe {
            device.launch(FILE, kernel, device.over(groups as usize), &arguments)?;
            device.launch(FILE, "advance", one, &[&state, &groups])
        }
    }
}
