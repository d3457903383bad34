//! What differs from one picture of a person to the next.

use super::palette;
use crate::drawing::Colour;
use crate::random::{Draws, Purpose};

/// Pose, light, expression, glasses, clothes and background of one picture.
#[derive(Debug, Clone)]
pub struct Variation {
    /// Tangents of half the angles: 0.2 is 23 degrees.
    pub(super) yaw: f32,
    pub(super) pitch: f32,
    pub(super) roll: f32,
    /// Half the head's height, where the picture goes from -1 to 1.
    pub(super) scale: f32,
    pub(super) shift: [f32; 2],
    pub(super) light: Light,
    /// From a frown (-1) to a broad smile (1).
    pub(super) smile: f32,
    /// From closed (0) to a full gape (1).
    pub(super) mouth_open: f32,
    /// Raised (1) or knit (-1).
    pub(super) brow_raise: f32,
    /// From shut (0) to wide (1.2).
    pub(super) eyes_open: f32,
    /// Where the eyes look, in eye half-widths.
    pub(super) gaze: [f32; 2],
    pub(super) glasses: Option<Glasses>,
    pub(super) clothes: Colour,
    /// How deep the neckline is.
    pub(super) neckline: f32,
    pub(super) background: [Colour; 2],
    /// Which way the background changes.
    pub(super) background_axis: [f32; 2],
    /// Deviation of the sensor's noise, in bytes.
    pub(super) noise: f32,
    pub(super) salt: u32,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Light {
    /// Where it comes from: right, down, towards the viewer. Of length 1.
    pub direction: [f32; 3],
    pub colour: Colour,
    /// Light from everywhere.
    pub ambient: Colour,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Glasses {
    pub colour: Colour,
    /// 2 for round, 0 for square.
    pub round: f32,
    /// Half the width of a lens.
    pub size: f32,
    /// Half the thickness of the frame.
    pub thickness: f32,
}

impl Variation {
    /// Picture `number` of person `identity` of the world that `seed` makes.
    pub fn new(seed: u64, identity: u64, number: u64) -> Self {
        let draws = &mut Draws::new(Purpose::Variation, seed, identity, number);
        Self {
            yaw: draws.bell(-0.3, 0.3),
            pitch: draws.bell(-0.1, 0.1),
            roll: draws.bell(-0.1, 0.1),
            scale: draws.uniform(0.7, 0.8),
            shift: [draws.bell(-0.12, 0.12), draws.bell(-0.06, 0.1)],
            light: Light::new(draws),
            smile: draws.bell(-0.6, 1.4).clamp(-0.3, 1.0),
            mouth_open: if draws.chance(0.3) { draws.uniform(0.2, 0.9) } else { 0.0 },
            brow_raise: draws.bell(-1.0, 1.0),
            eyes_open: if draws.chance(0.06) { 0.1 } else { draws.uniform(0.8, 1.12) },
            gaze: [draws.bell(-0.5, 0.5), draws.bell(-0.2, 0.2)],
            glasses: draws.chance(0.16).then(|| Glasses::new(draws)),
            clothes: palette::clothes(draws),
            neckline: draws.uniform(0.0, 0.4),
            background: [palette::background(draws), palette::background(draws)],
            background_axis: [draws.uniform(-1.0, 1.0), draws.uniform(-1.0, 1.0)],
            noise: draws.uniform(0.0, 2.0),
            salt: (draws.unit() * 16_777_216.0) as u32,
        }
    }
}

impl Light {
    fn new(draws: &mut Draws) -> Self {
        let towards = [draws.bell(-1.8, 1.8), draws.bell(-1.3, 0.3), 1.0];
        let length = (towards[0] * towards[0] + towards[1] * towards[1] + 1.0).sqrt();
        let direction = towards.map(|axis| axis / length);
        let share = draws.uniform(0.5, 0.88);
        let level = draws.uniform(0.95, 1.15);
        let warmth = draws.bell(-1.0, 1.0);
        let tint = [1.0 + 0.1 * warmth, 1.0, 1.0 - 0.14 * warmth];
        Self {
            direction,
            colour: tint.map(|value| value * level * share),
            ambient: tint.map(|value| (2.0 - value) * level * (1.0 - share)),
        }
    }
}

impl Glasses {
    fn new(draws: &mut Draws) -> Self {
        Self {
            colour: palette::frames(draws),
            round: draws.unit(),
            size: draws.uniform(0.21, 0.26),
            thickness: draws.uniform(0.012, 0.028),
        }
    }
}
