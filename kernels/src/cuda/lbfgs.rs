//! The direction of L-BFGS, without reading anything on the way.

use super::driver::{Launch, Parameter};
use super::error::Result;
use super::memory::DeviceBuffer;

const FILE: &str = "lbfgs";

/// Blocks of a sweep: every block adds up what all left in the sweep before, a number a thread. (Reasoned, not measured.)
const MOST_BLOCKS: usize = 256;

/// A past step.
#[derive(Clone, Copy, Debug)]
pub struct Pair<'a> {
    /// How far it went.
    pub step: &'a DeviceBuffer,
    /// How it changed the gradient.
    pub change: &'a DeviceBuffer,
    /// Their product, above 0.
    pub product: f64,
}

/// Minus the product of the gradient with the inverse of the Hessian, as far as `pairs` (the oldest first) tell of it, by algorithm
/// 7.4 of Nocedal and Wright (2006); `scale` is the inverse's diagonal before them, 1 where there are none. `told` becomes the
/// product of gradient and direction (the slope), the sum of the gradient's absolute values, and the largest of the direction's.
///
/// # Errors
/// If the device does not answer or has no memory left.
///
/// # Panics
/// If lengths differ, or `told` has not three values.
pub fn direction(
    gradient: &DeviceBuffer,
    pairs: &[Pair],
    scale: f32,
    direction: &mut DeviceBuffer,
    told: &mut DeviceBuffer<f64>,
) -> Result<()> {
    let length = gradient.len();
    let same = pairs.iter().all(|pair| pair.step.len() == length && pair.change.len() == length);
    assert!(same && direction.len() == length && told.len() == 3, "lbfgs: lengths");
    let device = gradient.device();
    let blocks = length.div_ceil(4 * 256).clamp(1, MOST_BLOCKS);
    let numbers = |count: usize| DeviceBuffer::<f64>::new(device, count);
    // What a sweep leaves, and what the one before it left, in turn.
    let (mut left, mut new) = (numbers(blocks)?, numbers(blocks)?);
    let (sums, largests, shares) = (numbers(blocks)?, numbers(blocks)?, numbers(pairs.len())?);
    let launch = Launch { grid: [blocks as u32, 1, 1], threads: 256, shared: 32 * 8 };
    let run = |kernel: &str, launch: Launch, arguments: &[&dyn Parameter]| {
        // SAFETY: all vectors hold `length` values, what blocks leave a number for each, the shares one for each pair.
        unsafe { device.launch(FILE, kernel, launch, arguments) }
    };
    let (from, q, count) = (gradient.address(), direction.address(), length as u32);
    let next = pairs.last().map_or(from, |pair| pair.step.address());
    run("lbfgs_begin", launch, &[&from, &q, &next, &count, &left.address()])?;
    for (number, pair) in pairs.iter().enumerate().rev() {
        let (scale, next) = match number.checked_sub(1) {
            None => (scale, pair.change.address()),
            Some(older) => (1.0, pairs[older].step.address()),
        };
        let (inverse, share, change) =
            (1.0 / pair.product, shares.address().after::<f64>(number), pair.change.address());
        let (before, parts) = (left.address(), new.address());
        run("lbfgs_back", launch, &[&before, &inverse, &share, &scale, &q, &change, &next, &count, &parts])?;
        std::mem::swap(&mut left, &mut new);
    }
    for (number, pair) in pairs.iter().enumerate() {
        let next = pairs.get(number + 1).map_or(from, |newer| newer.change.address());
        let (inverse, share, step) =
            (1.0 / pair.product, shares.address().after::<f64>(number), pair.step.address());
        let (before, parts) = (left.address(), new.address());
        run("lbfgs_forth", launch, &[&before, &inverse, &share, &q, &step, &next, &count, &parts])?;
        std::mem::swap(&mut left, &mut new);
    }
    let (slopes, sums, largests, told) = (left.address(), sums.address(), largests.address(), told.address());
    run("lbfgs_sizes", launch, &[&from, &q, &count, &sums, &largests])?;
    let one = Launch { grid: [1; 3], ..launch };
    run("lbfgs_tell", one, &[&slopes, &sums, &largests, &(blocks as u32), &told])
}
