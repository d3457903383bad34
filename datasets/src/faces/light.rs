//! Light on what was painted, and the picture's bytes.

use super::canvas::{Canvas, Pixel};
use super::variation::{Light, Variation};
use crate::Picture;
use crate::drawing::hashed;

/// How far light creeps round an edge: red goes deepest into skin, which is
/// what makes it look like skin.
const WRAP: [f32; 3] = [0.45, 0.3, 0.25];

/// Averages squares of `shrink` drawn pixels into the picture's.
pub(super) fn develop(canvas: &Canvas, variation: &Variation, shrink: usize) -> Picture {
    let size = canvas.side / shrink;
    let mut pixels = Vec::with_capacity(size * size * 3);
    let mut row_sums = vec![[0.0f32; 3]; size];
    let share = 1.0 / (shrink * shrink) as f32;
    let light = Lamp::new(&variation.light);
    for row in 0..size {
        row_sums.fill([0.0; 3]);
        for line in canvas.pixels.chunks_exact(canvas.side).skip(row * shrink).take(shrink) {
            for (sum, drawn) in row_sums.iter_mut().zip(line.chunks_exact(shrink)) {
                for pixel in drawn {
                    let seen = light.on(pixel);
                    for channel in 0..3 {
                        sum[channel] += seen[channel];
                    }
                }
            }
        }
        for (column, sum) in row_sums.iter().enumerate() {
            for (channel, value) in sum.iter().enumerate() {
                // The sum of two draws makes the noise triangular, which is
                // close to a sensor's; its deviation is 1 / sqrt(6) of its
                // reach.
                let bits = hashed((column * 3 + channel) as i32, row as i32, variation.salt);
                let draws = ((bits >> 16) + (bits & 0xFFFF)) as f32 * (1.0 / 65_536.0);
                let noise = (draws - 1.0) * 2.45 * variation.noise;
                pixels.push(((value * share).max(0.0).sqrt() * 255.0 + noise + 0.5) as u8);
            }
        }
    }
    Picture::new(size, size, 3, pixels)
}

/// A light with what is worked out once.
struct Lamp {
    light: Light,
    /// Half way between the light and the viewer.
    halfway: [f32; 3],
}

impl Lamp {
    fn new(light: &Light) -> Self {
        let [x, y, z] = light.direction;
        let length = (x * x + y * y + (z + 1.0) * (z + 1.0)).sqrt();
        Self { light: *light, halfway: [x / length, y / length, (z + 1.0) / length] }
    }

    /// What the viewer sees of a pixel.
    #[inline]
    fn on(&self, pixel: &Pixel) -> [f32; 3] {
        if pixel.lit == 0.0 {
            return pixel.colour;
        }
        let [x, y] = pixel.normal;
        // Steep reliefs add up; the direction stays one that faces the viewer.
        let length = (x * x + y * y + 0.6).sqrt().max(1.0);
        let (x, y) = (x / length, y / length);
        let z = (1.0 - x * x - y * y).max(0.0).sqrt();
        let along = |[lx, ly, lz]: [f32; 3]| x * lx + y * ly + z * lz;
        let facing = along(self.light.direction);
        let mirrored = along(self.halfway).max(0.0);
        let shine = mirrored * mirrored;
        let shine = shine * shine;
        let shine = shine * shine;
        let shine = shine * shine * shine * pixel.gloss;
        [0, 1, 2].map(|channel| {
            let wrap = WRAP[channel];
            let diffuse = ((facing + wrap) * (1.0 / (1.0 + wrap))).max(0.0);
            let lamp = self.light.colour[channel];
            let light = self.light.ambient[channel] + lamp * diffuse;
            let lit = pixel.colour[channel] * light + lamp * shine;
            (pixel.colour[channel] + pixel.lit * (lit - pixel.colour[channel])).min(1.0)
        })
    }
}
