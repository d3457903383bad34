//! Triplets from the distances between all embeddings of a batch and their labels.
//!
//! Labels are whole numbers, equal for embeddings of one identity. Places of embeddings are whole numbers too, exact up to 2^24, and
//! [`NONE`] where there is no embedding.

use super::driver::{Launch, Parameter};
use super::error::Result;
use super::memory::DeviceBuffer;

const FILE: &str = "mining";

/// Stands for no place.
pub const NONE: f32 = -1.0;

/// What semi-hard mining takes for a pair with no negative in the band.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fallback {
    /// Nothing.
    #[default]
    Skip,
    /// The nearest negative of all.
    Hardest,
    /// The farthest negative of all.
    Largest,
}

fn launch(blocks: usize) -> Launch {
    Launch { grid: [blocks as u32, 1, 1], threads: 256, shared: 257 * 8 + 256 * 4 }
}

/// For each anchor, the place of its farthest positive and of its nearest negative, or [`NONE`]; the first of equal ones.
/// `distances` is `(N, N)`.
///
/// # Errors
/// If the device does not answer.
///
/// # Panics
/// If the lengths do not fit.
pub fn hard(
    distances: &DeviceBuffer,
    labels: &DeviceBuffer,
    positives: &mut DeviceBuffer,
    negatives: &mut DeviceBuffer,
) -> Result<()> {
    let count = labels.len();
    let fits = distances.len() == count * count && positives.len() == count && negatives.len() == count;
    assert!(fits, "hard: lengths");
    if count == 0 {
        return Ok(());
    }
    let arguments: [&dyn Parameter; 5] = [
        &distances.address(),
        &labels.address(),
        &(count as u32),
        &positives.address(),
        &negatives.address(),
    ];
    // SAFETY: the lengths were checked.
    unsafe { distances.device().launch(FILE, "mine_hard", launch(count), &arguments) }
}

/// For each anchor and each positive, in `(N, N)`: the nearest negative with `d(a, p) < d(a, n) < d(a, p) + margin`, else what the
/// `fallback` says; [`NONE`] for pairs that are no positives.
///
/// # Errors
/// If the device does not answer.
///
/// # Panics
/// If the lengths do not fit.
pub fn semi_hard(
    distances: &DeviceBuffer,
    labels: &DeviceBuffer,
    margin: f32,
    fallback: Fallback,
    negatives: &mut DeviceBuffer,
) -> Result<()> {
    let count = labels.len();
    assert!(distances.len() == count * count && negatives.len() == distances.len(), "semi_hard: lengths");
    if count == 0 {
        return Ok(());
    }
    let fallback: u32 = match fallback {
        Fallback::Skip => 0,
        Fallback::Hardest => 1,
        Fallback::Largest => 2,
    };
    let arguments: [&dyn Parameter; 6] =
        [&distances.address(), &labels.address(), &(count as u32), &margin, &fallback, &negatives.address()];
    // SAFETY: the lengths were checked.
    unsafe { distances.device().launch(FILE, "mine_semi_hard", launch(count * count), &arguments) }
}

/// How negatives are drawn by their distances, see [`distance_weighted`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Draw {
    /// Of the embeddings.
    pub dimensions: usize,
    /// Whether the distances are squared ones.
    pub squared: bool,
    /// Smaller distances, which are not squared here, weigh as much as this one.
    pub nearest: f32,
    /// Negatives at this distance or farther are not drawn.
    pub farthest: f32,
}

/// For each anchor and each positive, in `(N, N)`: a negative drawn with a probability inverse to the density of its distance
/// between random points of the unit sphere, `q(d) ~ d^(D-2) (1 - d^2/4)^((D-3)/2)` (Wu et al. 2017, section 4); [`NONE`] for
/// pairs that are no positives, and where every negative is too far.
///
/// The positives of anchor `a` draw in their order from stream `a` of rand's `ChaCha8Rng`, whose seed `key` is, two bytes to a
/// number, the first one lowest: the numbers the host's miner draws. It lies on the device, so that a recorded step can be
/// given another each time.
///
/// # Errors
/// If the device does not answer.
///
/// # Panics
/// If the lengths do not fit.
pub fn distance_weighted(
    distances: &DeviceBuffer,
    labels: &DeviceBuffer,
    draw: Draw,
    key: &DeviceBuffer,
    negatives: &mut DeviceBuffer,
) -> Result<()> {
    let count = labels.len();
    let fits = distances.len() == count * count && negatives.len() == distances.len() && key.len() == 16;
    assert!(fits, "distance_weighted: lengths");
    if count == 0 {
        return Ok(());
    }
    let numbers = [count, draw.dimensions, usize::from(draw.squared)].map(|n| n as u32);
    let [total, dimensions, squared] = &numbers;
    let arguments: [&dyn Parameter; 9] = [
        &distances.address(),
        &labels.address(),
        total,
        dimensions,
        squared,
        &draw.nearest,
        &draw.farthest,
        &key.address(),
        &negatives.address(),
    ];
    // SAFETY: the lengths were checked.
    unsafe { distances.device().launch(FILE, "mine_distance_weighted", launch(count), &arguments) }
}
