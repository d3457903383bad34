//! Round stones in the light, dark between them.

use super::cells::{self, part};
use crate::drawing::{Colour, fractal, mix, rgb, scaled, smooth};
use crate::random::Draws;

const STONES: [[u8; 3]; 5] = [[92, 88, 86], [150, 142, 132], [176, 150, 120], [112, 96, 84], [206, 200, 190]];

pub(super) fn pattern(draws: &mut Draws) -> impl Fn([f32; 2]) -> Colour + Sync + use<> {
    let (across, salt) = (draws.uniform(8.0, 14.0), draws.bits());
    let stones = STONES.map(rgb);
    move |[x, y]| {
        let (x, y) = (x * across, y * across);
        // Bent, so that the stones are not straight.
        let bend = |salt: u32| 0.35 * (fractal(x * 0.9, y * 0.9, salt, 2) - 0.5);
        let (x, y) = (x + bend(salt ^ 1), y + bend(salt ^ 2));
        let cell = cells::at([x, y], salt, 0.85);
        let share = part(cell.bits, 0);
        let stone = mix(stones[cell.bits as usize % 5], stones[(cell.bits >> 8) as usize % 5], share);
        let speckle = 0.75 + 0.5 * fractal(x * 9.0, y * 9.0, cell.bits, 3);
        // The surface falls towards the border and away from the light.
        let height = smooth(0.0, 0.42, cell.border);
        let slope = (cell.centre[0] - x) + (cell.centre[1] - y);
        let light = (0.35 + 0.65 * height) * (1.0 + 0.7 * slope);
        let gap = scaled(rgb([30, 26, 24]), speckle);
        mix(gap, scaled(stone, speckle * light), smooth(0.02, 0.1, cell.border))
    }
}
