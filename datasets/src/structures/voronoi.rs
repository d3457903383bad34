//! Voronoi cells about the sites of a jittered grid.

use crate::drawing::{chance, floor};

/// Cells everywhere in the plane.
#[derive(Debug, Clone, Copy)]
pub(super) struct Voronoi {
    /// The grid's spacing, in pixels.
    pub spacing: f32,
    /// Which cells.
    pub salt: u32,
}

/// Where a place lies in its cell.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    /// The cell, a place of the grid.
    pub cell: [i32; 2],
    /// The distance to the nearest other cell, in pixels.
    pub border: f32,
}

/// How far from the middle of its square a site may lie, as a share of the spacing. Two squares around suffice to find the
/// nearest sites.
const JITTER: f32 = 0.75;
const AROUND: i32 = 2;

impl Voronoi {
    fn site(self, [column, row]: [i32; 2]) -> [f32; 2] {
        let along = |number: i32, salt: u32| {
            let shift = JITTER * (chance(column, row, self.salt.wrapping_add(salt)) - 0.5);
            (number as f32 + 0.5 + shift) * self.spacing
        };
        [along(column, 0), along(row, 1)]
    }

    /// Looks up the cell of a place `[across, down]` in pixels.
    pub fn at(self, [x, y]: [f32; 2]) -> Place {
        let (column, row) = (floor(x / self.spacing), floor(y / self.spacing));
        let around = (-AROUND..=AROUND).flat_map(|dy| (-AROUND..=AROUND).map(move |dx| [dx, dy]));
        let sites = around.map(|[dx, dy]| {
            let cell = [column + dx, row + dy];
            let site = self.site(cell);
            let square = (site[0] - x) * (site[0] - x) + (site[1] - y) * (site[1] - y);
            (cell, site, square)
        });
        let (cell, own, nearest) =
            sites.clone().min_by(|a, b| a.2.total_cmp(&b.2)).expect("there are sites around");
        let to_border = |(_, site, square): (_, [f32; 2], f32)| {
            let (dx, dy) = (site[0] - own[0], site[1] - own[1]);
            // The distance to the line half way between the two sites.
            (square - nearest) / (2.0 * (dx * dx + dy * dy).sqrt())
        };
        let others = sites.filter(|(other, ..)| *other != cell);
        Place { cell, border: others.map(to_border).fold(f32::INFINITY, f32::min) }
    }
}
