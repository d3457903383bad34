//! Drawn scenes: things that anybody recognises, with edges, flat parts and fine parts.
//!
//! A scene is a function of place, so one seed gives the same scene at every size, in more or less detail, on any
//! machine, to the byte. A wider picture shows more of it.

mod harbour;
mod houses;
mod landscape;
mod parts;
mod sky;
mod town;

use crate::Picture;
use crate::drawing::{Extent, kinds, paint};
use crate::random::{Draws, Purpose};

kinds! {
    /// Mountains behind a lake, trees and a house before it.
    Landscape = "landscape",
    /// Sailing boats at sea, and a lighthouse.
    Harbour = "harbour",
    /// Houses along a street in the evening.
    Town = "town",
}

/// Draws a scene in RGB.
///
/// # Panics
/// If a side is zero.
#[track_caller]
pub fn draw(kind: Kind, seed: u64, height: usize, width: usize) -> Picture {
    let extent = Extent::of(height, width);
    let draws = &mut Draws::new(Purpose::Scene, seed, kind as u64, 0);
    match kind {
        Kind::Landscape => paint(height, width, landscape::view(draws, extent)),
        Kind::Harbour => paint(height, width, harbour::view(draws, extent)),
        Kind::Town => paint(height, width, town::view(draws, extent)),
    }
}
