//! Veins in polished stone: lines where warped noise passes its mean.

use super::palette;
use crate::drawing::{Colour, fractal, mix, smooth};
use crate::random::Draws;

pub(super) fn pattern(draws: &mut Draws) -> impl Fn([f32; 2]) -> Colour + Sync + use<> {
    let palette = palette::drawn(draws);
    let (across, salt) = (draws.uniform(2.5, 4.0), draws.bits());
    move |[x, y]| {
        let (x, y) = (x * across, y * across);
        let warp = |salt: u32| 2.2 * (fractal(x * 0.7, y * 0.7, salt, 4) - 0.5);
        let (x, y) = (x + warp(salt ^ 1), y + warp(salt ^ 2));
        let body = fractal(x, y, salt, 4);
        let vein =
            |frequency: f32, salt: u32| (fractal(x * frequency, y * frequency, salt, 4) - 0.5).abs() * 2.0;
        let stone = palette::along(&palette, 0.25 + 0.8 * body);
        let stone = mix(palette[0], stone, smooth(0.0, 0.12, vein(1.0, salt ^ 3)));
        mix(palette[4], stone, smooth(0.0, 0.05, vein(1.9, salt ^ 4)))
    }
}
