//! Drawn textures: what looks alike everywhere, in materials that are told apart at a glance.
//!
//! A texture is a function of place, so one seed gives the same texture at every size, in more or less detail, on any
//! machine, to the byte.

mod bricks;
mod cells;
mod marble;
mod mosaic;
mod palette;
mod pebbles;
mod scales;
mod strokes;
mod weave;

use crate::Picture;
use crate::drawing::{Extent, kinds, paint};
use crate::random::{Draws, Purpose};

kinds! {
    /// Curved strokes of thick paint that follow each other round.
    Brush = "brush",
    /// Small stones of many colours in dark mortar.
    Mosaic = "mosaic",
    /// Veins in polished stone.
    Marble = "marble",
    /// A wall.
    Bricks = "bricks",
    /// Coloured threads over and under each other.
    Weave = "weave",
    /// Blades and a few flowers.
    Grass = "grass",
    /// Round stones in the light.
    Pebbles = "pebbles",
    /// Arcs row over row, as on Japanese cloth.
    Scales = "scales",
}

/// Draws a texture in RGB.
///
/// # Panics
/// If a side is zero.
#[track_caller]
pub fn draw(kind: Kind, seed: u64, height: usize, width: usize) -> Picture {
    let extent = Extent::of(height, width);
    let draws = &mut Draws::new(Purpose::Texture, seed, kind as u64, 0);
    match kind {
        Kind::Brush => paint(height, width, strokes::brush(draws, extent)),
        Kind::Mosaic => paint(height, width, mosaic::pattern(draws)),
        Kind::Marble => paint(height, width, marble::pattern(draws)),
        Kind::Bricks => paint(height, width, bricks::pattern(draws)),
        Kind::Weave => paint(height, width, weave::pattern(draws)),
        Kind::Grass => paint(height, width, strokes::grass(draws, extent)),
        Kind::Pebbles => paint(height, width, pebbles::pattern(draws)),
        Kind::Scales => paint(height, width, scales::pattern(draws)),
    }
}
