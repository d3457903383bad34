//! Seeded random tensors.
//!
//! The [`Generator`] is ChaCha8: the same numbers on every machine, and its whole state is (seed, stream, position), so a
//! checkpoint can hold it. A [`Stream`] is for what a step draws: a device makes the same numbers by itself.

use std::cell::Cell;
use std::rc::Rc;

use gobelin_kernels::cpu::random::Philox;
use gobelin_kernels::cuda::elementwise::Map;
use gobelin_kernels::cuda::{self, Device, DeviceBuffer};
use rand::RngExt;
use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;
use rand_distr::StandardNormal;

use crate::replay::each_time;
use crate::tensor::Tensor;
use crate::values::expect;

/// The generator all of Gobelin uses.
pub type Generator = ChaCha8Rng;

/// A generator for one purpose: the same `seed` with different `stream`s gives independent numbers.
pub fn generator(seed: u64, stream: u64) -> Generator {
    let mut generator = ChaCha8Rng::seed_from_u64(seed);
    generator.set_stream(stream);
    generator
}

/// A tensor of independent normal numbers.
pub fn normal(shape: &[usize], mean: f32, deviation: f32, generator: &mut Generator) -> Tensor {
    Tensor::build(shape, |data| {
        for value in data {
            *value = mean + deviation * generator.sample::<f32, _>(StandardNormal);
        }
    })
}

/// A tensor of independent numbers, uniform in `[low, high)`.
pub fn uniform(shape: &[usize], low: f32, high: f32, generator: &mut Generator) -> Tensor {
    Tensor::build(shape, |data| {
        for value in data {
            *value = low + (high - low) * generator.random::<f32>();
        }
    })
}

/// A tensor whose values are all at least `gap` apart, in random order about 0: for checks of functions that choose
/// (maxima, medians, sorting), where a small step must not change the choice.
pub fn separated(shape: &[usize], gap: f32, generator: &mut Generator) -> Tensor {
    Tensor::build(shape, |data| {
        let middle = (data.len() as f32 - 1.0) / 2.0;
        for (i, value) in data.iter_mut().enumerate() {
            *value = (i as f32 - middle) * gap + 0.3 * gap;
        }
        for i in (1..data.len()).rev() {
            data.swap(i, generator.random_range(0..=i));
        }
    })
}

/// Counter-based random numbers (Philox 4x32-10, Salmon et al. 2011): number `i` depends on the seed, the stream and `i` alone, and is the
/// same to the bit on the host and on a device, where the numbers are made when they are wanted and nothing is sent.
///
/// A [`crate::Replay`] that draws draws other numbers each time. It goes on with this very stream: a state that is loaded is for
/// [`Stream::seek`].
pub struct Stream {
    philox: Rc<Cell<Philox>>,
    on_device: Option<cuda::random::Stream>,
}

impl Stream {
    /// The beginning of a stream, on the host: the same `seed` with different `stream`s gives independent numbers.
    pub fn new(seed: u64, stream: u64) -> Self {
        let philox = Philox { key: seed, stream, counter: 0 };
        Self { philox: Rc::new(Cell::new(philox)), on_device: None }
    }

    /// Has a device draw from now on.
    pub fn to_device(&mut self, device: &Device) {
        self.on_device = Some(expect(cuda::random::Stream::new(device, self.philox.get())));
    }

    /// How many groups of four numbers were drawn: what resuming needs to know.
    pub fn position(&self) -> u64 {
        self.philox.get().counter
    }

    /// Goes on at a position.
    pub fn seek(&mut self, position: u64) {
        self.philox.set(Philox { counter: position, ..self.philox.get() });
        if let Some(stream) = &mut self.on_device {
            expect(stream.set(self.philox.get()));
        }
    }

    /// Independent normal numbers. They begin a new group of four.
    pub fn normal(&mut self, shape: &[usize], mean: f32, deviation: f32) -> Tensor {
        self.draw(
            shape,
            |philox, out| philox.normal(mean, deviation, out),
            |stream, out| stream.normal(mean, deviation, out),
        )
    }

    /// Independent numbers, uniform in `[low, high)`. They begin a new group of four.
    pub fn uniform(&mut self, shape: &[usize], low: f32, high: f32) -> Tensor {
        self.draw(
            shape,
            |philox, out| philox.uniform(low, high, out),
            |stream, out| stream.uniform(low, high, out),
        )
    }

    /// Independent numbers that are 1 with this probability, else 0. They begin a new group of four.
    pub fn bernoulli(&mut self, shape: &[usize], probability: f32) -> Tensor {
        let is_below = |u| f32::from(u < probability);
        self.uniform(shape, 0.0, 1.0).map_into_as(Map::IsBelow(probability), is_below)
    }

    fn draw(
        &mut self,
        shape: &[usize],
        host: impl FnOnce(&mut Philox, &mut [f32]),
        device: impl FnOnce(&mut cuda::random::Stream, &mut DeviceBuffer) -> cuda::Result<()>,
    ) -> Tensor {
        let Some(stream) = &mut self.on_device else {
            let mut philox = self.philox.get();
            let drawn = Tensor::build(shape, |out| host(&mut philox, out));
            self.philox.set(philox);
            return drawn;
        };
        let place = stream.device().clone();
        let drawn = Tensor::build_on(&place, shape, |out| device(stream, out));
        let (philox, groups) = (Rc::clone(&self.philox), drawn.len().div_ceil(4) as u64);
        each_time(move || {
            let now = philox.get();
            philox.set(Philox { counter: now.counter.wrapping_add(groups), ..now });
        });
        drawn
    }
}
