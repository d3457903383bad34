//! Strokes scattered over the plane, over and under each other: thick paint, and grass.

use super::palette;
use crate::drawing::{Colour, Extent, chance, floor, fractal, mix, noise, rgb, scaled, smooth};
use crate::random::Draws;

/// One stroke: an arc with round ends. Lengths are in cells of the grid it was scattered on.
#[derive(Clone, Copy)]
struct Stroke {
    centre: [f32; 2],
    direction: [f32; 2],
    half_length: f32,
    half_width: f32,
    /// How far its ends bend to the side, relative to the squared length.
    bend: f32,
    /// Whether it becomes narrower towards its end.
    pointed: bool,
    colour: Colour,
    /// The higher one lies on top.
    order: f32,
}

impl Stroke {
    /// Along (from -1 to 1) and across (from -1 to 1), for places that it covers.
    #[inline]
    fn covers(&self, place: [f32; 2]) -> Option<[f32; 2]> {
        let (x, y) = (place[0] - self.centre[0], place[1] - self.centre[1]);
        let along = x * self.direction[0] + y * self.direction[1];
        let across = y * self.direction[0] - x * self.direction[1] - self.bend * along * along;
        let along = along / self.half_length;
        if along.abs() >= 1.0 {
            return None;
        }
        let narrow = if self.pointed { 0.5 - 0.5 * along } else { 1.0 };
        let ends = along * along * along * along;
        let across = across / (self.half_width * narrow * (1.0 - ends));
        (across.abs() < 1.0).then_some([along, across])
    }
}

/// Strokes by the cells of a grid that their centres lie in; no stroke reaches further than the next cell.
struct Strokes {
    across: f32,
    columns: i32,
    /// From the row and the column before the picture on.
    cells: Vec<Vec<Stroke>>,
}

impl Strokes {
    /// `each` strokes a cell, made by `stroke` from a centre (in cells) and a salt of its own.
    fn scatter(
        extent: Extent,
        across: f32,
        each: usize,
        salt: u32,
        stroke: impl Fn([f32; 2], u32) -> Stroke,
    ) -> Self {
        let (columns, rows) = (floor(extent.width * across) + 3, floor(extent.height * across) + 3);
        let cell = |number: i32| {
            let (column, row) = (number % columns - 1, number / columns - 1);
            let of = |i: u32| {
                let salt = salt.wrapping_add(i * 17);
                let jitter = |salt: u32| chance(column, row, salt);
                let centre = [column as f32 + jitter(salt), row as f32 + jitter(salt ^ 0xA5)];
                stroke(centre, crate::drawing::hashed(column, row, salt ^ 0x5A))
            };
            let mut strokes: Vec<Stroke> = (0..each as u32).map(of).collect();
            strokes.sort_by(|a, b| b.order.total_cmp(&a.order));
            strokes
        };
        Self { across, columns, cells: (0..columns * rows).map(cell).collect() }
    }

    /// The stroke seen at a place, where there is one.
    #[inline]
    fn at(&self, place: [f32; 2]) -> Option<(&Stroke, [f32; 2])> {
        let place = place.map(|length| length * self.across);
        let (column, row) = (floor(place[0]) + 1, floor(place[1]) + 1);
        let mut top: Option<(&Stroke, [f32; 2])> = None;
        for (dx, dy) in (0..9).map(|i| (i % 3 - 1, i / 3 - 1)) {
            for stroke in &self.cells[((row + dy) * self.columns + column + dx) as usize] {
                if top.is_some_and(|(top, _)| top.order >= stroke.order) {
                    // Those that follow in the cell lie lower still.
                    break;
                }
                if let Some(within) = stroke.covers(place) {
                    top = Some((stroke, within));
                }
            }
        }
        top
    }
}

/// Thick paint whose strokes follow the contours of a noise, as round hills and stars.
pub(super) fn brush(draws: &mut Draws, extent: Extent) -> impl Fn([f32; 2]) -> Colour + Sync + use<> {
    let palette = palette::drawn(draws);
    let (across, salt) = (draws.uniform(16.0, 22.0), draws.bits());
    let swirls = draws.uniform(0.12, 0.17);
    let hill = move |[x, y]: [f32; 2]| fractal(x * swirls, y * swirls, salt, 2);
    let along = move |[x, y]: [f32; 2]| {
        const STEP: f32 = 0.05;
        let slope = [hill([x + STEP, y]) - hill([x - STEP, y]), hill([x, y + STEP]) - hill([x, y - STEP])];
        let length = (slope[0] * slope[0] + slope[1] * slope[1]).sqrt().max(1e-6);
        [slope[1] / length, -slope[0] / length]
    };
    let strokes = Strokes::scatter(extent, across, 5, salt, |centre, salt| {
        let part = |number: i32| chance(number, 0, salt);
        let half_length = 0.6 + 0.25 * part(0);
        let direction = along(centre);
        // It ends in the direction that the contour has there.
        let end = along([centre[0] + half_length * direction[0], centre[1] + half_length * direction[1]]);
        let turn = direction[0] * end[1] - direction[1] * end[0];
        let share = smooth(0.2, 0.8, hill(centre)) + 0.3 * (part(1) - 0.5);
        let colour =
            mix(palette::along(&palette, share), palette[floor(part(2) * 5.0) as usize], 0.25 * part(3));
        Stroke {
            centre,
            direction,
            half_length,
            half_width: 0.13 + 0.05 * part(4),
            bend: (0.5 * turn / half_length).clamp(-0.3, 0.3),
            pointed: false,
            colour: scaled(colour, 0.8 + 0.4 * part(5)),
            order: part(6),
        }
    });
    move |place| {
        let Some((stroke, [along, across])) = strokes.at(place) else { return scaled(palette[0], 0.6) };
        // The bristles' furrows, and the rim of paint on the side away from the light.
        let furrow = noise(across * 3.5, along * 0.8, salt ^ (stroke.order * 65536.0) as u32);
        let rim = smooth(0.55, 1.0, across.abs()) * if across > 0.0 { -0.45 } else { 0.25 };
        scaled(stroke.colour, 0.75 + 0.5 * furrow + rim)
    }
}

/// Blades of grass, some in the light and some in the shade, and a few flowers.
pub(super) fn grass(draws: &mut Draws, extent: Extent) -> impl Fn([f32; 2]) -> Colour + Sync + use<> {
    let (across, salt) = (draws.uniform(9.0, 14.0), draws.bits());
    let (dark, light, dry) = (rgb([20, 52, 18]), rgb([132, 186, 62]), rgb([206, 196, 112]));
    let petals = [[250, 244, 236], [246, 210, 64], [214, 92, 140], [122, 108, 214]].map(rgb);
    let petal = petals[draws.below(petals.len())];
    let strokes = Strokes::scatter(extent, across, 26, salt, |centre, salt| {
        let part = |number: i32| chance(number, 0, salt);
        let lean = 0.9 * (part(0) - 0.5) + 0.6 * (noise(centre[0] * 0.5, centre[1] * 0.5, 7) - 0.5);
        let length = (1.0 + lean * lean).sqrt();
        let flower = part(1) < 0.025;
        let order = part(2);
        let patch = fractal(centre[0] * 0.3, centre[1] * 0.3, 11, 3);
        let blade =
            mix(mix(dark, light, 0.25 * patch + 0.75 * order), dry, if part(3) < 0.1 { 0.7 } else { 0.0 });
        Stroke {
            centre,
            direction: [lean / length, -1.0 / length],
            half_length: if flower { 0.11 } else { 0.55 + 0.4 * part(4) },
            half_width: if flower { 0.1 } else { 0.035 + 0.03 * part(5) },
            bend: if flower { 0.0 } else { 0.5 * (part(6) - 0.5) },
            pointed: !flower,
            colour: if flower { petal } else { blade },
            order: if flower { 1.0 + order } else { order },
        }
    });
    move |place| {
        let Some((stroke, [along, across])) = strokes.at(place) else { return scaled(dark, 0.5) };
        if stroke.order >= 1.0 {
            let heart = smooth(0.35, 0.25, along * along + across * across);
            return mix(stroke.colour, petals[1], heart);
        }
        // Darker at the root, and on one side of the rib.
        scaled(stroke.colour, (0.75 + 0.35 * along) * if across > 0.0 { 0.8 } else { 1.1 })
    }
}
