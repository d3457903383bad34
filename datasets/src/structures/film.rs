//! From what is there to what a camera or microscope records of it: blur, noise, bytes.

use crate::Picture;
use crate::drawing::chance;

/// How a picture is recorded.
#[derive(Debug, Clone, Copy)]
pub(super) struct Film {
    /// Passes of a binomial filter over three pixels; each adds half a pixel's variance along both axes.
    pub blur: usize,
    /// The deviation of the noise, where white is 1.
    pub noise: f32,
    /// Which noise.
    pub salt: u32,
}

impl Film {
    /// Records a square picture of `channels`, values from 0 (black) to 1 (white) row by row.
    pub fn record(&self, mut values: Vec<f32>, size: usize, channels: usize) -> Picture {
        for _ in 0..self.blur {
            values = blurred(&values, size, channels);
        }
        let bytes = values.iter().enumerate().map(|(place, value)| {
            let draw = |salt: u32| chance(place as i32, 0, self.salt.wrapping_add(salt));
            // The sum of three uniform draws has a deviation of 1/2.
            let noise = (draw(0) + draw(1) + draw(2) - 1.5) * 2.0 * self.noise;
            ((value + noise) * 255.0 + 0.5) as u8
        });
        Picture::new(size, size, channels, bytes.collect())
    }
}

/// A quarter of both neighbours and half of the middle, along both axes; the border repeats itself.
fn blurred(values: &[f32], size: usize, channels: usize) -> Vec<f32> {
    let along = |values: &[f32], step: usize, index: fn(usize, usize) -> usize| -> Vec<f32> {
        let pass = |at: usize| {
            let number = index(at, step) % size;
            let before = if number == 0 { at } else { at - step };
            let after = if number + 1 == size { at } else { at + step };
            0.25 * (values[before] + values[after]) + 0.5 * values[at]
        };
        (0..values.len()).map(pass).collect()
    };
    let across = along(values, channels, |at, step| at / step);
    along(&across, size * channels, |at, step| at / step)
}
