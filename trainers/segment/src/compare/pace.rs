//! How much longer an update with the topology loss takes.

use std::time::Instant;

use gobelin_harness::{Failure, RunOptions, tell};
use gobelin_nets::vgg19::{Images, Vgg19, View};

use crate::options::SegmentOptions;
use crate::training::Training;

/// Updates of each side that are timed; the first of each, which prepares buffers and filters, comes before. On a card the next is
/// recorded, and those after it are replayed.
const TIMED: usize = 4;

/// Updates on the loss of pixels alone that take the time of one on both, to two digits: the shortest time of each side
/// counts, since whatever else the machine does only adds to it.
///
/// # Errors
/// If the data cannot be read, or there is no such card.
pub fn measured_ratio(options: &SegmentOptions, run: &RunOptions) -> Result<f64, Failure> {
    // Filters take the same time whatever is in them.
    let view = View { images: Images::Unit, ..View::default() };
    let vgg = Vgg19::random(0).viewed(view);
    let vgg = if run.exact { vgg.exact() } else { vgg };
    let mut pixel = options.training(run, None, run.seed)?;
    let mut both = options.training(run, Some(&vgg), run.seed)?;
    if let Some(card) = run.card()? {
        pixel.to_device(&card);
        both.to_device(&card);
    }
    let time = |training: &mut Training| -> Result<f64, Failure> {
        let begun = Instant::now();
        training.update()?;
        Ok(begun.elapsed().as_secs_f64())
    };
    let (_, _) = (time(&mut pixel)?, time(&mut both)?);
    let mut shortest = [f64::INFINITY; 2];
    for _ in 0..TIMED {
        shortest = [shortest[0].min(time(&mut pixel)?), shortest[1].min(time(&mut both)?)];
    }
    let ratio = (shortest[1] / shortest[0] * 10.0).round() / 10.0;
    tell(&format!(
        "an update takes {:.0} ms on the loss of pixels and {:.0} ms with the topology loss: {ratio} to 1",
        1e3 * shortest[0],
        1e3 * shortest[1]
    ));
    Ok(ratio.clamp(0.1, 100.0))
}
