//! The sky: from its height to the horizon, with a sun or a moon and clouds.

use crate::drawing::{Colour, Extent, fractal, mix, rgb, scaled, smooth};
use crate::random::Draws;

pub(super) struct Sky {
    horizon: f32,
    high: Colour,
    low: Colour,
    pub disc: [f32; 2],
    pub disc_colour: Colour,
    radius: f32,
    clouds: f32,
    cloud_colour: Colour,
    salt: u32,
}

/// High, low, disc, clouds.
const DAY: [[[u8; 3]; 4]; 3] = [
    [[64, 132, 206], [206, 230, 240], [255, 246, 196], [250, 250, 250]],
    [[84, 104, 180], [250, 190, 140], [255, 226, 150], [255, 214, 196]],
    [[40, 96, 150], [240, 226, 190], [255, 250, 226], [236, 236, 240]],
];
const EVENING: [[[u8; 3]; 4]; 2] = [
    [[26, 30, 84], [226, 120, 96], [255, 240, 206], [122, 84, 130]],
    [[18, 26, 60], [90, 120, 170], [240, 240, 226], [66, 80, 120]],
];

impl Sky {
    pub fn day(draws: &mut Draws, extent: Extent, horizon: f32) -> Self {
        Self::of(DAY[draws.below(DAY.len())], draws, extent, horizon)
    }

    pub fn evening(draws: &mut Draws, extent: Extent, horizon: f32) -> Self {
        Self::of(EVENING[draws.below(EVENING.len())], draws, extent, horizon)
    }

    fn of(colours: [[u8; 3]; 4], draws: &mut Draws, extent: Extent, horizon: f32) -> Self {
        let [high, low, disc_colour, cloud_colour] = colours.map(rgb);
        let disc = [extent.width * draws.uniform(0.15, 0.85), horizon * draws.uniform(0.25, 0.5)];
        Self {
            horizon,
            high,
            low,
            disc,
            disc_colour,
            radius: draws.uniform(0.05, 0.08),
            clouds: draws.uniform(0.42, 0.56),
            cloud_colour,
            salt: draws.bits(),
        }
    }

    pub fn at(&self, [x, y]: [f32; 2]) -> Colour {
        let mut colour = mix(self.high, self.low, smooth(0.0, 1.0, y / self.horizon));
        let (u, v) = (x - self.disc[0], y - self.disc[1]);
        let distance = (u * u + v * v).sqrt();
        let glow = self.radius / (self.radius + 2.0 * distance);
        colour = mix(colour, self.disc_colour, glow * glow * 0.7);
        colour = mix(colour, self.disc_colour, smooth(self.radius, self.radius * 0.96, distance));
        let thick = fractal(x * 3.0, y * 7.0, self.salt, 5);
        let cover = smooth(self.clouds, self.clouds + 0.16, thick);
        // Lit from above: thinner just above a place means that it is the cloud's upper side.
        let above = fractal(x * 3.0, y * 7.0 - 0.25, self.salt, 5);
        let cloud = scaled(self.cloud_colour, 0.8 + (0.8 * (thick - above)).clamp(-0.25, 0.25));
        mix(colour, cloud, 0.85 * cover)
    }
}
