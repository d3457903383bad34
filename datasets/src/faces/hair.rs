//! Hair of the head and of the face.

use super::canvas::{Canvas, Surface};
use super::head::Outline;
use super::identity::{Hair, Identity};
use super::variation::Variation;
use crate::drawing::{mix, noise, scaled};

/// Strands: light and dark along the fall of the hair, tight rings for curls.
#[inline]
fn strands(hair: &Hair, [u, v]: [f32; 2]) -> f32 {
    let fan = (u - hair.parting) / (v + 2.2);
    let straight = noise(fan * 38.0, v * 1.6, hair.salt);
    let curly = noise(u * 11.0, v * 11.0, hair.salt ^ 1);
    0.68 + 0.55 * (straight + hair.curl * (curly - straight))
}

/// How far curls push an outline out or in.
#[inline]
fn ruffle(hair: &Hair, [u, v]: [f32; 2]) -> f32 {
    if hair.curl < 0.2 {
        return 0.0;
    }
    0.13 * hair.curl * (noise(u * 5.5, v * 5.5, hair.salt ^ 2) - 0.5)
}

/// What hangs behind the head and the neck, and a bun on top.
pub(super) fn back(canvas: &mut Canvas, identity: &Identity) {
    let hair = identity.hair;
    let edge = canvas.edge();
    if hair.bun > 0.0 {
        let centre = [-0.25 * canvas.pose.yaw[1], -1.0 - hair.bun * 0.75];
        canvas.paint(canvas.head_area(centre, [hair.bun * 1.2; 2]), |pixel| {
            let (x, y) = ((pixel.head[0] - centre[0]) / hair.bun, (pixel.head[1] - centre[1]) / hair.bun);
            let coverage = edge.sharp(((x * x + y * y).sqrt() - 1.0) * hair.bun);
            let colour = scaled(hair.colour, strands(&hair, [y, x]));
            pixel.cover(coverage, Surface { colour, normal: [0.8 * x, 0.8 * y], gloss: 0.12 });
        });
    }
    if hair.length > 0.0 {
        curtain(canvas, identity, 0.0, 0.55);
    }
}

/// What hangs in front of the shoulders, beside the face.
pub(super) fn locks(canvas: &mut Canvas, identity: &Identity) {
    if identity.hair.length > 0.0 {
        curtain(canvas, identity, 0.86 * identity.face_width, 1.0);
    }
}

/// Long hair, from the temples down, outside `inner` on both sides.
fn curtain(canvas: &mut Canvas, identity: &Identity, inner: f32, brightness: f32) {
    let hair = identity.hair;
    let edge = canvas.edge();
    let outer = identity.face_width + hair.width;
    let lean = -0.1 * canvas.pose.yaw[1];
    let area = canvas.head_area([lean, 0.5 * hair.length - 0.3], [outer + 0.3, 0.5 * hair.length + 0.6]);
    canvas.paint(area, |pixel| {
        let [u, v] = [pixel.head[0] - lean, pixel.head[1]];
        // Falls out to its full width at the ears, draws in at the ends.
        let fall = (v + 0.6).clamp(0.0, 1.0);
        let end = ((v - hair.length + 0.35) / 0.35).clamp(0.0, 1.0);
        let half = outer - (hair.width + 0.12 * (1.0 - fall)) * (1.0 - fall) - 0.12 * end * end;
        let side = u.abs() - half + ruffle(&hair, pixel.head);
        let tips = v - hair.length + 0.08 * noise(u * 14.0, 0.0, hair.salt ^ 3);
        // The inner edge opens downwards, round the cheek and past the neck.
        let inside = inner - 0.14 * (v - 0.3).max(0.0) - u.abs();
        let distance = side.max(tips).max(-0.55 - v);
        let distance = if inner > 0.0 { distance.max(inside) } else { distance };
        let coverage = edge.sharp(distance);
        if coverage > 0.0 {
            let across = (u / half).clamp(-1.0, 1.0);
            let colour = scaled(hair.colour, brightness * strands(&hair, pixel.head));
            let normal = [0.8 * across * across.abs(), -0.1];
            pixel.cover(coverage, Surface { colour, normal, gloss: 0.1 * brightness });
        }
    });
}

/// What grows on the skull, over the forehead's edge.
pub(super) fn cap(canvas: &mut Canvas, identity: &Identity) {
    let hair = identity.hair;
    if hair.density == 0.0 {
        return;
    }
    let edge = canvas.edge();
    let half = [identity.face_width + 0.8 * hair.volume, 1.0 + hair.volume];
    let middle = -0.02;
    let shaved = hair.density < 1.0;
    // Short hair lies close to the head about the ears, and ends there; long
    // hair goes on down beside the cheeks.
    let long = hair.length > 0.0;
    let closeness = if long { 0.0 } else { 0.65 * hair.volume * (1.0 - hair.curl) };
    let (ends, thinning) = if long { (hair.length.min(0.9), 0.02) } else { (0.08, 0.22) };
    // Hair that is turned away shows its side: the hairline moves with the
    // face, the outline does not.
    let (top, bottom) = (-half[1] - 0.1, ends + 0.15);
    let area = canvas.head_area([0.0, 0.5 * (top + bottom)], [half[0] + 0.15, 0.5 * (bottom - top)]);
    canvas.paint(area, |pixel| {
        let [u, v] = pixel.head;
        if v > bottom {
            return;
        }
        let close = ((v + 0.5) / 0.6).clamp(0.0, 1.0) * closeness;
        let (x, y) = (u / (half[0] - close), (v - middle) / half[1]);
        let radius = (x * x + y * y).sqrt();
        let outside = (radius - 1.0) * half[0] + ruffle(&hair, pixel.head);
        if outside > edge.grain {
            return;
        }
        let [across, down] = pixel.face;
        let from_parting = across - hair.parting;
        let fall = hair.sweep * from_parting.abs() / (0.25 + from_parting.abs()) * 0.5;
        let square = across * across;
        let jag = 0.05 * (noise(across * 16.0, 3.0, hair.salt ^ 4) - 0.5);
        let hairline = hair.hairline + fall + hair.temples * square * square + jag;
        let skin = down - hairline;
        let growth = edge.blurred(skin, if shaved { 0.1 } else { 0.02 }) * edge.blurred(v - ends, thinning);
        let coverage = edge.sharp(outside) * growth * hair.density;
        if coverage > 0.0 {
            let colour = scaled(hair.colour, strands(&hair, [u, v]));
            let normal = [0.85 * x * (0.4 + 0.6 * x.abs()), 0.85 * y * (0.4 + 0.6 * y.abs())];
            pixel.cover(coverage, Surface { colour, normal, gloss: if shaved { 0.02 } else { 0.14 } });
        }
        // Hair shades the skin under its edge.
        if !shaved {
            pixel.shade((1.0 - growth) * edge.blurred(skin - 0.02, 0.1) * 0.5, [0.6, 0.5, 0.5]);
        }
    });
}

/// Beard and moustache.
pub(super) fn beard(canvas: &mut Canvas, identity: &Identity, variation: &Variation, outline: &Outline) {
    let beard = identity.beard;
    if beard.chin == 0.0 && beard.moustache == 0.0 {
        return;
    }
    let edge = canvas.edge();
    let mouth = identity.mouth;
    let colour = scaled(mix(identity.hair.colour, identity.brows.colour, 0.5), 0.9);
    let salt = identity.hair.salt ^ 5;
    let gape = 0.1 * variation.mouth_open;
    let between = 0.5 * (identity.nose.bottom + mouth.height - mouth.upper) + 0.02;
    canvas.paint(canvas.face_area([0.0, 0.65], [identity.face_width, 0.75]), |pixel| {
        let [x, y] = pixel.face;
        if outline.distance(pixel.head) > edge.grain || y < 0.0 {
            return;
        }
        let grain = 0.75 + 0.5 * noise(x * 22.0, y * 14.0, salt);
        // Cheeks: outside an ellipse round mouth and nose, below the ears.
        let (dx, dy) = (x / (0.8 * identity.face_width), (y - 0.25) / (mouth.height - 0.1));
        let cheeks =
            edge.blurred((1.0 - (dx * dx + dy * dy).sqrt()) * 0.5, 0.08) * edge.blurred(0.12 - y, 0.1);
        // Chin: round the chin, below the lower lip.
        let (dx, dy) =
            (x / (mouth.width * 1.15), (y - identity.chin) / (identity.chin - mouth.height - 0.06));
        let chin = edge.blurred(((dx * dx + dy * dy).sqrt() - 1.0) * 0.3, 0.06);
        let lower_lip = mouth.height + mouth.lower + gape + 0.015;
        let chin = chin * edge.blurred(lower_lip - y, 0.02);
        // Moustache: over the upper lip, drooping at its ends.
        let t = x / (mouth.width * 1.15);
        let away = y - between - 0.1 * t * t;
        let moustache = edge.blurred(away.abs() - 0.055 * (1.0 - 0.5 * t * t), 0.03)
            * edge.blurred((t.abs() - 1.0) * mouth.width, 0.05);
        let coverage = (beard.cheeks * cheeks).max(beard.chin * chin).max(beard.moustache * moustache);
        pixel.tint((coverage * grain).min(0.95), colour);
        pixel.gloss *= 1.0 - coverage;
    });
}
