//! Mountains behind a lake, trees and a house before it.

use super::houses::House;
use super::parts::{Tree, meadow, mirrored, ridge};
use super::sky::Sky;
use crate::drawing::{Colour, Extent, fractal, mix, rgb, scaled, smooth};
use crate::random::Draws;

pub(super) fn view(draws: &mut Draws, extent: Extent) -> impl Fn([f32; 2]) -> Colour + Sync + use<> {
    let shore = extent.height * draws.uniform(0.5, 0.58);
    let bank = shore + extent.height * draws.uniform(0.16, 0.2);
    let sky = Sky::day(draws, extent, shore);
    let salt = draws.bits();
    let (far, near) = (rgb([120, 140, 176]), rgb([58, 84, 84]));
    let snow = shore * draws.uniform(0.34, 0.44);
    let (grass, dry) = (rgb([84, 140, 46]), rgb([150, 170, 90]));
    let house_width = draws.uniform(0.17, 0.22);
    let house_left = extent.width * draws.uniform(0.16, 0.3);
    let foot = bank + draws.uniform(0.04, 0.08);
    let house = House::new(draws, [house_left, foot], house_width, 1, false);
    // From the farthest on, so that the nearer ones cover them; they leave the house in view.
    let mut trees: Vec<Tree> = Vec::new();
    for i in 0..(7.0 * extent.width) as usize {
        let side = extent.width * draws.unit();
        let fir = draws.chance(0.6);
        let down = bank + 0.02 + 0.3 * (extent.height - bank) * draws.unit();
        let hides = (side - house_left - 0.5 * house_width).abs() < 0.8 * house_width;
        let height = draws.uniform(0.16, 0.3) * if i % 3 == 0 { 1.3 } else { 0.8 };
        let leaves = rgb([[34, 84, 52], [66, 112, 40], [140, 120, 40], [36, 96, 76]][draws.below(4)]);
        let tree = Tree { foot: [side, down], height, leaves, fir, salt: draws.bits() };
        if !hides {
            trees.push(tree);
        }
    }
    trees.sort_by(|a, b| b.foot[1].total_cmp(&a.foot[1]));
    let behind = move |place: [f32; 2]| {
        let [x, y] = place;
        let up = shore - y;
        if up < ridge(x, 5.0, 0.2 * shore, salt ^ 2) {
            let woods = fractal(x * 40.0, y * 60.0, salt ^ 4, 3);
            return scaled(near, 0.5 + 0.9 * woods);
        }
        let height = ridge(x, 1.7, 0.75 * shore, salt ^ 1);
        if up < height {
            // Folds that run down, with a lit and a shaded side, and snow above a ragged line.
            let fold = fractal(x * 12.0 + 0.8 * y, y * 5.0, salt ^ 3, 4);
            let lit = 0.65 + 0.9 * (fold - 0.5) + 0.25;
            let rock = scaled(far, lit);
            let line = snow + 0.3 * (fold - 0.5);
            return mix(rock, scaled([0.92, 0.94, 1.0], lit + 0.15), smooth(line, line + 0.03, up));
        }
        sky.at(place)
    };
    move |place| {
        let [x, y] = place;
        let covers = |tree: &Tree| tree.at(place);
        let before = trees.iter().find_map(covers).or_else(|| house.at(place));
        if let Some(colour) = before {
            return colour;
        }
        if y < shore {
            return behind(place);
        }
        let edge = bank + 0.03 * (fractal(x * 6.0, 0.5, salt ^ 5, 3) - 0.5);
        if y < edge {
            let (above, light) = mirrored(place, shore, salt ^ 6);
            return scaled(mix(behind(above), rgb([50, 100, 130]), 0.25), light);
        }
        meadow(place, edge, grass, dry, salt ^ 7)
    }
}
