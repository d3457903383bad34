//! A wall: courses of bricks, each shifted by half a brick.

use crate::drawing::{Colour, chance, floor, fractal, hashed, mix, rgb, scaled, smooth};
use crate::random::Draws;

const CLAY: [[u8; 3]; 4] = [[150, 62, 44], [178, 84, 54], [124, 54, 46], [192, 110, 74]];

pub(super) fn pattern(draws: &mut Draws) -> impl Fn([f32; 2]) -> Colour + Sync + use<> {
    let (courses, salt) = (draws.uniform(9.0, 14.0), draws.bits());
    let length = draws.uniform(2.2, 2.8);
    let joint = draws.uniform(0.07, 0.12);
    let (clay, mortar) = (CLAY.map(rgb), rgb([196, 186, 170]));
    move |[x, y]| {
        let (x, y) = (x * courses, y * courses);
        // No edge is quite straight.
        let rough = |salt: u32| 0.06 * (fractal(x * 2.5, y * 2.5, salt, 3) - 0.5);
        let (across, down) = ((x + rough(salt ^ 1)) / length, y + rough(salt ^ 2));
        let row = floor(down);
        let across = across + 0.5 * (row & 1) as f32;
        let column = floor(across);
        let (u, v) = (across - column as f32, down - row as f32);
        let edge = (u.min(1.0 - u) * length).min(v.min(1.0 - v));
        let grain = fractal(x * 7.0, y * 7.0, salt, 3);
        let bits = hashed(column, row, salt);
        let brick = mix(clay[bits as usize % 4], clay[(bits >> 8) as usize % 4], chance(row, column, salt));
        // Light from above catches the upper edges.
        let relief = 1.0 + 0.3 * (smooth(0.25, joint, v) - smooth(0.25, joint, 1.0 - v));
        let brick = scaled(brick, (0.7 + 0.6 * grain) * relief);
        mix(scaled(mortar, 0.55 + 0.6 * grain), brick, smooth(joint * 0.6, joint, edge))
    }
}
