//! What drawn pictures share: colours, noise, and a painter of pictures that are a function of place.
//!
//! Only additions, products, quotients and square roots are used, which every machine rounds alike, so a drawing has
//! the same bytes everywhere.

use rayon::prelude::*;

use crate::Picture;

/// A colour in linear light: the square of what is stored in a file, which is close to sRGB's curve and exact.
pub(crate) type Colour = [f32; 3];

/// Each pixel is the mean of so many places a side.
const SAMPLES: usize = 2;

/// Rows and columns in units of the shorter side, so that a drawing of another size shows the same in other detail.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Extent {
    pub height: f32,
    pub width: f32,
}

impl Extent {
    /// # Panics
    /// If there are no pixels.
    #[track_caller]
    pub fn of(height: usize, width: usize) -> Self {
        assert!(
            height > 0 && width > 0,
            "drawing: a picture of {height}x{width}, expected at least a pixel a side"
        );
        let unit = height.min(width) as f32;
        Self { height: height as f32 / unit, width: width as f32 / unit }
    }
}

/// A picture whose colour is a function of place `[across, down]`, in units of the shorter side.
pub(crate) fn paint(height: usize, width: usize, colour: impl Fn([f32; 2]) -> Colour + Sync) -> Picture {
    let step = 1.0 / (height.min(width) * SAMPLES) as f32;
    let at = |pixel: usize, sample: usize| ((pixel * SAMPLES + sample) as f32 + 0.5) * step;
    let share = 1.0 / (SAMPLES * SAMPLES) as f32;
    let mut pixels = vec![0; height * width * 3];
    pixels.par_chunks_exact_mut(width * 3).enumerate().for_each(|(row, line)| {
        for (column, pixel) in line.chunks_exact_mut(3).enumerate() {
            let mut sum = [0.0; 3];
            for sample in 0..SAMPLES * SAMPLES {
                let seen = colour([at(column, sample % SAMPLES), at(row, sample / SAMPLES)]);
                for channel in 0..3 {
                    sum[channel] += seen[channel].clamp(0.0, 1.0);
                }
            }
            for channel in 0..3 {
                pixel[channel] = ((sum[channel] * share).sqrt() * 255.0 + 0.5) as u8;
            }
        }
    });
    Picture::new(height, width, 3, pixels)
}

/// The colour of a file's bytes.
pub(crate) const fn rgb(bytes: [u8; 3]) -> Colour {
    let [red, green, blue] = [bytes[0] as f32 / 255.0, bytes[1] as f32 / 255.0, bytes[2] as f32 / 255.0];
    [red * red, green * green, blue * blue]
}

/// Between two colours.
#[inline]
pub(crate) fn mix(from: Colour, to: Colour, share: f32) -> Colour {
    [0, 1, 2].map(|channel| from[channel] + share * (to[channel] - from[channel]))
}

/// A colour times a number.
#[inline]
pub(crate) fn scaled(colour: Colour, factor: f32) -> Colour {
    colour.map(|value| value * factor)
}

/// From 0 at `low` to 1 at `high`, smoothly; `low` may be the larger.
#[inline]
pub(crate) fn smooth(low: f32, high: f32, value: f32) -> f32 {
    let t = ((value - low) / (high - low)).clamp(0.0, 1.0);
    t * t * (3.0 - 2.0 * t)
}

/// The largest whole number that is not larger. Not f32::floor, a call of a function without SSE4.1.
#[inline]
pub(crate) fn floor(value: f32) -> i32 {
    value as i32 - i32::from(value < value as i32 as f32)
}

/// Smooth noise in `[0, 1)` that varies over one unit.
#[inline]
pub(crate) fn noise(x: f32, y: f32, salt: u32) -> f32 {
    let (column, row) = (floor(x), floor(y));
    let (across, down) = (x - column as f32, y - row as f32);
    let ease = |t: f32| t * t * (3.0 - 2.0 * t);
    let (across, down) = (ease(across), ease(down));
    let at = |dx: i32, dy: i32| chance(column + dx, row + dy, salt);
    let upper = at(0, 0) + across * (at(1, 0) - at(0, 0));
    let lower = at(0, 1) + across * (at(1, 1) - at(0, 1));
    upper + down * (lower - upper)
}

/// Noise of several scales, each half as large and half as strong as the one before: in `[0, 1)`.
#[inline]
pub(crate) fn fractal(x: f32, y: f32, salt: u32, scales: u32) -> f32 {
    let (mut sum, mut strength, mut frequency) = (0.0, 0.5, 1.0);
    for scale in 0..scales {
        sum += strength * noise(x * frequency, y * frequency, salt.wrapping_add(scale * 101));
        (strength, frequency) = (strength * 0.5, frequency * 2.0);
    }
    sum / (1.0 - 2.0 * strength)
}

/// A random number in `[0, 1)` for every place of a grid.
#[inline]
pub(crate) fn chance(column: i32, row: i32, salt: u32) -> f32 {
    (hashed(column, row, salt) >> 8) as f32 * (1.0 / 16_777_216.0)
}

/// Random bits for every place of a grid.
#[inline]
pub(crate) fn hashed(column: i32, row: i32, salt: u32) -> u32 {
    let mut bits = (column as u32).wrapping_mul(0x9E37_79B1)
        ^ (row as u32).wrapping_mul(0x85EB_CA77)
        ^ salt.wrapping_mul(0xC2B2_AE3D);
    bits = (bits ^ (bits >> 15)).wrapping_mul(0x2C1B_3C6D);
    bits = (bits ^ (bits >> 12)).wrapping_mul(0x297A_2D39);
    bits ^ (bits >> 15)
}

/// Gives an enum of drawn kinds its list and the words of the shell.
macro_rules! kinds {
    ($($(#[$about:meta])* $kind:ident = $word:literal),+ $(,)?) => {
        /// What is drawn.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Kind {
            $($(#[$about])* $kind),+
        }

        impl Kind {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$kind),+];

            /// The word of the shell.
            pub fn word(self) -> &'static str {
                match self { $(Self::$kind => $word),+ }
            }
        }
    };
}
pub(crate) use kinds;
