//! The plane cut into cells about scattered points (Worley, "A cellular texture basis function", 1996).

use crate::drawing::{chance, floor, hashed};

/// Where a place lies among the cells.
pub(super) struct Place {
    /// Random bits of the cell.
    pub bits: u32,
    /// The cell's point.
    pub centre: [f32; 2],
    /// The distance to the border with the nearest other cell.
    pub border: f32,
}

/// The cell of a place, with about one cell a unit of area; `scatter` from 0 (a square grid) to 1.
pub(super) fn at(place: [f32; 2], salt: u32, scatter: f32) -> Place {
    let (column, row) = (floor(place[0]), floor(place[1]));
    let point = |column: i32, row: i32| {
        let at = |number: i32, salt: u32| number as f32 + 0.5 + scatter * (chance(column, row, salt) - 0.5);
        [at(column, salt), at(row, salt.wrapping_add(1))]
    };
    let away = |point: [f32; 2]| [point[0] - place[0], point[1] - place[1]];
    let mut nearest = (f32::INFINITY, [0.0; 2], 0);
    for (dx, dy) in (0..9).map(|i| (i % 3 - 1, i / 3 - 1)) {
        let point = point(column + dx, row + dy);
        let [x, y] = away(point);
        if x * x + y * y < nearest.0 {
            nearest = (x * x + y * y, point, hashed(column + dx, row + dy, salt.wrapping_add(2)));
        }
    }
    let (_, centre, bits) = nearest;
    let [x, y] = away(centre);
    let mut border = f32::INFINITY;
    for (dx, dy) in (0..25).map(|i| (i % 5 - 2, i / 5 - 2)) {
        let [u, v] = away(point(column + dx, row + dy));
        let (across, down) = (u - x, v - y);
        let length = (across * across + down * down).sqrt();
        if length > 1e-4 {
            // To the line half way between the two points.
            border = border.min(0.5 * ((x + u) * across + (y + v) * down) / length);
        }
    }
    Place { bits, centre, border }
}

/// A number in `[0, 1)` out of a cell's bits; each of the four `part`s is another.
pub(super) fn part(bits: u32, part: u32) -> f32 {
    (bits >> (8 * part) & 0xFF) as f32 / 256.0
}
