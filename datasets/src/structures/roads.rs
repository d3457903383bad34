//! Roads: bands across fields, seen from the air, partly under trees.

use super::film::Film;
use super::grid::most_around;
use super::voronoi::Voronoi;
use crate::Picture;
use crate::drawing::{Colour, chance, fractal, mix, noise, rgb, scaled, smooth};
use crate::random::Draws;

/// A straight road before the land is bent; some end at another.
struct Road {
    /// The direction across it, of length 1, and its distance from the picture's middle in that direction.
    across: [f32; 2],
    offset: f32,
    half: f32,
    surface: Colour,
    /// The road it ends at, and on which side of that it lies.
    ends_at: Option<(usize, f32)>,
}

/// A stretch of country.
struct Country {
    roads: Vec<Road>,
    fields: Voronoi,
    /// How far roads wander from straight lines, in pixels, and over what length.
    wander: f32,
    bend: f32,
    /// How many squares of the trees' grid hold one where woods are thick, and of the roofs' grid.
    trees: f32,
    roofs: f32,
    salt: u32,
}

const FIELDS: [Colour; 5] =
    [rgb([96, 112, 62]), rgb([124, 128, 78]), rgb([146, 130, 92]), rgb([82, 100, 58]), rgb([158, 148, 112])];
const SURFACES: [Colour; 3] = [rgb([150, 148, 142]), rgb([172, 164, 146]), rgb([128, 126, 124])];
const ROOFS: [Colour; 3] = [rgb([152, 96, 78]), rgb([160, 158, 152]), rgb([182, 176, 164])];
const HEDGE: Colour = rgb([164, 156, 120]);
const TREE: Colour = rgb([52, 74, 40]);

/// Squares of the grids that trees and roofs are laid on, in pixels.
const TREE_GRID: f32 = 8.0;
const ROOF_GRID: f32 = 19.0;

pub(super) fn draw(draws: &mut Draws, size: usize) -> (Picture, Picture) {
    // Two to four cross 96 pixels; more cross a larger picture, so that they lie as close.
    let count = (2 + draws.below(3)) * size.div_ceil(96);
    let mut roads: Vec<Road> = Vec::with_capacity(count);
    for number in 0..count {
        let ends_at = (number > 0 && draws.chance(0.4)).then(|| {
            let other = draws.below(number);
            (other, if draws.chance(0.5) { 1.0 } else { -1.0 })
        });
        roads.push(Road {
            across: direction(draws),
            offset: draws.uniform(-0.45, 0.45) * size as f32,
            half: draws.uniform(1.3, 2.4),
            surface: scaled(SURFACES[draws.below(SURFACES.len())], draws.uniform(0.85, 1.15)),
            ends_at,
        });
    }
    let country = Country {
        roads,
        fields: Voronoi { spacing: draws.uniform(18.0, 40.0), salt: draws.bits() },
        wander: draws.uniform(8.0, 24.0),
        bend: draws.uniform(24.0, 48.0),
        trees: draws.uniform(0.3, 0.9),
        roofs: draws.uniform(0.05, 0.5),
        salt: draws.bits(),
    };
    let film = Film { blur: 1, noise: draws.uniform(0.02, 0.06), salt: draws.bits() };
    let (mut values, mut mask) = (Vec::with_capacity(size * size * 3), Vec::with_capacity(size * size));
    let half = size as f32 / 2.0;
    for row in 0..size {
        for column in 0..size {
            let (colour, road) = country.at([column as f32 + 0.5 - half, row as f32 + 0.5 - half]);
            values.extend(colour.map(f32::sqrt));
            mask.push(if road < 0.0 { 255 } else { 0 });
        }
    }
    (film.record(values, size, 3), Picture::new(size, size, 1, mask))
}

/// One of several colours by a number from 0 to 1.
fn pick(colours: &[Colour], number: f32) -> Colour {
    colours[((number * colours.len() as f32) as usize).min(colours.len() - 1)]
}

/// A random direction, of length 1.
fn direction(draws: &mut Draws) -> [f32; 2] {
    loop {
        let [x, y] = [draws.uniform(-1.0, 1.0), draws.uniform(-1.0, 1.0)];
        let length = (x * x + y * y).sqrt();
        if (0.1..1.0).contains(&length) {
            return [x / length, y / length];
        }
    }
}

impl Country {
    /// A salt of its own for each use.
    fn salt(&self, number: u32) -> u32 {
        self.salt.wrapping_add(number * 7919)
    }

    /// What is seen at a place, and how far the nearest road's edge is, below zero on a road.
    fn at(&self, place: [f32; 2]) -> (Colour, f32) {
        let [x, y] = place;
        let wandered =
            |number: u32| self.wander * (noise(x / self.bend, y / self.bend, self.salt(number)) - 0.5);
        let bent = [x + wandered(0), y + wandered(1)];
        let (road, surface) = self.road(bent);
        let (roof, tiles) = self.roof(place);
        let mut colour = mix(self.ground(place), tiles, roof);
        let worn = 0.85 + 0.3 * fractal(x / 4.0, y / 4.0, self.salt(2), 2);
        colour = mix(colour, scaled(surface, worn), smooth(0.6, -0.6, road));
        let shade = self.tree([x - 1.5, y - 1.5]);
        colour = scaled(colour, 1.0 - 0.5 * smooth(0.0, 1.0, shade));
        let tree = self.tree(place);
        let leaves = scaled(TREE, 0.6 + 0.9 * fractal(x / 2.5, y / 2.5, self.salt(3), 2));
        colour = mix(colour, leaves, smooth(0.0, 0.5, tree));
        let light = 0.8 + 0.4 * noise(x / 45.0, y / 45.0, self.salt(4));
        (scaled(colour, light).map(|value| value.clamp(0.0, 1.0)), road)
    }

    /// The distance to the nearest road's edge, and that road's surface.
    fn road(&self, [x, y]: [f32; 2]) -> (f32, Colour) {
        let side = |road: &Road| road.across[0] * x + road.across[1] * y - road.offset;
        let mut nearest = (f32::INFINITY, SURFACES[0]);
        for road in &self.roads {
            let beside = side(road).abs() - road.half;
            let distance = match road.ends_at {
                Some((other, sign)) => beside.max(-sign * side(&self.roads[other])),
                None => beside,
            };
            if distance < nearest.0 {
                nearest = (distance, road.surface);
            }
        }
        nearest
    }

    /// Fields, with pale strips between them that are no roads.
    fn ground(&self, place: [f32; 2]) -> Colour {
        let [x, y] = place;
        let found = self.fields.at(place);
        let grown = 0.75 + 0.5 * fractal(x / 6.0, y / 6.0, self.salt(6), 3);
        let field = scaled(pick(&FIELDS, chance(found.cell[0], found.cell[1], self.salt(5))), grown);
        let strip = smooth(0.58, 0.66, noise(x / 21.0, y / 21.0, self.salt(7)));
        mix(field, HEDGE, strip * smooth(1.2, 0.2, found.border))
    }

    /// How much of a roof is at a place, and its colour.
    fn roof(&self, place: [f32; 2]) -> (f32, Colour) {
        let draw = |[column, row]: [i32; 2], number: u32| chance(column, row, self.salt(10 + number));
        let (amount, square) = most_around(place, ROOF_GRID, |square, [x, y]| {
            if draw(square, 0) >= self.roofs {
                return 0.0;
            }
            let (dx, dy) = (x - 0.25 - 0.5 * draw(square, 1), y - 0.25 - 0.5 * draw(square, 2));
            let (wide, high) = (1.5 + 3.5 * draw(square, 3), 1.5 + 3.5 * draw(square, 4));
            smooth(0.5, -0.5, (dx.abs() * ROOF_GRID - wide).max(dy.abs() * ROOF_GRID - high))
        });
        (amount, pick(&ROOFS, draw(square, 5)))
    }

    /// How much of a tree is above a place: 0 beside its crown, 1 in its middle.
    fn tree(&self, place: [f32; 2]) -> f32 {
        let found = most_around(place, TREE_GRID, |[column, row], [dx, dy]| {
            let draw = |number: u32| chance(column, row, self.salt(20 + number));
            let [across, down] = [column, row].map(|number| number as f32 * TREE_GRID / 30.0);
            let wood = smooth(0.35, 0.75, noise(across, down, self.salt(8)));
            if draw(0) >= self.trees * wood {
                return 0.0;
            }
            let (dx, dy) = (dx - 0.2 - 0.6 * draw(1), dy - 0.2 - 0.6 * draw(2));
            let radius = 2.0 + 3.5 * draw(3);
            (1.0 - (dx * dx + dy * dy).sqrt() * TREE_GRID / radius).max(0.0)
        });
        found.0
    }
}
