//! What scenes are put together from: ridges, trees, water.

use crate::drawing::{Colour, chance, floor, fractal, mix, noise, scaled, smooth};

/// The height of a ridge above its foot, from 0 to about `height`.
pub(super) fn ridge(x: f32, frequency: f32, height: f32, salt: u32) -> f32 {
    let tops = fractal(x * frequency, 0.5, salt, 6);
    height * smooth(0.15, 0.95, tops)
}

/// A tree, whose foot is at `foot`.
#[derive(Clone, Copy)]
pub(super) struct Tree {
    pub foot: [f32; 2],
    pub height: f32,
    pub leaves: Colour,
    /// A fir, or a tree with a round crown.
    pub fir: bool,
    pub salt: u32,
}

const TRUNK: Colour = [0.07, 0.045, 0.03];

impl Tree {
    /// Its colour at a place, where it covers it.
    pub fn at(&self, [x, y]: [f32; 2]) -> Option<Colour> {
        let (u, v) = ((x - self.foot[0]) / self.height, (self.foot[1] - y) / self.height);
        if !(-0.5..0.5).contains(&u) || !(0.0..1.05).contains(&v) {
            return None;
        }
        let leaf = fractal(u * 14.0, v * 14.0, self.salt, 3);
        // Light from the upper left.
        let light = 0.55 + 0.9 * leaf - 0.9 * u;
        if self.fir {
            // Five tiers of branches, each wider at its foot.
            let tier = v * 5.0 - f32::from((v * 5.0) as u8);
            let half = 0.27 * (1.02 - v) + 0.09 * (1.0 - tier) - 0.02 + 0.05 * (leaf - 0.5);
            if v > 0.12 && u.abs() < half {
                return Some(scaled(self.leaves, light * (0.6 + 0.5 * tier)));
            }
        } else {
            let (across, up) = (u / 0.4, (v - 0.66) / 0.36);
            let edge = across * across + up * up + 0.9 * (fractal(u * 7.0, v * 7.0, self.salt ^ 9, 3) - 0.5);
            if edge < 1.0 {
                return Some(scaled(self.leaves, light + 0.25 * up));
            }
        }
        (v < 0.45 && u.abs() < 0.035 + 0.02 * (0.45 - v)).then(|| scaled(TRUNK, 1.3 - 8.0 * u))
    }
}

/// Water that mirrors: the place above whose colour is seen, and how the waves change it.
pub(super) fn mirrored([x, y]: [f32; 2], shore: f32, salt: u32) -> ([f32; 2], f32) {
    let depth = y - shore;
    // Waves look longer the nearer they are.
    let scale = 1.0 / (0.03 + 0.5 * depth);
    let ripple = fractal(x * 3.0 * scale.min(8.0), depth * 16.0 * scale.min(12.0), salt, 3) - 0.5;
    let place = [x + 0.06 * ripple * (0.2 + depth), (shore - depth * 0.9 + 0.1 * ripple * depth).max(0.0)];
    (place, 1.0 + 0.7 * ripple * (0.15 + depth).min(0.5))
}

/// A meadow with tufts that grow towards the viewer.
pub(super) fn meadow([x, y]: [f32; 2], from: f32, near: Colour, far: Colour, salt: u32) -> Colour {
    let depth = (y - from).max(0.0);
    let scale = 1.0 / (0.15 + depth);
    let tufts = fractal(x * 14.0 * scale, y * 26.0 * scale, salt, 3);
    let fields = noise(x * 2.5, y * 6.0, salt ^ 1);
    let ground = scaled(mix(far, near, smooth(0.0, 0.4, depth)), 0.65 + 0.4 * tufts + 0.25 * fields);
    // Further than this they are too small to be seen.
    let near_enough = smooth(0.05, 0.15, depth);
    let flower = dot([x * 45.0, y * 60.0], 0.06, salt ^ 2) * near_enough;
    let petal = if noise(x * 7.0, y * 7.0, salt ^ 3) < 0.5 { [0.9, 0.62, 0.08] } else { [0.85, 0.85, 0.95] };
    mix(ground, petal, 0.9 * flower)
}

/// How much a place lies in a small round dot, of which there is one in a `share` of the cells of a grid.
pub(super) fn dot([x, y]: [f32; 2], share: f32, salt: u32) -> f32 {
    let (column, row) = (floor(x), floor(y));
    if chance(column, row, salt) >= share {
        return 0.0;
    }
    let at = |number: i32, salt: u32| number as f32 + 0.3 + 0.4 * chance(column, row, salt);
    let (u, v) = (x - at(column, salt ^ 0x11), y - at(row, salt ^ 0x22));
    smooth(0.28, 0.14, (u * u + v * v).sqrt())
}
