//! Houses, seen from the front.

use crate::drawing::{Colour, chance, floor, fractal, mix, rgb, scaled};
use crate::random::Draws;

#[derive(Clone, Copy)]
pub(super) struct House {
    /// The lower left corner.
    corner: [f32; 2],
    width: f32,
    wall_height: f32,
    roof_height: f32,
    wall: Colour,
    roof: Colour,
    /// Rows and columns of windows.
    windows: [i32; 2],
    /// Whether lights burn behind some of the windows.
    lit: bool,
    salt: u32,
}

const WALLS: [[u8; 3]; 6] =
    [[236, 222, 196], [216, 150, 110], [232, 196, 120], [190, 206, 206], [206, 120, 104], [170, 176, 130]];
const ROOFS: [[u8; 3]; 4] = [[150, 60, 46], [92, 64, 60], [66, 78, 96], [176, 92, 54]];

impl House {
    pub fn new(draws: &mut Draws, corner: [f32; 2], width: f32, storeys: i32, lit: bool) -> Self {
        let columns = 2 + draws.below(2) as i32;
        Self {
            corner,
            width,
            wall_height: width * (0.25 + 0.36 * storeys as f32),
            roof_height: width * draws.uniform(0.4, 0.7),
            wall: rgb(WALLS[draws.below(WALLS.len())]),
            roof: rgb(ROOFS[draws.below(ROOFS.len())]),
            windows: [storeys, columns],
            lit,
            salt: draws.bits(),
        }
    }

    /// Its colour at a place, where it covers it.
    pub fn at(&self, [x, y]: [f32; 2]) -> Option<Colour> {
        let (u, up) = ((x - self.corner[0]) / self.width, self.corner[1] - y);
        let v = up / self.wall_height;
        let shade = if self.lit { 0.4 } else { 1.0 };
        if (0.0..1.0).contains(&u) && (0.0..1.0).contains(&v) {
            let plaster = 0.8 + 0.25 * fractal(x * 60.0, y * 60.0, self.salt, 3);
            let light = shade * plaster * (1.08 - 0.3 * u);
            return Some(self.opening(u, v).unwrap_or_else(|| scaled(self.wall, light)));
        }
        let t = (up - self.wall_height) / self.roof_height;
        let (from_left, eaves) = ((u + 0.08) / 1.16, 0.5 * t);
        if (0.0..1.0).contains(&t) && from_left > eaves && from_left < 1.0 - eaves {
            let tile = (up * 70.0 / self.width.max(0.1) * 0.25) as i32;
            let row = 0.82 + 0.3 * chance(tile, floor(u * 12.0 + 0.5 * (tile & 1) as f32), self.salt);
            return Some(scaled(self.roof, shade * row * (1.15 - 0.5 * u)));
        }
        let chimney = (0.68..0.8).contains(&u) && (0.3..0.95).contains(&t);
        chimney.then(|| scaled(self.roof, 0.6 * shade))
    }

    /// A window or the door.
    fn opening(&self, u: f32, v: f32) -> Option<Colour> {
        let [rows, columns] = self.windows;
        let (across, up) = (u * columns as f32, v * rows as f32);
        let (column, row) = (floor(across), floor(up));
        let (x, y) = (across - column as f32 - 0.5, up - row as f32 - 0.5);
        if row == 0 && column == 0 && x.abs() < 0.24 && y < 0.28 {
            let panel = if x.abs() < 0.17 && (-0.35..0.2).contains(&y) { 1.3 } else { 0.8 };
            return Some(scaled(self.roof, panel * if self.lit { 0.4 } else { 0.8 }));
        }
        if x.abs() > 0.26 || y.abs() > 0.28 {
            return None;
        }
        let frame = x.abs() > 0.2 || y.abs() > 0.22 || x.abs() < 0.025 || (y - 0.05).abs() < 0.025;
        if frame {
            return Some(scaled([0.85, 0.83, 0.78], if self.lit { 0.4 } else { 1.0 }));
        }
        let burning = self.lit && chance(column, row, self.salt ^ 1) < 0.55;
        Some(if burning {
            mix([1.0, 0.62, 0.18], [1.0, 0.85, 0.45], 0.5 + y)
        } else {
            mix([0.05, 0.08, 0.13], [0.35, 0.5, 0.62], (0.35 + y - 0.4 * x).clamp(0.0, 1.0) * 0.7)
        })
    }
}
