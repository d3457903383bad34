//! One landscape: hills, houses and trees under a sky, as numbers that no season changes, and how it looks in each.
//!
//! Only additions, products, quotients and square roots are used, which every machine rounds alike, so a landscape has
//! the same bytes everywhere.

use crate::random::{Draws, Purpose};

/// Red, green and blue, from 0 to 255.
type Colour = [f32; 3];

/// Each pixel is the mean of so many places a side.
const SAMPLES: usize = 3;

/// A hill's outline: a parabola.
struct Hill {
    centre: f32,
    height: f32,
    half_width: f32,
}

struct Cloud {
    centre: [f32; 2],
    half: [f32; 2],
}

/// What stands on the ground, with its foot at `foot`.
struct Thing {
    centre: f32,
    foot: f32,
    height: f32,
    kind: Kind,
}

enum Kind {
    /// With the colour of its walls, from 0 to 1.
    House(f32),
    Tree,
}

/// When a landscape is seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Season {
    /// On a summer day.
    Summer,
    /// On a winter evening.
    Winter,
}

/// Places are `[across, down]` from 0 to 1.
pub(super) struct Landscape {
    horizon: f32,
    light: [f32; 2],
    clouds: Vec<Cloud>,
    hills: Vec<Hill>,
    /// From the farthest to the nearest.
    things: Vec<Thing>,
}

/// The colours of a season.
struct Palette {
    sky: [Colour; 2],
    light: Colour,
    cloud: Colour,
    hill: Colour,
    ground: [Colour; 2],
    crown: Colour,
    roof: Colour,
    /// What lies on crowns and roofs, and on how much of either.
    snow: Colour,
    snowed: [f32; 2],
    trunk: Colour,
    walls: [Colour; 2],
    window: Colour,
}

const SUMMER: Palette = Palette {
    sky: [[70.0, 140.0, 230.0], [190.0, 225.0, 250.0]],
    light: [255.0, 225.0, 90.0],
    cloud: [250.0, 250.0, 250.0],
    hill: [75.0, 135.0, 85.0],
    ground: [[140.0, 190.0, 80.0], [95.0, 150.0, 50.0]],
    crown: [35.0, 100.0, 45.0],
    roof: [130.0, 60.0, 45.0],
    snow: [255.0, 255.0, 255.0],
    snowed: [0.0, 0.0],
    trunk: [95.0, 65.0, 40.0],
    walls: [[240.0, 230.0, 200.0], [215.0, 100.0, 70.0]],
    window: [55.0, 70.0, 100.0],
};

/// As in summer, sky and ground are brighter than trees, and walls and roofs have the warm colours. Nothing in the
/// losses forbids translators to make houses of trees and trees of houses, which they undo on the way back; they do so where the
/// simplest change of colours goes that way, as from a bright sky to the dark one of a night, which turns dark trees bright.
const WINTER: Palette = Palette {
    sky: [[115.0, 115.0, 170.0], [245.0, 205.0, 190.0]],
    light: [255.0, 240.0, 215.0],
    cloud: [225.0, 205.0, 215.0],
    hill: [150.0, 150.0, 185.0],
    ground: [[215.0, 220.0, 240.0], [170.0, 180.0, 215.0]],
    crown: [35.0, 75.0, 85.0],
    roof: [150.0, 75.0, 65.0],
    snow: [245.0, 248.0, 255.0],
    snowed: [0.35, 0.6],
    trunk: [70.0, 55.0, 55.0],
    walls: [[240.0, 215.0, 170.0], [200.0, 95.0, 70.0]],
    window: [255.0, 225.0, 120.0],
};

impl Landscape {
    /// The landscape with this number.
    pub fn new(scene: u64) -> Self {
        let mut draws = Draws::new(Purpose::Landscape, scene, 0, 0);
        let horizon = draws.uniform(0.42, 0.6);
        let light = [draws.uniform(0.1, 0.9), draws.uniform(0.1, horizon - 0.22)];
        let clouds = (0..draws.below(3))
            .map(|_| Cloud {
                centre: [draws.uniform(0.05, 0.95), draws.uniform(0.05, horizon - 0.15)],
                half: [draws.uniform(0.1, 0.2), draws.uniform(0.035, 0.06)],
            })
            .collect();
        let hills = (0..=draws.below(2))
            .map(|_| Hill {
                centre: draws.uniform(0.0, 1.0),
                height: draws.uniform(0.06, 0.18),
                half_width: draws.uniform(0.25, 0.5),
            })
            .collect();
        // More trees than houses: as often seen as each other, one could stand for the other and come back unchanged.
        let tone = draws.unit();
        let mut things = vec![Thing {
            centre: draws.uniform(0.1, 0.9),
            foot: draws.uniform(horizon + 0.12, 0.92),
            height: draws.uniform(0.26, 0.36),
            kind: Kind::House(tone * tone),
        }];
        for _ in 0..2 + draws.below(3) {
            things.push(Thing {
                centre: draws.uniform(0.05, 0.95),
                foot: draws.uniform(horizon + 0.08, 0.95),
                height: draws.uniform(0.28, 0.45),
                kind: Kind::Tree,
            });
        }
        things.sort_by(|a, b| a.foot.total_cmp(&b.foot));
        Self { horizon, light, clouds, hills, things }
    }

    /// Its bytes in a season, `(side, side, 3)`.
    pub fn draw(&self, season: Season, side: usize) -> Vec<u8> {
        let palette = match season {
            Season::Summer => &SUMMER,
            Season::Winter => &WINTER,
        };
        let step = 1.0 / (side * SAMPLES) as f32;
        let at = |pixel: usize, sample: usize| ((pixel * SAMPLES + sample) as f32 + 0.5) * step;
        let mut pixels = Vec::with_capacity(side * side * 3);
        for row in 0..side {
            for column in 0..side {
                let mut sum = [0.0; 3];
                for sample in 0..SAMPLES * SAMPLES {
                    let place = [at(column, sample % SAMPLES), at(row, sample / SAMPLES)];
                    let seen = self.colour(palette, place);
                    sum.iter_mut().zip(seen).for_each(|(sum, seen)| *sum += seen);
                }
                pixels.extend(sum.map(|sum| (sum / (SAMPLES * SAMPLES) as f32 + 0.5) as u8));
            }
        }
        pixels
    }

    fn colour(&self, palette: &Palette, [x, y]: [f32; 2]) -> Colour {
        let hit = self.things.iter().rev().find_map(|thing| thing.colour(palette, x, y));
        hit.unwrap_or_else(|| self.country(palette, x, y))
    }

    /// Sky, hills and ground.
    fn country(&self, palette: &Palette, x: f32, y: f32) -> Colour {
        if y > self.horizon {
            return mix(palette.ground, (y - self.horizon) / (1.0 - self.horizon));
        }
        let outline = |hill: &Hill| {
            let away = (x - hill.centre) / hill.half_width;
            hill.height * (1.0 - away * away)
        };
        if self.hills.iter().any(|hill| self.horizon - y < outline(hill)) {
            return palette.hill;
        }
        if self.clouds.iter().any(|cloud| inside([x, y], cloud.centre, cloud.half)) {
            return palette.cloud;
        }
        if inside([x, y], self.light, [0.085; 2]) {
            return palette.light;
        }
        mix(palette.sky, y / self.horizon)
    }
}

impl Thing {
    /// Its colour at a place, if it is seen there.
    fn colour(&self, palette: &Palette, x: f32, y: f32) -> Option<Colour> {
        // From -1 to 1 over its height, and from 0 at its foot to 1 at its top.
        let (across, up) = ((x - self.centre) / self.height, (self.foot - y) / self.height);
        if !(0.0..1.0).contains(&up) {
            return None;
        }
        match self.kind {
            Kind::House(tone) => house(palette, tone, across.abs(), across, up),
            Kind::Tree => tree(palette, across.abs(), up),
        }
    }
}

fn house(palette: &Palette, tone: f32, out: f32, across: f32, up: f32) -> Option<Colour> {
    const EAVES: f32 = 0.6;
    if up > EAVES {
        let down = (1.0 - up) / (1.0 - EAVES);
        let roof = if down < palette.snowed[1] { palette.snow } else { palette.roof };
        return (out < 0.6 * down).then_some(roof);
    }
    let window = (across.abs() - 0.22).abs() < 0.1 && (up - 0.33).abs() < 0.12;
    (out < 0.46).then(|| if window { palette.window } else { mix(palette.walls, tone) })
}

fn tree(palette: &Palette, out: f32, up: f32) -> Option<Colour> {
    const FOOT: f32 = 0.18;
    if up < FOOT {
        return (out < 0.06).then_some(palette.trunk);
    }
    let down = (1.0 - up) / (1.0 - FOOT);
    let crown = if down < palette.snowed[0] { palette.snow } else { palette.crown };
    (out < 0.32 * down).then_some(crown)
}

/// Whether a place lies in an ellipse.
fn inside(place: [f32; 2], centre: [f32; 2], half: [f32; 2]) -> bool {
    let (across, down) = ((place[0] - centre[0]) / half[0], (place[1] - centre[1]) / half[1]);
    across * across + down * down < 1.0
}

/// Between two colours.
fn mix([from, to]: [Colour; 2], share: f32) -> Colour {
    [0, 1, 2].map(|channel| from[channel] + share * (to[channel] - from[channel]))
}
