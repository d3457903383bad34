//! One landscape: hills, houses and trees under a sky, as numbers that no season changes, and how it looks in each.
//!
//! Only additions, products, quotients and square roots are used, which every machine rounds alike, so a landscape has
//! the same bytes everywhere.

use super::season::Season;
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
    /// What lies on crowns and roofs, and on how much of a crown.
    cover: Colour,
    covered: f32,
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
    cover: [130.0, 60.0, 45.0],
    covered: 0.0,
    trunk: [95.0, 65.0, 40.0],
    walls: [[240.0, 230.0, 200.0], [215.0, 100.0, 70.0]],
    window: [55.0, 70.0, 100.0],
};

/// As in summer, trees are darker than the ground and houses brighter: else the nets find it easier to make houses of trees.
const WINTER: Palette = Palette {
    sky: [[15.0, 20.0, 60.0], [75.0, 70.0, 125.0]],
    light: [240.0, 240.0, 225.0],
    cloud: [65.0, 70.0, 105.0],
    hill: [80.0, 95.0, 140.0],
    ground: [[140.0, 155.0, 200.0], [105.0, 120.0, 170.0]],
    crown: [30.0, 60.0, 75.0],
    cover: [230.0, 235.0, 250.0],
    covered: 0.35,
    trunk: [50.0, 40.0, 45.0],
    walls: [[225.0, 195.0, 150.0], [190.0, 85.0, 65.0]],
    window: [255.0, 235.0, 130.0],
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
        return (out < 0.6 * (1.0 - up) / (1.0 - EAVES)).then_some(palette.cover);
    }
    let window = (across.abs() - 0.22).abs() < 0.1 && (up - 0.33).abs() < 0.12;
    (out < 0.46).then(|| if window { palette.window } else { mix(palette.walls, tone) })
}

fn tree(palette: &Palette, out: f32, up: f32) -> Option<Colour> {
    const FOOT: f32 = 0.18;
    if up < FOOT {
        return (out < 0.06).then_some(palette.trunk);
    }
    let crown = 0.32 * (1.0 - up) / (1.0 - FOOT);
    let covered = (1.0 - up) / (1.0 - FOOT) < palette.covered;
    (out < crown).then_some(if covered { palette.cover } else { palette.crown })
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
