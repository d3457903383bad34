//! The triplet loss `max(0, d(a, p) - d(a, n) + margin)` of a batch from the distances between all its embeddings and what was
//! mined: its mean, and its whole gradient as one matrix of weights, with nothing read back.

use super::device::{Device, address_of};
use super::driver::{Launch, Parameter};
use super::error::Result;
use super::memory::{DeviceBuffer, Plain};

const FILE: &str = "triplets";

/// As the kernels' `LIST`.
const LIST: usize = 256;

/// As the kernels' `Sums`.
#[repr(C)]
#[derive(Clone, Copy)]
struct Sums {
    loss: f64,
    active: u32,
    valid: u32,
}

// SAFETY: numbers without a gap.
unsafe impl Plain for Sums {}

/// Distances of a batch, and the loss they are for.
#[derive(Clone, Copy, Debug)]
pub struct Batch<'a> {
    /// `(N, N)`, each embedding exactly 0 from itself; one with a NaN or an infinity is not, and makes the loss NaN.
    pub distances: &'a DeviceBuffer,
    /// Whether they are squared ones.
    pub squared: bool,
    /// By how much a negative must be farther than a positive, in the unit of the distances.
    pub margin: f32,
}

/// What the mean over all triplets divides by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Over {
    /// The triplets with a loss above 0.
    #[default]
    Active,
    /// All.
    Valid,
}

/// Triplets that were chosen, see [`super::mining`].
#[derive(Clone, Copy, Debug)]
pub enum Chosen<'a> {
    /// One for each anchor that has both, `(N)` each.
    Anchors {
        /// The place of the positive or [`super::mining::NONE`].
        positives: &'a DeviceBuffer,
        /// The place of the negative or [`super::mining::NONE`].
        negatives: &'a DeviceBuffer,
    },
    /// One for each anchor and positive: the place of the negative or [`super::mining::NONE`], `(N, N)`.
    Pairs(&'a DeviceBuffer),
}

/// A mined loss.
#[derive(Debug)]
pub struct Mined {
    /// The mean: one value. 0 where nothing is valid.
    pub loss: DeviceBuffer,
    /// How many triplets the mean divides by: one value, as all of [`super::mining`]'s numbers exact up to 2^24.
    pub counted: DeviceBuffer,
    /// How many triplets have a loss above 0: one value.
    pub active: DeviceBuffer,
    /// `(N, N)`: the derivative of the loss by the squared distance from anchor i to embedding j; 0 for plain distances of 0,
    /// where the root has no derivative.
    pub weights: DeviceBuffer,
}

/// The mean loss of every triplet of a batch with one label for each embedding.
///
/// # Errors
/// If the device does not answer or has no memory left.
///
/// # Panics
/// If the lengths do not fit.
pub fn all(batch: Batch, labels: &DeviceBuffer, over: Over) -> Result<Mined> {
    let count = labels.len();
    assert_eq!(batch.distances.len(), count * count, "triplets of all: lengths");
    mean(batch, count, over, |weights, sums| {
        let arguments: [&dyn Parameter; 6] = [
            &batch.distances.address(),
            &labels.address(),
            &(count as u32),
            &batch.margin,
            &weights.address(),
            &sums.address(),
        ];
        // SAFETY: the lengths were checked or made to fit.
        unsafe { weights.device().launch(FILE, "triplets_all", launch(count), &arguments) }
    })
}

/// The mean loss of chosen triplets of a batch of `count` embeddings.
///
/// # Errors
/// If the device does not answer or has no memory left.
///
/// # Panics
/// If the lengths do not fit.
pub fn chosen(batch: Batch, count: usize, triplets: Chosen) -> Result<Mined> {
    let (positives, negatives, expected) = match triplets {
        Chosen::Anchors { positives, negatives } => (Some(positives), negatives, count),
        Chosen::Pairs(negatives) => (None, negatives, count * count),
    };
    let fits = batch.distances.len() == count * count
        && negatives.len() == expected
        && positives.is_none_or(|positives| positives.len() == count);
    assert!(fits, "chosen triplets: lengths");
    mean(batch, count, Over::Valid, |weights, sums| {
        let arguments: [&dyn Parameter; 7] = [
            &batch.distances.address(),
            &(count as u32),
            &batch.margin,
            &address_of(positives),
            &negatives.address(),
            &weights.address(),
            &sums.address(),
        ];
        // SAFETY: as above.
        unsafe { weights.device().launch(FILE, "triplets_chosen", launch(count), &arguments) }
    })
}

fn launch(count: usize) -> Launch {
    Launch { grid: [count as u32, 1, 1], threads: 256, shared: 32 * 8 + (258 + 2 * LIST) * 4 }
}

/// The mean of what `add_up` writes: counts into the weights, and the sums of each anchor.
fn mean(
    batch: Batch,
    count: usize,
    over: Over,
    add_up: impl FnOnce(&DeviceBuffer, &DeviceBuffer<Sums>) -> Result<()>,
) -> Result<Mined> {
    let device: &Device = batch.distances.device();
    let mined = Mined {
        loss: DeviceBuffer::new(device, 1)?,
        counted: DeviceBuffer::new(device, 1)?,
        active: DeviceBuffer::new(device, 1)?,
        weights: DeviceBuffer::new(device, count * count)?,
    };
    let sums = DeviceBuffer::new(device, count)?;
    if count > 0 {
        add_up(&mined.weights, &sums)?;
    }
    let [loss, counted, active, weights] =
        [&mined.loss, &mined.counted, &mined.active, &mined.weights].map(DeviceBuffer::address);
    let numbers = [count, usize::from(over == Over::Active), usize::from(batch.squared), count * count];
    let [anchors, over_active, squared, total] = &numbers.map(|n| n as u32);
    let one = Launch { grid: [1; 3], threads: 256, shared: 32 * 8 };
    let to_mean: [&dyn Parameter; 6] = [&sums.address(), anchors, over_active, &loss, &counted, &active];
    let to_weigh: [&dyn Parameter; 6] =
        [&batch.distances.address(), squared, &loss, &counted, &weights, total];
    // SAFETY: all buffers were made for this batch.
    unsafe {
        device.launch(FILE, "triplets_mean", one, &to_mean)?;
        device.launch(FILE, "triplets_weigh", device.over(count * count), &to_weigh)?;
    }
    Ok(mined)
}
