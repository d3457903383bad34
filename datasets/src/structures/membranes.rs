//! Membranes: the borders of Voronoi cells, as an electron microscope shows them in a thin section of tissue.

use super::film::Film;
use super::grid::most_around;
use super::voronoi::Voronoi;
use crate::Picture;
use crate::drawing::{chance, fractal, noise, smooth};
use crate::random::Draws;

/// Half the width of a membrane in the mask, in pixels.
const HALF: f32 = 1.25;

/// One section of tissue.
struct Section {
    cells: Voronoi,
    /// How far membranes wander from straight lines, in pixels, and over what length.
    wander: f32,
    bend: f32,
    /// How dark membranes are.
    contrast: f32,
    /// Noise above this is a gap, where a membrane lies flat in the section and is not seen.
    gaps: f32,
    /// How many squares of the vesicles' grid hold one, and of the grid of loose membranes.
    vesicles: f32,
    loose: f32,
    /// The light: its middle, and how it changes across and down.
    light: [f32; 3],
    salt: u32,
}

/// Squares of the grids that vesicles and loose membranes are laid on, in pixels.
const VESICLE_GRID: f32 = 9.0;
const LOOSE_GRID: f32 = 17.0;

pub(super) fn draw(draws: &mut Draws, size: usize) -> (Picture, Picture) {
    let section = Section {
        cells: Voronoi { spacing: draws.uniform(15.0, 22.0), salt: draws.bits() },
        wander: draws.uniform(3.0, 9.0),
        bend: draws.uniform(9.0, 16.0),
        contrast: draws.uniform(0.28, 0.42),
        gaps: draws.uniform(0.60, 0.72),
        vesicles: draws.uniform(0.1, 0.45),
        loose: draws.uniform(0.1, 0.5),
        light: [draws.uniform(0.6, 0.75), draws.uniform(-0.15, 0.15), draws.uniform(-0.15, 0.15)],
        salt: draws.bits(),
    };
    let film = Film { blur: 1 + draws.below(2), noise: draws.uniform(0.04, 0.10), salt: draws.bits() };
    let (mut values, mut mask) = (Vec::with_capacity(size * size), Vec::with_capacity(size * size));
    for row in 0..size {
        for column in 0..size {
            let (value, border) = section.at([column as f32 + 0.5, row as f32 + 0.5], size as f32);
            values.push(value);
            mask.push(if border < HALF { 255 } else { 0 });
        }
    }
    (film.record(values, size, 1), Picture::new(size, size, 1, mask))
}

impl Section {
    /// A salt of its own for each use.
    fn salt(&self, number: u32) -> u32 {
        self.salt.wrapping_add(number * 7919)
    }

    /// What is seen at a place, and how far the nearest membrane is.
    fn at(&self, place: [f32; 2], size: f32) -> (f32, f32) {
        let [x, y] = place;
        let wandered =
            |number: u32| self.wander * (fractal(x / self.bend, y / self.bend, self.salt(number), 2) - 0.5);
        let found = self.cells.at([x + wandered(0), y + wandered(1)]);
        let [light, across, down] = self.light;
        let uneven = 0.16 * (noise(x / 37.0, y / 37.0, self.salt(2)) - 0.5);
        let own = 0.12 * (chance(found.cell[0], found.cell[1], self.salt(3)) - 0.5);
        let plasma = 0.16 * (fractal(x / 5.0, y / 5.0, self.salt(4), 3) - 0.5);
        let seen = 1.0 - smooth(self.gaps, self.gaps + 0.1, noise(x / 7.0, y / 7.0, self.salt(5)));
        let membrane = seen * smooth(HALF + 0.7, HALF - 0.7, found.border);
        let other = self.vesicle(place).max(self.loose(place));
        let dark = self.contrast * membrane.max(other);
        let light = light + across * (x / size - 0.5) + down * (y / size - 0.5) + uneven;
        ((light + own + plasma - dark).clamp(0.0, 1.0), found.border)
    }

    /// How much of a vesicle, a ring or a spot as dark as a membrane, is at a place.
    fn vesicle(&self, place: [f32; 2]) -> f32 {
        let found = most_around(place, VESICLE_GRID, |[column, row], [x, y]| {
            let draw = |number: u32| chance(column, row, self.salt(10 + number));
            if draw(0) >= self.vesicles {
                return 0.0;
            }
            let (dx, dy) = (x - 0.3 - 0.4 * draw(1), y - 0.3 - 0.4 * draw(2));
            let radius = 1.0 + 3.0 * draw(3) * draw(3);
            let distance = (dx * dx + dy * dy).sqrt() * VESICLE_GRID - radius;
            smooth(1.4, 0.2, distance.abs()) * (0.7 + 0.4 * draw(4))
        });
        found.0
    }

    /// How much of a loose membrane, a short straight piece that bounds no cell, is at a place.
    fn loose(&self, place: [f32; 2]) -> f32 {
        let found = most_around(place, LOOSE_GRID, |[column, row], [x, y]| {
            let draw = |number: u32| chance(column, row, self.salt(20 + number));
            if draw(0) >= self.loose {
                return 0.0;
            }
            let (dx, dy) = (x - 0.3 - 0.4 * draw(1), y - 0.3 - 0.4 * draw(2));
            let (ax, ay) = (draw(3) - 0.5, draw(4) - 0.5);
            let length = (ax * ax + ay * ay).sqrt().max(1e-3);
            let (along, aside) = ((dx * ax + dy * ay) / length, (dx * ay - dy * ax) / length);
            let reach = 3.0 + 3.0 * draw(5);
            let ends = smooth(reach + 0.7, reach - 0.7, along.abs() * LOOSE_GRID);
            ends * smooth(HALF + 0.7, HALF - 0.7, aside.abs() * LOOSE_GRID) * (0.6 + 0.4 * draw(6))
        });
        found.0
    }
}
