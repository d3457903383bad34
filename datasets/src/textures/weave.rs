//! Cloth: threads over and under each other, in stripes of colours.

use super::palette::{self, Palette};
use crate::drawing::{Colour, floor, hashed, noise, scaled};
use crate::random::Draws;

pub(super) fn pattern(draws: &mut Draws) -> impl Fn([f32; 2]) -> Colour + Sync + use<> {
    let palette = palette::drawn(draws);
    let (across, salt) = (draws.uniform(18.0, 28.0), draws.bits());
    let stripe = 2 + draws.below(4) as i32;
    move |[x, y]| {
        let (x, y) = (x * across, y * across);
        let (column, row) = (floor(x), floor(y));
        // Along and across the thread on top.
        let upright = (column + row) & 1 == 0;
        let (number, along, side) = if upright {
            (column, y - row as f32, x - column as f32)
        } else {
            (row + 1000, x - column as f32, y - row as f32)
        };
        let colour = thread(&palette, number.div_euclid(stripe), salt);
        let round = |t: f32| 4.0 * t * (1.0 - t);
        // Round across, and dipping under its neighbours at both ends.
        let light = 0.12 + 0.88 * round(side) * (0.45 + 0.55 * round(along));
        let fibre = noise(side * 9.0 + number as f32 * 31.0, (x + y) * 2.5, salt);
        scaled(colour, light * (0.7 + 0.6 * fibre))
    }
}

fn thread(palette: &Palette, stripe: i32, salt: u32) -> Colour {
    palette[hashed(stripe, 0, salt) as usize % palette.len()]
}
