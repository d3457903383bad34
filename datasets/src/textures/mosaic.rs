//! Small stones of many colours in dark mortar, whose colours gather in fields.

use super::cells::{self, part};
use super::palette;
use crate::drawing::{Colour, fractal, mix, scaled, smooth};
use crate::random::Draws;

pub(super) fn pattern(draws: &mut Draws) -> impl Fn([f32; 2]) -> Colour + Sync + use<> {
    let palette = palette::drawn(draws);
    let (across, salt) = (draws.uniform(14.0, 22.0), draws.bits());
    let fields = draws.uniform(0.12, 0.2);
    move |[x, y]| {
        let (x, y) = (x * across, y * across);
        let cell = cells::at([x, y], salt, 0.8);
        let [centre_x, centre_y] = cell.centre;
        let field = fractal(centre_x * fields, centre_y * fields, salt ^ 0x55, 2);
        let share = smooth(0.25, 0.75, field) + 0.35 * (part(cell.bits, 0) - 0.5);
        let mut stone = palette::along(&palette, share);
        // One stone in twelve is of another colour.
        if part(cell.bits, 1) < 0.08 {
            stone = palette[(cell.bits >> 16) as usize % palette.len()];
        }
        // Stones are a little round: lit from the upper left.
        let light = 1.0 - 0.35 * ((x - centre_x) + (y - centre_y));
        let mortar = scaled(palette[0], 0.25);
        mix(mortar, scaled(stone, light), smooth(0.05, 0.09, cell.border))
    }
}
