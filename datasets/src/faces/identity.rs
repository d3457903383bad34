//! What makes a drawn person that person.

use super::palette;
use crate::drawing::{Colour, mix, scaled};
use crate::random::{Draws, Purpose};

/// Everything about a person that all their pictures share. Lengths are in
/// half heads: the head goes from -1 at the crown to about 1 at the chin.
#[derive(Debug, Clone)]
pub struct Identity {
    /// Half the width at the cheekbones, 0.66 to 0.82.
    pub(super) face_width: f32,
    /// Where the chin ends, 0.9 to 1.06.
    pub(super) chin: f32,
    /// How much narrower the jaw is, 0 to 0.4.
    pub(super) jaw_taper: f32,
    /// 0 for an oval jaw, 1 for a square one.
    pub(super) jaw_square: f32,
    /// How far the cheekbones stand out, 0 to 1.
    pub(super) cheekbones: f32,
    pub(super) neck_width: f32,
    pub(super) skin: Colour,
    pub(super) lips: Colour,
    pub(super) hair: Hair,
    pub(super) eyes: Eyes,
    pub(super) brows: Brows,
    pub(super) nose: Nose,
    pub(super) mouth: Mouth,
    /// Half the height of an ear.
    pub(super) ears: f32,
    pub(super) beard: Beard,
    /// Place on the face, radius, strength.
    pub(super) freckles: Vec<[f32; 4]>,
}

/// Hair of the head.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hair {
    pub colour: Colour,
    /// How far it stands off the skull.
    pub volume: f32,
    /// Where it begins above the forehead's middle.
    pub hairline: f32,
    /// How steeply the hairline falls towards the temples.
    pub temples: f32,
    /// Where it is parted, across.
    pub parting: f32,
    /// How much it falls to either side of the parting.
    pub sweep: f32,
    /// Where long hair ends; at most 0 for short hair.
    pub length: f32,
    /// How far long hair stands off the face.
    pub width: f32,
    /// How curly, 0 to 1.
    pub curl: f32,
    /// 0 for shaved, 1 for dense.
    pub density: f32,
    /// Radius of a bun on the crown; 0 for none.
    pub bun: f32,
    pub salt: u32,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Eyes {
    pub colour: Colour,
    /// Half the width of an eye.
    pub size: f32,
    /// Distance of an eye's middle from the face's.
    pub spacing: f32,
    pub height: f32,
    /// Above zero the outer corners are higher.
    pub tilt: f32,
    /// Height over width.
    pub openness: f32,
    /// How strong the lashes are.
    pub lashes: f32,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Brows {
    pub colour: Colour,
    /// Above the eyes.
    pub height: f32,
    pub thickness: f32,
    pub arch: f32,
    /// Above zero the outer ends are higher.
    pub tilt: f32,
    pub length: f32,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Nose {
    /// Where it ends.
    pub bottom: f32,
    /// Half the width at the nostrils.
    pub width: f32,
    /// How far it stands out.
    pub height: f32,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Mouth {
    pub height: f32,
    /// Half the width at rest.
    pub width: f32,
    pub upper: f32,
    pub lower: f32,
}

/// Hair of the face, each part from 0 (none) to 1 (dense).
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Beard {
    pub cheeks: f32,
    pub chin: f32,
    pub moustache: f32,
}

impl Identity {
    /// Person `number` of the world that `seed` makes.
    pub fn new(seed: u64, number: u64) -> Self {
        let draws = &mut Draws::new(Purpose::Identity, seed, number, 0);
        let masculine = draws.chance(0.5);
        let either = |yes: f32, no: f32| if masculine { yes } else { no };
        let tone = draws.unit();
        let skin = palette::skin(tone, draws.uniform(-1.0, 1.0));
        let redness = draws.uniform(0.3, 1.0) * either(0.6, 1.0);
        let lips = mix(
            [skin[0] * 0.82, skin[1] * 0.58, skin[2] * 0.6],
            [skin[0] * 0.78 + 0.05, skin[1] * 0.34, skin[2] * 0.4],
            redness,
        );
        let hair_colour = palette::hair(draws, tone);
        let face_width = draws.uniform(0.66, 0.82);
        Self {
            face_width,
            chin: draws.uniform(0.9, 1.06),
            jaw_taper: draws.uniform(0.0, 0.28) + either(0.0, 0.1),
            jaw_square: draws.uniform(0.0, 0.55) + either(0.4, 0.0),
            cheekbones: draws.unit(),
            neck_width: face_width * (draws.uniform(0.5, 0.62) + either(0.12, 0.0)),
            skin,
            lips,
            hair: Hair::new(draws, hair_colour, masculine),
            eyes: Eyes {
                colour: palette::eyes(draws, tone),
                size: draws.uniform(0.155, 0.2) + either(0.0, 0.012),
                spacing: draws.uniform(0.29, 0.365),
                height: draws.uniform(-0.02, 0.08),
                tilt: draws.uniform(-0.12, 0.2),
                openness: draws.uniform(0.42, 0.72),
                lashes: draws.uniform(0.5, 1.0) * either(0.7, 1.3),
            },
            brows: Brows {
                colour: scaled(mix(hair_colour, scaled(skin, 0.3), 0.3), 0.7),
                height: draws.uniform(0.17, 0.25),
                thickness: draws.uniform(0.018, 0.042) + either(0.014, 0.0),
                arch: draws.uniform(0.0, 0.09),
                tilt: draws.uniform(-0.06, 0.1),
                length: draws.uniform(0.85, 1.1),
            },
            nose: Nose {
                bottom: draws.uniform(0.32, 0.45),
                width: draws.uniform(0.1, 0.185),
                height: draws.uniform(0.7, 1.3),
            },
            mouth: Mouth {
                height: draws.uniform(0.58, 0.68),
                width: draws.uniform(0.21, 0.32),
                upper: draws.uniform(0.03, 0.075),
                lower: draws.uniform(0.045, 0.1),
            },
            ears: draws.uniform(0.15, 0.23),
            beard: Beard::new(draws, masculine),
            freckles: freckles(draws, tone),
        }
    }
}

impl Hair {
    fn new(draws: &mut Draws, colour: Colour, masculine: bool) -> Self {
        // Bald, receded, shaved, short and parted, swept up, fringe, curly,
        // bob, long, long with a fringe, long and curly, bun.
        let weights = if masculine {
            [0.7, 0.6, 1.2, 3.0, 2.0, 1.2, 1.5, 0.0, 0.4, 0.0, 0.3, 0.2]
        } else {
            [0.05, 0.0, 0.2, 0.8, 0.4, 0.5, 1.0, 2.0, 2.6, 1.6, 1.8, 1.4]
        };
        let style = draws.weighted(&weights);
        let side = if draws.chance(0.5) { 1.0 } else { -1.0 };
        let parting = side * draws.uniform(0.0, 0.35);
        let mut hair = Self {
            colour,
            volume: draws.uniform(0.07, 0.14),
            hairline: draws.uniform(-0.66, -0.48),
            temples: draws.uniform(3.2, 5.0),
            parting,
            sweep: draws.uniform(0.0, 0.3),
            length: 0.0,
            width: draws.uniform(0.08, 0.2),
            curl: draws.uniform(0.0, 0.15),
            density: 1.0,
            bun: 0.0,
            salt: (draws.unit() * 65536.0) as u32,
        };
        match style {
            0 => hair.density = 0.0,
            1 => (hair.hairline, hair.temples, hair.sweep, hair.volume) = (-1.3, 7.5, 0.0, 0.04),
            2 => (hair.density, hair.volume) = (draws.uniform(0.45, 0.75), 0.0),
            3 => hair.sweep = draws.uniform(0.3, 0.7),
            4 => (hair.volume, hair.sweep) = (draws.uniform(0.16, 0.26), 0.0),
            5 => (hair.hairline, hair.temples) = (draws.uniform(-0.36, -0.26), 2.0),
            6 => (hair.volume, hair.curl) = (draws.uniform(0.16, 0.38), draws.uniform(0.7, 1.0)),
            7 => (hair.length, hair.sweep) = (draws.uniform(0.6, 0.95), draws.uniform(0.1, 0.7)),
            8 => (hair.length, hair.sweep) = (draws.uniform(1.3, 1.9), draws.uniform(0.1, 0.7)),
            9 => (hair.length, hair.hairline, hair.temples) = (draws.uniform(0.8, 1.8), -0.3, 2.0),
            10 => {
                (hair.length, hair.curl) = (draws.uniform(0.8, 1.6), draws.uniform(0.5, 1.0));
                (hair.width, hair.volume) = (draws.uniform(0.2, 0.36), draws.uniform(0.14, 0.26));
            }
            _ => (hair.bun, hair.volume) = (draws.uniform(0.2, 0.32), 0.06),
        }
        hair
    }
}

impl Beard {
    fn new(draws: &mut Draws, masculine: bool) -> Self {
        let dense = draws.uniform(0.6, 0.95);
        let style = draws.weighted(&[4.0, 1.5, 1.0, 1.0, 1.5]);
        match (masculine, style) {
            (true, 1) => Self { cheeks: 0.28, chin: 0.28, moustache: 0.28 },
            (true, 2) => Self { moustache: dense, ..Self::default() },
            (true, 3) => Self { chin: dense, moustache: dense * 0.9, cheeks: 0.0 },
            (true, 4) => Self { cheeks: dense, chin: dense, moustache: dense },
            _ => Self::default(),
        }
    }
}

fn freckles(draws: &mut Draws, tone: f32) -> Vec<[f32; 4]> {
    let count = if tone < 0.45 && draws.chance(0.3) { 14 } else { 0 };
    let mut spots: Vec<[f32; 4]> = (0..count)
        .map(|_| {
            let place = [draws.bell(-0.6, 0.6), draws.bell(0.1, 0.5)];
            [place[0], place[1], draws.uniform(0.015, 0.03), draws.uniform(0.15, 0.35)]
        })
        .collect();
    if draws.chance(0.2) {
        let side = if draws.chance(0.5) { 1.0 } else { -1.0 };
        spots.push([side * draws.uniform(0.2, 0.42), draws.uniform(0.35, 0.75), 0.032, 0.75]);
    }
    spots
}
