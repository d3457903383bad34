//! Colours that go together.

use crate::drawing::{Colour, mix, rgb};
use crate::random::Draws;

/// From dark to light.
pub(super) type Palette = [Colour; 5];

const PALETTES: [[[u8; 3]; 5]; 6] = [
    // A starry night.
    [[14, 24, 72], [32, 78, 160], [98, 160, 206], [246, 196, 66], [252, 240, 200]],
    // Fire in a dark room.
    [[38, 16, 30], [140, 30, 40], [222, 84, 38], [248, 176, 72], [255, 236, 186]],
    // A forest with a lake.
    [[16, 40, 38], [30, 96, 84], [92, 150, 92], [206, 200, 112], [246, 240, 208]],
    // Evening at sea.
    [[30, 24, 66], [104, 46, 110], [206, 84, 108], [250, 160, 110], [255, 226, 170]],
    // Tiles in the south.
    [[20, 48, 90], [14, 124, 148], [226, 98, 60], [244, 206, 120], [250, 246, 232]],
    // Earth and clay.
    [[52, 34, 28], [124, 72, 44], [180, 120, 74], [120, 140, 130], [236, 218, 188]],
];

/// One of them.
pub(super) fn drawn(draws: &mut Draws) -> Palette {
    PALETTES[draws.below(PALETTES.len())].map(rgb)
}

/// The colour at a share of the way from dark to light.
pub(super) fn along(palette: &Palette, share: f32) -> Colour {
    let place = share.clamp(0.0, 0.9999) * (palette.len() - 1) as f32;
    let below = place as usize;
    mix(palette[below], palette[below + 1], place - below as f32)
}
