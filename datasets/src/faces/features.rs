//! Eyes, brows, nostrils and mouth.

use super::canvas::{Canvas, spot};
use super::head::nose_middle;
use super::identity::Identity;
use super::variation::Variation;
use crate::drawing::{mix, scaled};

/// Eyes, each with lids, lashes, iris and the light in it.
pub(super) fn eyes(canvas: &mut Canvas, identity: &Identity, variation: &Variation) {
    let edge = canvas.edge();
    let eyes = identity.eyes;
    let width = eyes.size;
    // Smiling narrows the eyes.
    let squint = 1.0 - 0.18 * variation.smile.max(0.0);
    let opening = width * eyes.openness * variation.eyes_open * squint;
    let iris = 0.52 * width;
    let light = variation.light.direction;
    for side in [-1.0, 1.0] {
        let centre = [side * eyes.spacing, eyes.height];
        let gaze = [side * variation.gaze[0] * width, variation.gaze[1] * opening];
        canvas.paint(canvas.face_area(centre, [width * 1.35, width * 1.2]), |pixel| {
            // Outwards from the middle of the eye, and down from its axis.
            let x = (pixel.face[0] - centre[0]) * side;
            let y = pixel.face[1] - centre[1] + eyes.tilt * x;
            let t = x / width;
            let arc = 1.0 - t * t;
            // Lids: the upper is highest towards the nose, the lower is flat.
            let upper = -opening * arc * (1.0 - 0.15 * t);
            let lower = 0.5 * opening * arc * (1.0 + 0.2 * t);
            let outside = (upper - y).max(y - lower).max((t.abs() - 1.0) * width);
            let ball = edge.sharp(outside);
            if ball > 0.0 {
                // The lid's shadow on the eyeball.
                let under_lid = 0.62 + 0.38 * ((y - upper) / (0.6 * width)).clamp(0.0, 1.0);
                pixel.tint(ball, scaled([0.86, 0.84, 0.82], under_lid));
                let (dx, dy) = (x - gaze[0], y - gaze[1] + 0.18 * opening);
                let radius = (dx * dx + dy * dy).sqrt();
                let rim = (radius / iris).min(1.0);
                let colour = scaled(eyes.colour, (1.15 - 0.6 * rim * rim) * under_lid);
                pixel.tint(ball * edge.sharp(radius - iris), colour);
                pixel.tint(ball * edge.sharp(radius - 0.45 * iris), [0.008, 0.008, 0.01]);
                let glint = [side * 0.45 * iris * light[0], -0.4 * iris];
                let (gx, gy) = (dx - glint[0], dy - glint[1]);
                let glint = (gx * gx + gy * gy).sqrt() - 0.24 * iris;
                pixel.glow(ball * edge.sharp(glint) * 0.9, [1.0, 1.0, 1.0]);
            }
            // Lashes thicken towards the outer corner; the line is kept where
            // the lids meet, so that shut eyes still show.
            let along = edge.sharp((t.abs() - 1.08) * width);
            let thick = (0.014 + 0.012 * t.clamp(-1.0, 1.0)) * eyes.lashes + 0.006;
            let lash = edge.line(y - upper + 0.3 * thick, thick) * along;
            pixel.tint(lash * 0.92, scaled(mix(identity.brows.colour, identity.skin, 0.1), 0.3));
            pixel.shade(edge.line(y - lower, 0.012) * along * 0.45, [0.5, 0.38, 0.38]);
            let crease = y - upper + 0.055 + 0.02 * arc;
            pixel.shade(edge.line(crease, 0.014) * along * 0.5, [0.55, 0.45, 0.45]);
        });
    }
}

/// Brows, tapering outwards.
pub(super) fn brows(canvas: &mut Canvas, identity: &Identity, variation: &Variation) {
    let edge = canvas.edge();
    let (eyes, brows) = (identity.eyes, identity.brows);
    let raise = 0.045 * variation.brow_raise;
    let (inner, length) = (-0.16, 0.42 * brows.length);
    for side in [-1.0, 1.0] {
        let centre = [side * (eyes.spacing + inner + 0.5 * length), eyes.height - brows.height - raise];
        canvas.paint(canvas.face_area(centre, [0.6 * length, 0.2]), |pixel| {
            let x = (pixel.face[0] - side * eyes.spacing) * side - inner;
            let along = x / length;
            let arc = 4.0 * along * (1.0 - along);
            // Knitting pulls the inner ends down.
            let knit = -raise.min(0.0) * (1.0 - along) * 1.2;
            let middle = -brows.arch * arc - brows.tilt * (along - 0.5) + knit;
            let away = pixel.face[1] - centre[1] - middle;
            let half = brows.thickness * (1.1 - 0.75 * along.clamp(0.0, 1.0));
            let ends = edge.blurred((-along).max(along - 1.0) * length, 0.03);
            pixel.tint(edge.line(away, half) * ends * 0.88, brows.colour);
        });
    }
}

/// What shows of the nose besides its relief.
pub(super) fn nose(canvas: &mut Canvas, identity: &Identity) {
    let nose = identity.nose;
    let middle = nose_middle(canvas, 1.0);
    let under = [middle, nose.bottom + 0.045];
    let reach = [nose.width * 1.25, 0.07];
    canvas.paint(canvas.face_area(under, reach), |pixel| {
        pixel.shade(spot(pixel.face, under, reach), [0.6, 0.48, 0.46]);
    });
    for side in [-1.0, 1.0] {
        let nostril = [middle + side * nose.width * 0.5, nose.bottom + 0.015];
        let reach = [nose.width * 0.42, 0.042];
        canvas.paint(canvas.face_area(nostril, reach), |pixel| {
            let depth = (1.6 * spot(pixel.face, nostril, reach)).min(1.0);
            pixel.shade(depth, [0.22, 0.13, 0.12]);
        });
        let wing = [middle + side * nose.width * 1.02, nose.bottom - 0.03];
        let reach = [0.035, 0.08];
        canvas.paint(canvas.face_area(wing, reach), |pixel| {
            pixel.shade(spot(pixel.face, wing, reach) * 0.6, [0.6, 0.48, 0.46]);
        });
    }
}

/// Lips, the gap between them, and teeth in it.
pub(super) fn mouth(canvas: &mut Canvas, identity: &Identity, variation: &Variation) {
    let edge = canvas.edge();
    let mouth = identity.mouth;
    let smile = variation.smile;
    let half = mouth.width * (1.0 + 0.3 * smile.max(0.0) - 0.12 * variation.mouth_open);
    let gape = 0.16 * variation.mouth_open;
    // Smiling thins the lips.
    let thin = 1.0 - 0.25 * smile.max(0.0);
    let area = canvas.face_area([0.0, mouth.height], [half * 1.2, 0.2 + gape]);
    canvas.paint(area, |pixel| {
        let [x, y] = pixel.face;
        let t = x / half;
        let arc = 1.0 - t * t;
        let y = y - mouth.height + 0.13 * smile * (t * t - 0.35);
        let gap = [-0.35 * gape * arc, 0.65 * gape * arc];
        let bow = 1.0 - 0.3 * (1.0 - (x.abs() / (0.3 * half))).max(0.0);
        let top = gap[0] - mouth.upper * thin * arc * bow;
        let bottom = gap[1] + mouth.lower * thin * arc * (1.0 + 0.3 * t * t);
        let sides = (t.abs() - 1.0) * half;
        let lips = edge.sharp((top - y).max(y - bottom).max(sides));
        if lips > 0.0 {
            let upper = if y < 0.5 * (gap[0] + gap[1]) { 0.78 } else { 1.04 };
            pixel.tint(lips * 0.85, scaled(identity.lips, upper));
            pixel.gloss += lips * 0.1;
        }
        let open = edge.sharp((gap[0] - y).max(y - gap[1]).max(sides));
        if gape > 0.0 && open > 0.0 {
            pixel.tint(open, [0.09, 0.02, 0.02]);
            let teeth = edge.sharp((y - gap[0] - 0.35 * gape - 0.015).max(t.abs() * half - 0.82 * half));
            pixel.tint(open * teeth * (0.4 + 0.6 * smile.clamp(0.0, 1.0)), [0.8, 0.77, 0.7]);
        }
        // Where the lips meet, and the corners.
        let line = edge.line(y - gap[0], 0.011) * edge.sharp(sides - 0.015);
        pixel.shade(line * 0.85, [0.3, 0.16, 0.16]);
        let below = [0.0, bottom + 0.05];
        pixel.shade(spot([x, y], below, [half * 0.75, 0.07]) * 0.4, [0.65, 0.55, 0.55]);
    });
}
