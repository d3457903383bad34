//! Colours of skin, hair, eyes and things.

use crate::drawing::{Colour, mix, scaled};
use crate::random::Draws;

/// A colour as files hold it, in linear light.
fn rgb(red: u8, green: u8, blue: u8) -> Colour {
    [red, green, blue].map(|value| {
        let value = f32::from(value) / 255.0;
        value * value
    })
}

/// Skin from the lightest (0) to the darkest (1), warmer or cooler.
pub(super) fn skin(tone: f32, warmth: f32) -> Colour {
    let tones = [
        rgb(253, 226, 208),
        rgb(246, 208, 178),
        rgb(231, 184, 148),
        rgb(205, 150, 110),
        rgb(168, 115, 78),
        rgb(126, 82, 55),
        rgb(88, 56, 40),
    ];
    let place = tone.clamp(0.0, 1.0) * (tones.len() - 1) as f32;
    let lower = (place as usize).min(tones.len() - 2);
    let [red, green, blue] = mix(tones[lower], tones[lower + 1], place - lower as f32);
    [red * (1.0 + 0.06 * warmth), green * (1.0 - 0.02 * warmth), blue * (1.0 - 0.14 * warmth)]
}

/// Hair; darker skin seldom goes with light hair.
pub(super) fn hair(draws: &mut Draws, tone: f32) -> Colour {
    let colours = [
        rgb(28, 24, 26),
        rgb(52, 36, 30),
        rgb(88, 58, 40),
        rgb(128, 84, 52),
        rgb(158, 76, 38),
        rgb(186, 138, 82),
        rgb(226, 192, 132),
        rgb(156, 152, 150),
        rgb(222, 220, 216),
    ];
    let light = (1.0 - 1.6 * tone).max(0.03);
    let weights = [2.0, 2.0, 1.8 * light, 1.5 * light, 1.0 * light, 1.2 * light, 1.4 * light, 0.5, 0.35];
    let colour = colours[draws.weighted(&weights)];
    scaled(colour, draws.uniform(0.8, 1.2))
}

/// Irises.
pub(super) fn eyes(draws: &mut Draws, tone: f32) -> Colour {
    let colours = [
        rgb(58, 34, 22),
        rgb(92, 56, 32),
        rgb(124, 92, 44),
        rgb(92, 122, 70),
        rgb(78, 124, 166),
        rgb(122, 142, 156),
    ];
    let light = (1.0 - 1.6 * tone).max(0.02);
    colours[draws.weighted(&[1.6, 1.6, 0.8 * light, 0.9 * light, 1.6 * light, 0.7 * light])]
}

/// Walls behind people: quiet colours.
pub(super) fn background(draws: &mut Draws) -> Colour {
    let grey = draws.uniform(0.08, 0.75);
    let tint = |draws: &mut Draws| grey * draws.uniform(0.65, 1.35);
    [tint(draws), tint(draws), tint(draws)]
}

/// Clothes: any colour.
pub(super) fn clothes(draws: &mut Draws) -> Colour {
    let bright = draws.uniform(0.15, 0.9);
    let channel = |draws: &mut Draws| bright * draws.uniform(0.12, 1.0);
    [channel(draws), channel(draws), channel(draws)]
}

/// Spectacle frames.
pub(super) fn frames(draws: &mut Draws) -> Colour {
    let colours = [rgb(22, 22, 24), rgb(70, 42, 26), rgb(150, 150, 156), rgb(170, 134, 70), rgb(120, 28, 34)];
    colours[draws.weighted(&[4.0, 2.0, 1.5, 1.0, 0.7])]
}
