//! Sailing boats at sea, and a lighthouse.

use super::parts::mirrored;
use super::sky::Sky;
use crate::drawing::{Colour, Extent, floor, fractal, mix, rgb, scaled, smooth};
use crate::random::Draws;

/// A boat with two sails.
#[derive(Clone, Copy)]
struct Boat {
    /// The middle of its water line.
    place: [f32; 2],
    length: f32,
    hull: Colour,
    sail: Colour,
}

impl Boat {
    fn at(&self, [x, y]: [f32; 2]) -> Option<Colour> {
        let (u, v) = ((x - self.place[0]) / self.length, (self.place[1] - y) / self.length);
        if !(-0.6..0.6).contains(&u) || !(0.0..1.45).contains(&v) {
            return None;
        }
        if v < 0.16 {
            let half = 0.36 + 0.9 * v - if u < 0.0 { 0.4 * v } else { 0.0 };
            let stripe = if (0.1..0.125).contains(&v) { 2.2 } else { 1.0 };
            return (u.abs() < half).then(|| scaled(self.hull, stripe * (0.75 + 2.0 * v)));
        }
        if u.abs() < 0.012 {
            return Some([0.12, 0.08, 0.05]);
        }
        let up = (v - 0.22) / 1.2;
        let swell = 4.0 * up * (1.0 - up);
        let (main, fore) = (0.42 * (1.0 - up) + 0.05 * swell, 0.34 * (1.0 - up * 1.15) + 0.03 * swell);
        let seam = if (up * 9.0 - floor(up * 9.0) as f32) < 0.08 { 0.82 } else { 1.0 };
        if (0.0..1.0).contains(&up) && u < -0.02 && u > -main {
            return Some(scaled(self.sail, seam * (1.0 + 0.9 * u)));
        }
        let jib = (0.0..0.85).contains(&up) && u > 0.02 && u < fore;
        jib.then(|| scaled(self.sail, 0.75 * seam * (1.0 - 0.4 * u)))
    }
}

/// A striped tower on a rock, its foot at `foot`.
fn lighthouse([x, y]: [f32; 2], foot: [f32; 2], height: f32, salt: u32) -> Option<Colour> {
    let (u, v) = ((x - foot[0]) / height, (foot[1] - y) / height);
    let rock = 0.17 + 0.1 * (fractal(x * 14.0, 0.5, salt, 3) - 0.5) - 0.5 * u * u;
    if v < rock && v > -0.05 && u.abs() < 0.8 {
        let grain = fractal(x * 24.0, y * 30.0, salt, 4);
        return Some(scaled(rgb([128, 112, 100]), 0.3 + 1.2 * grain));
    }
    let light = 1.0 - 4.0 * u;
    if (0.1..0.82).contains(&v) && u.abs() < 0.11 - 0.05 * v {
        let red = floor(v * 7.0) & 1 == 1;
        let colour = if red { rgb([196, 48, 40]) } else { rgb([244, 240, 232]) };
        return Some(scaled(colour, light));
    }
    if (0.82..0.85).contains(&v) && u.abs() < 0.1 {
        return Some([0.05, 0.05, 0.06]);
    }
    if (0.85..0.93).contains(&v) && u.abs() < 0.05 {
        let bar = u.abs() < 0.006 || u.abs() > 0.044;
        return Some(if bar { [0.05, 0.05, 0.06] } else { [1.0, 0.86, 0.42] });
    }
    ((0.93..1.02).contains(&v) && u.abs() < 0.07 * (1.02 - v) / 0.09)
        .then(|| scaled(rgb([160, 40, 36]), light))
}

pub(super) fn view(draws: &mut Draws, extent: Extent) -> impl Fn([f32; 2]) -> Colour + Sync + use<> {
    let horizon = extent.height * draws.uniform(0.5, 0.6);
    let sky = Sky::day(draws, extent, horizon);
    let salt = draws.bits();
    let (deep, shallow) = (rgb([14, 62, 96]), rgb([60, 150, 168]));
    let right = draws.chance(0.5);
    let tower = extent.width * if right { draws.uniform(0.76, 0.84) } else { draws.uniform(0.16, 0.24) };
    let (tower, height) = ([tower, horizon + 0.08], 0.58 * extent.height.min(1.2));
    let hulls = [[120, 40, 36], [40, 60, 100], [60, 70, 66], [150, 110, 60]].map(rgb);
    let sails = [[250, 246, 236], [244, 214, 150], [226, 110, 80], [250, 250, 250]].map(rgb);
    // From the nearest on; one near boat leads, away from the tower.
    let mut boats: Vec<Boat> = Vec::new();
    for i in 0..2 + (2.0 * extent.width) as usize {
        let depth = if i == 0 { 0.5 } else { draws.uniform(0.02, 0.3) };
        let open = if right { draws.uniform(0.05, 0.62) } else { draws.uniform(0.38, 0.95) };
        let across = if i == 0 { if right { 0.36 } else { 0.64 } } else { open };
        let place = [extent.width * across, horizon + depth * (extent.height - horizon)];
        let length = 0.05 + 0.45 * depth;
        boats.push(Boat { place, length, hull: hulls[draws.below(4)], sail: sails[draws.below(4)] });
    }
    boats.sort_by(|a, b| b.place[1].total_cmp(&a.place[1]));
    let above = move |place: [f32; 2]| {
        let standing = lighthouse(place, tower, height, salt ^ 3);
        standing.or_else(|| boats.iter().find_map(|boat| boat.at(place)))
    };
    move |place| {
        if let Some(colour) = above(place) {
            return colour;
        }
        let [x, y] = place;
        if y < horizon {
            return sky.at(place);
        }
        let depth = (y - horizon) / (extent.height - horizon);
        let (mirror, light) = mirrored(place, horizon, salt);
        let water = mix(shallow, deep, smooth(0.0, 1.0, depth));
        let mut water = scaled(mix(sky.at(mirror), water, 0.45 + 0.35 * depth), light);
        // The light of the sun on the crests below it.
        let scale = 1.0 / (0.08 + depth);
        let crest = fractal(x * 5.0 * scale.min(6.0), y * 22.0 * scale.min(6.0), salt ^ 1, 3);
        let under = smooth(0.08 + 0.25 * depth, 0.0, (x - sky.disc[0]).abs());
        water = mix(water, sky.disc_colour, 0.8 * under * smooth(0.5, 0.62, crest));
        mix(water, [0.9, 0.95, 0.97], smooth(0.7, 0.78, crest) * depth)
    }
}
