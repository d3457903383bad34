//! What drawn pictures share: colours and noise.
//!
//! Only additions, products, quotients and square roots are used, which every machine rounds alike, so a drawing has
//! the same bytes everywhere.

/// A colour in linear light: the square of what is stored in a file, which is close to sRGB's curve and exact.
pub(crate) type Colour = [f32; 3];

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
