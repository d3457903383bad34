//! What is not the person: background, clothes, glasses.

use super::canvas::{Canvas, Surface};
use super::identity::Identity;
use super::variation::Variation;
use crate::drawing::mix;

/// A wall with a gradient.
pub(super) fn background(canvas: &mut Canvas, variation: &Variation) {
    let [from, to] = variation.background;
    let [across, down] = variation.background_axis;
    canvas.paint(canvas.whole(), |pixel| {
        let share = 0.5 + 0.35 * (across * pixel.head[0] + down * pixel.head[1]);
        pixel.glow(1.0, mix(from, to, share.clamp(0.0, 1.0)));
    });
}

/// Shoulders, with a neckline.
pub(super) fn clothes(canvas: &mut Canvas, identity: &Identity, variation: &Variation) {
    let edge = canvas.edge();
    let colour = variation.clothes;
    let neck = identity.neck_width;
    let top = identity.chin + 0.22;
    canvas.paint(canvas.head_area([0.0, 1.6], [3.0, 0.75]), |pixel| {
        let [u, v] = pixel.head;
        let slope = (u.abs() - neck).max(0.0);
        let shoulder = top + 0.28 * slope + 0.06 * slope * slope;
        // Below the neck's middle the collar dips.
        let t = (u.abs() / (neck * 1.15)).min(1.0);
        let collar = top + (0.1 + variation.neckline) * (1.0 - t * t);
        let coverage = edge.sharp(shoulder.max(collar) - v);
        if coverage > 0.0 {
            let normal = [(0.5 * u).clamp(-0.7, 0.7), -0.35];
            pixel.cover(coverage, Surface { colour, normal, gloss: 0.0 });
            let hem = edge.line(v - collar - 0.03, 0.03) * edge.sharp(u.abs() - neck * 1.15);
            pixel.shade(coverage * hem * 0.6, [0.6; 3]);
        }
    });
}

/// Spectacles, if they are worn.
pub(super) fn glasses(canvas: &mut Canvas, identity: &Identity, variation: &Variation) {
    let Some(glasses) = variation.glasses else { return };
    let edge = canvas.edge();
    let eyes = identity.eyes;
    // They stand off the eyes, so turning moves them a little more.
    let shift = 0.06 * canvas.pose.yaw[1];
    let width = glasses.size.min(eyes.spacing - 0.03);
    let height = width * (0.72 + 0.25 * glasses.round);
    let corner = (0.35 + 0.65 * glasses.round) * height;
    let centre_down = eyes.height + 0.02;
    let area = canvas.face_area([shift, centre_down], [identity.face_width * 1.2, 0.4]);
    canvas.paint(area, |pixel| {
        let x = (pixel.face[0] - shift).abs();
        let y = pixel.face[1] - centre_down;
        // Distance from a rectangle with round corners.
        let (dx, dy) = ((x - eyes.spacing).abs() - (width - corner), y.abs() - (height - corner));
        let (ox, oy) = (dx.max(0.0), dy.max(0.0));
        let lens = (ox * ox + oy * oy).sqrt() + dx.max(dy).min(0.0) - corner;
        let bridge_reach = eyes.spacing - width;
        let bridge = if x < bridge_reach { y + 0.35 * height + 0.04 } else { 1.0 };
        let temple = if x > eyes.spacing + width { y + 0.3 * height } else { 1.0 };
        let frame = edge.line(lens, glasses.thickness).max(edge.line(bridge, glasses.thickness));
        // Temples go back to the ears, beyond which they are hidden.
        let seen = edge.sharp(pixel.head[0].abs() - identity.face_width);
        let frame = frame.max(edge.line(temple, glasses.thickness) * seen);
        let glass = edge.sharp(lens);
        // A pale reflection falls across each lens.
        let sheen = edge.blurred((x - eyes.spacing + 1.4 * y + 0.06).abs() - 0.03, 0.08);
        pixel.tint(glass * (0.04 + 0.1 * sheen), [0.9, 0.95, 1.0]);
        pixel.cover(frame, Surface { colour: glasses.colour, normal: [0.0, -0.2], gloss: 0.3 });
    });
}
