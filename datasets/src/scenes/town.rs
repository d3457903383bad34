//! Houses along a street in the evening.

use super::houses::House;
use super::parts::{Tree, dot, ridge};
use super::sky::Sky;
use crate::drawing::{Colour, Extent, chance, floor, fractal, mix, rgb, scaled, smooth};
use crate::random::Draws;

pub(super) fn view(draws: &mut Draws, extent: Extent) -> impl Fn([f32; 2]) -> Colour + Sync + use<> {
    let street = extent.height * draws.uniform(0.74, 0.8);
    let sky = Sky::evening(draws, extent, street);
    let salt = draws.bits();
    let hill = mix(rgb([30, 34, 70]), rgb([80, 60, 90]), draws.unit());
    let (mut houses, mut left) = (Vec::new(), -0.05);
    while left < extent.width {
        let width = draws.uniform(0.2, 0.3);
        let storeys = 1 + draws.below(3) as i32;
        houses.push(House::new(draws, [left, street], width, storeys, true));
        left += width + draws.uniform(0.0, 0.04);
    }
    let mut lamps = Vec::new();
    let mut trees = Vec::new();
    let mut place = draws.uniform(0.1, 0.25);
    while place < extent.width {
        lamps.push(place);
        let foot = [place + draws.uniform(0.14, 0.2), street + 0.03];
        let leaves = rgb([[22, 44, 40], [40, 52, 30]][draws.below(2)]);
        trees.push(Tree { foot, height: draws.uniform(0.22, 0.34), leaves, fir: false, salt: draws.bits() });
        place += draws.uniform(0.38, 0.5);
    }
    let pavement = street + 0.05;
    move |point| {
        let [x, y] = point;
        for &lamp in &lamps {
            let (u, up) = (x - lamp, pavement - y);
            if u.abs() < 0.006 && (0.0..0.3).contains(&up) {
                return [0.02, 0.02, 0.025];
            }
            if u * u + (up - 0.31) * (up - 0.31) < 0.018 * 0.018 {
                return [1.0, 0.9, 0.6];
            }
        }
        // Each lamp's light falls off around it.
        let glow: f32 = lamps
            .iter()
            .map(|lamp| {
                let (u, v) = (x - lamp, y - pavement + 0.31);
                0.012 / (0.012 + u * u + 0.5 * v * v)
            })
            .sum();
        let lit = |colour: Colour| {
            let light = 0.75 * glow.min(1.5);
            [
                colour[0] * (1.0 + 1.3 * light),
                colour[1] * (1.0 + 0.95 * light),
                colour[2] * (1.0 + 0.4 * light),
            ]
        };
        let standing = trees.iter().find_map(|tree| tree.at(point));
        if let Some(colour) = standing.or_else(|| houses.iter().find_map(|house| house.at(point))) {
            return lit(colour);
        }
        if y < street {
            if street - y < 0.25 + ridge(x, 1.5, 0.3 * street, salt) {
                return scaled(hill, 0.6 + 0.5 * fractal(x * 9.0, y * 9.0, salt, 3));
            }
            let star = dot([x * 60.0, y * 60.0], 0.02, salt ^ 1);
            return mix(sky.at(point), [1.0, 1.0, 0.92], star * smooth(0.55, 0.0, y / street));
        }
        if y < pavement {
            let slab = (x * 14.0 - floor(x * 14.0) as f32) < 0.06;
            return lit(scaled(rgb([110, 106, 112]), if slab { 0.25 } else { 0.45 }));
        }
        // Cobbles, larger towards the viewer.
        let depth = y - pavement;
        let size = 60.0 / (1.0 + 6.0 * depth);
        let row = floor(depth * size * 1.6);
        let across = x * size + 0.5 * (row & 1) as f32;
        let (u, v) = (across - floor(across) as f32, depth * size * 1.6 - row as f32);
        let round = smooth(0.0, 0.25, u.min(1.0 - u).min(v.min(1.0 - v)));
        let tone = 0.35 + 0.35 * chance(floor(across), row, salt ^ 2);
        lit(scaled(rgb([96, 92, 104]), tone * (0.35 + 0.65 * round)))
    }
}
