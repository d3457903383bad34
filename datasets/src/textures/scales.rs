//! Seigaiha, the waves on Japanese cloth: discs of rings in rows, each row before the one above it.

use super::palette;
use crate::drawing::{Colour, chance, floor, fractal, mix, scaled, smooth};
use crate::random::Draws;

/// Rings of a disc.
const RINGS: f32 = 4.0;

pub(super) fn pattern(draws: &mut Draws) -> impl Fn([f32; 2]) -> Colour + Sync + use<> {
    let palette = palette::drawn(draws);
    let (across, salt) = (draws.uniform(5.0, 8.0), draws.bits());
    let inks = [palette[draws.below(2)], palette[1 + draws.below(2)], palette[3]];
    move |[x, y]| {
        let (x, y) = (x * across, y * across);
        // Discs have a radius of half a unit and rows lie a quarter apart: the lowest disc that holds a place is seen.
        let lowest = floor(y * 4.0) + 3;
        for row in (lowest - 4..=lowest).rev() {
            let shift = 0.5 * (row & 1) as f32;
            let column = floor(x - shift);
            let (u, v) = (x - shift - column as f32 - 0.5, y - row as f32 * 0.25);
            let distance = (u * u + v * v).sqrt() * 2.0;
            if distance < 1.0 {
                let ring = distance * RINGS;
                let within = ring - floor(ring) as f32;
                let edge = smooth(0.62, 0.72, within) - smooth(0.97, 1.0, within);
                let ink = mix(inks[0], inks[1], chance(column, row, salt) * 0.6);
                let ink = if floor(ring) == 0 { inks[2] } else { ink };
                let worn = 0.8 + 0.4 * fractal(x * 6.0, y * 6.0, salt, 3);
                return scaled(mix(ink, palette[4], edge), worn);
            }
        }
        palette[0]
    }
}
