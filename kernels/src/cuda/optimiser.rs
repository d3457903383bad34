//! Optimiser updates: all tensors of a net in one launch, each element as on the host.

use std::marker::PhantomData;

use super::device::{Device, address_of};
use super::driver::{Address, Launch, Parameter};
use super::error::Result;
use super::memory::{DeviceBuffer, Plain};
use crate::cpu::optimiser as host;

const FILE: &str = "optimiser";

/// Values a block updates: as in the kernels.
const EACH: usize = 1024;

/// A parameter, its gradient, and what the optimiser remembers of it.
#[derive(Debug)]
pub struct Tensors<'a> {
    /// What is updated.
    pub parameter: &'a mut DeviceBuffer,
    /// Its gradient.
    pub gradient: &'a DeviceBuffer,
    /// Momentum SGD: the velocity. Adam: both moments. RMSprop: the mean square, the mean if centred, the velocity if there is
    /// momentum. AdaGrad: the sum of squares.
    pub slots: [Option<&'a mut DeviceBuffer>; 3],
}

/// As the kernels' `Entry`.
#[repr(C)]
#[derive(Clone, Copy)]
struct Entry {
    parameter: Address,
    gradient: Address,
    slots: [Address; 3],
    count: u32,
    first_block: u32,
}

// SAFETY: pointers and 32-bit numbers without a gap.
unsafe impl Plain for Entry {}

/// Where the tensors of a net lie, on the device. It borrows them all.
pub struct Table<'a> {
    entries: DeviceBuffer<Entry>,
    blocks: u32,
    /// Slots that every tensor has.
    slots: [bool; 3],
    tensors: PhantomData<&'a mut DeviceBuffer>,
}

impl<'a> Table<'a> {
    /// The table of some tensors.
    ///
    /// # Errors
    /// If the device does not answer or has no memory left.
    ///
    /// # Panics
    /// If lengths differ within an entry.
    pub fn new(device: &Device, tensors: Vec<Tensors<'a>>) -> Result<Self> {
        let mut blocks = 0;
        let mut slots = [true; 3];
        let mut entries = Vec::with_capacity(tensors.len());
        for Tensors { parameter, gradient, slots: own } in
            tensors.into_iter().filter(|t| !t.parameter.is_empty())
        {
            let count = parameter.len();
            let same = own.iter().flatten().all(|slot| slot.len() == count) && gradient.len() == count;
            assert!(same, "optimiser: lengths of a parameter of {count} values");
            for (all, own) in slots.iter_mut().zip(&own) {
                *all &= own.is_some();
            }
            entries.push(Entry {
                parameter: parameter.address(),
                gradient: gradient.address(),
                slots: own.each_ref().map(|slot| address_of(slot.as_deref())),
                count: count as u32,
                first_block: blocks,
            });
            blocks += count.div_ceil(EACH) as u32;
        }
        Ok(Self { entries: DeviceBuffer::constant(device, &entries)?, blocks, slots, tensors: PhantomData })
    }

    fn run<R: Plain>(&self, kernel: &str, needed: usize, rule: &DeviceBuffer<R>) -> Result<()> {
        assert!(self.slots[..needed].iter().all(|&is_there| is_there), "{kernel}: a tensor lacks a slot");
        assert_eq!(rule.len(), 1, "{kernel}: one rule");
        if self.blocks == 0 {
            return Ok(());
        }
        let launch = Launch { grid: [self.blocks, 1, 1], threads: 256, shared: 0 };
        let count = self.entries.len() as u32;
        // SAFETY: the table borrows the tensors, whose lengths were checked.
        unsafe {
            self.entries.device().launch(
                FILE,
                kernel,
                launch,
                &[&self.entries.address(), &count, &rule.address()],
            )
        }
    }
}

/// As [`host::Sgd`], on the device: a captured step can be replayed with other numbers.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Sgd {
    numbers: [f32; 4],
    nesterov: u32,
}

// SAFETY: 32-bit numbers.
unsafe impl Plain for Sgd {}

impl From<host::Sgd> for Sgd {
    fn from(rule: host::Sgd) -> Self {
        Self {
            numbers: [rule.rate, rule.decay, rule.momentum, rule.gain],
            nesterov: u32::from(rule.nesterov),
        }
    }
}

/// As [`host::Adam`], on the device.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Adam([f32; 9]);

// SAFETY: 32-bit numbers.
unsafe impl Plain for Adam {}

impl From<host::Adam> for Adam {
    fn from(rule: host::Adam) -> Self {
        let host::Adam { rate, decay, keep, betas, gains, correction, epsilon } = rule;
        Self([rate, decay, keep, betas[0], betas[1], gains[0], gains[1], correction, epsilon])
    }
}

/// As [`host::RmsProp`], on the device.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct RmsProp([f32; 6]);

// SAFETY: 32-bit numbers.
unsafe impl Plain for RmsProp {}

impl From<host::RmsProp> for RmsProp {
    fn from(rule: host::RmsProp) -> Self {
        let host::RmsProp { rate, decay, alpha, gain, epsilon, momentum } = rule;
        Self([rate, decay, alpha, gain, epsilon, momentum])
    }
}

/// As [`host::AdaGrad`], on the device.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct AdaGrad([f32; 3]);

// SAFETY: 32-bit numbers.
unsafe impl Plain for AdaGrad {}

impl From<host::AdaGrad> for AdaGrad {
    fn from(rule: host::AdaGrad) -> Self {
        Self([rule.rate, rule.decay, rule.epsilon])
    }
}

/// One step of stochastic gradient descent: with momentum for tensors with a velocity.
///
/// # Errors
/// If the device does not answer.
pub fn sgd(rule: &DeviceBuffer<Sgd>, table: &Table) -> Result<()> {
    table.run("optimise_sgd", 0, rule)
}

/// One step of Adam.
///
/// # Errors
/// If the device does not answer.
///
/// # Panics
/// If a tensor lacks its moments.
pub fn adam(rule: &DeviceBuffer<Adam>, table: &Table) -> Result<()> {
    table.run("optimise_adam", 2, rule)
}

/// One step of RMSprop: centred for tensors with a mean, with momentum for those with a velocity.
///
/// # Errors
/// If the device does not answer.
///
/// # Panics
/// If a tensor lacks its mean square.
pub fn rmsprop(rule: &DeviceBuffer<RmsProp>, table: &Table) -> Result<()> {
    table.run("optimise_rmsprop", 1, rule)
}

/// One step of AdaGrad.
///
/// # Errors
/// If the device does not answer.
///
/// # Panics
/// If a tensor lacks its sum of squares.
pub fn adagrad(rule: &DeviceBuffer<AdaGrad>, table: &Table) -> Result<()> {
    table.run("optimise_adagrad", 1, rule)
}

/// Limits every weight to `[-limit, limit]`; NaN stays.
///
/// # Errors
/// If the device does not answer.
pub fn clip_weights(table: &Table, limit: f32) -> Result<()> {
    if table.blocks == 0 {
        return Ok(());
    }
    let launch = Launch { grid: [table.blocks, 1, 1], threads: 256, shared: 0 };
    let (entries, count) = (table.entries.address(), table.entries.len() as u32);
    // SAFETY: the table borrows the tensors, whose lengths were checked.
    unsafe { table.entries.device().launch(FILE, "clip_weights", launch, &[&entries, &count, &limit]) }
}

/// `out[i]` = the sum of the squares of tensor `i`, added up in `f64`: the gradients of a net in two launches.
///
/// # Errors
/// If the device does not answer or has no memory left.
///
/// # Panics
/// If `out` has not one value for each tensor.
pub fn square_sums(tensors: &[&DeviceBuffer], out: &mut DeviceBuffer) -> Result<()> {
    assert_eq!(out.len(), tensors.len(), "square_sums: lengths");
    if tensors.is_empty() {
        return Ok(());
    }
    let mut blocks = 0;
    let entry = |tensor: &&DeviceBuffer| {
        let (gradient, count, first_block) = (tensor.address(), tensor.len() as u32, blocks);
        blocks += tensor.len().div_ceil(EACH) as u32;
        Entry { parameter: Address::default(), gradient, slots: [Address::default(); 3], count, first_block }
    };
    let entries: Vec<Entry> = tensors.iter().map(entry).collect();
    let device = out.device().clone();
    let parts = DeviceBuffer::<f64>::new(&device, blocks as usize)?;
    let table = DeviceBuffer::constant(&device, &entries)?;
    let launch = |blocks| Launch { grid: [blocks, 1, 1], threads: 256, shared: 32 * 8 };
    let (entries, count, parts) = (table.address(), tensors.len() as u32, parts.address());
    // SAFETY: the entries are the tensors'; the parts hold a number for each block.
    unsafe {
        if blocks > 0 {
            device.launch(FILE, "square_sums", launch(blocks), &[&entries, &count, &parts])?;
        }
        let arguments: [&dyn Parameter; 4] = [&entries, &blocks, &parts, &out.address()];
        device.launch(FILE, "square_sums_finish", launch(count), &arguments)
    }
}
