//! Skin: the head's outline and relief, ears and neck.

use super::canvas::{Canvas, Edge, Surface, spot};
use super::identity::Identity;
use super::variation::Variation;
use crate::drawing::scaled;

/// Where the head is widest.
const CHEEK: f32 = -0.05;

/// The head's outline in its plane.
#[derive(Debug, Clone, Copy)]
pub(super) struct Outline {
    width: f32,
    chin: f32,
    taper: f32,
    square: f32,
    /// How far turning moves the chin sideways, and nodding up and down.
    lean: f32,
    drop: f32,
}

impl Outline {
    pub fn new(identity: &Identity, canvas: &Canvas, variation: &Variation) -> Self {
        Self {
            width: identity.face_width,
            // An open mouth lowers the chin.
            chin: identity.chin + 0.07 * variation.mouth_open,
            taper: identity.jaw_taper,
            square: identity.jaw_square.min(0.9),
            lean: 0.3 * canvas.pose.yaw[1],
            drop: 0.12 * canvas.pose.pitch[1],
        }
    }

    /// Distance from the outline, below zero inside: the implicit curve over
    /// its gradient, right to first order near the edge.
    #[inline]
    pub fn distance(&self, [u, v]: [f32; 2]) -> f32 {
        let below = v - CHEEK;
        let (reach, slope, half, half_slope, u) = if below < 0.0 {
            let height = 1.0 + CHEEK;
            let t = below / height;
            (t * t, 2.0 * t / height, self.width, 0.0, u)
        } else {
            let height = self.chin + self.drop - CHEEK;
            let t = below / height;
            let (t2, t4) = (t * t, t * t * t * t);
            let reach = t2 + self.square * (t4 - t2);
            let slope = (2.0 * t + self.square * (4.0 * t2 * t - 2.0 * t)) / height;
            let half = self.width * (1.0 - self.taper * t2 / (0.6 + t2));
            let half_slope = -self.width * self.taper * 1.2 * t / ((0.6 + t2) * (0.6 + t2) * height);
            (reach, slope, half.max(0.2), half_slope, u - self.lean * t2)
        };
        let across = u / half;
        let value = across * across + reach - 1.0;
        let gradient = [2.0 * across / half, slope - 2.0 * across * across * half_slope / half];
        value / (gradient[0] * gradient[0] + gradient[1] * gradient[1] + 0.05).sqrt()
    }
}

/// Neck, from behind the jaw into the clothes.
pub(super) fn neck(canvas: &mut Canvas, identity: &Identity) {
    let edge = canvas.edge();
    let half = identity.neck_width;
    let skin = identity.skin;
    let middle = 0.12 * canvas.pose.yaw[1];
    let jaw = identity.chin;
    canvas.paint(canvas.head_area([middle, 1.3], [half * 1.5, 0.9]), |pixel| {
        let [u, v] = pixel.head;
        // The neck widens into the shoulders.
        let flare = (v - jaw - 0.15).max(0.0);
        let half = half + 0.8 * flare * flare;
        let across = (u - middle) / half;
        let coverage = edge.sharp((across.abs() - 1.0) * half) * edge.sharp(0.4 - v);
        if coverage > 0.0 {
            // The jaw shades the neck.
            let shadow = 0.45 + 0.55 * ((v - jaw) / 0.45).clamp(0.0, 1.0);
            let normal = [across * 0.85, 0.15];
            pixel.cover(coverage, Surface { colour: scaled(skin, shadow), normal, gloss: 0.0 });
        }
    });
}

/// Both ears, over the hair and behind the cheeks; the farther hides as the
/// head turns.
pub(super) fn ears(canvas: &mut Canvas, identity: &Identity, outline: &Outline) {
    let edge = canvas.edge();
    let half = [identity.ears * 0.52, identity.ears];
    for side in [-1.0, 1.0] {
        let hidden = (side * canvas.pose.yaw[1]).max(0.0);
        let turned = side * (identity.face_width * 0.99 - 0.16 * hidden);
        let centre = [turned + side * half[0] * 0.35, 0.1 - 0.25 * canvas.pose.pitch[1]];
        let reach = [half[0] * 1.2, half[1] * 1.2];
        canvas.paint(canvas.head_area(centre, reach), |pixel| {
            let (x, y) = ((pixel.head[0] - centre[0]) / half[0], (pixel.head[1] - centre[1]) / half[1]);
            // Narrower at the lobe.
            let x = x * (1.0 + 0.3 * y);
            let radius = (x * x + y * y).sqrt();
            let coverage = edge.sharp((radius - 1.0) * half[0]);
            if coverage > 0.0 {
                let coverage = coverage * edge.sharp(-0.03 - outline.distance(pixel.head));
                let hollow = spot([x, y], [-0.25 * side, -0.1], [0.75, 0.75]);
                let colour = [0.98, 0.9, 0.88];
                let colour = [0, 1, 2].map(|c| identity.skin[c] * colour[c] * (1.0 - 0.5 * hollow));
                let normal = [0.6 * side * radius, 0.4 * y];
                pixel.cover(coverage, Surface { colour, normal, gloss: 0.05 });
            }
        });
    }
}

/// The skin of the face, and its relief.
pub(super) fn face(canvas: &mut Canvas, identity: &Identity, variation: &Variation, outline: &Outline) {
    let edge = canvas.edge();
    let skin = identity.skin;
    let half = [identity.face_width, 1.0];
    canvas.paint(canvas.head_area([0.0, 0.05], [identity.face_width + 0.2, 1.2]), |pixel| {
        let coverage = edge.sharp(outline.distance(pixel.head));
        if coverage > 0.0 {
            // Flatter in front than a ball, as faces are.
            let bend = |along: f32| along * (0.5 + 0.45 * along.abs()).min(1.0);
            let normal = [bend(pixel.head[0] / half[0]), 0.8 * bend(pixel.head[1] / half[1])];
            pixel.cover(coverage, Surface { colour: skin, normal, gloss: 0.1 });
        }
    });
    relief(canvas, identity, variation);
    complexion(canvas, identity, variation, edge);
}

/// Raises (above zero) or sinks an ellipse of the face.
fn bump(canvas: &mut Canvas, centre: [f32; 2], half: [f32; 2], height: f32) {
    canvas.paint(canvas.face_area(centre, half), |pixel| {
        let (x, y) = ((pixel.face[0] - centre[0]) / half[0], (pixel.face[1] - centre[1]) / half[1]);
        let inside = 1.0 - x * x - y * y;
        if inside > 0.0 {
            // Down the gradient of height * inside^2.
            let slope = 4.0 * height * inside;
            pixel.normal[0] += slope * x / half[0];
            pixel.normal[1] += slope * y / half[1];
        }
    });
}

fn relief(canvas: &mut Canvas, identity: &Identity, variation: &Variation) {
    let (eyes, nose, mouth) = (identity.eyes, identity.nose, identity.mouth);
    let smile = variation.smile.max(0.0);
    for side in [-1.0, 1.0] {
        bump(canvas, [side * eyes.spacing * 0.95, eyes.height], [0.26, 0.2], -0.035);
        bump(canvas, [side * eyes.spacing, eyes.height - identity.brows.height], [0.26, 0.1], 0.012);
        let cheek = [side * 0.58 * identity.face_width, 0.3 - 0.04 * smile];
        bump(canvas, cheek, [0.26, 0.24], 0.018 * (0.4 + identity.cheekbones) + 0.02 * smile);
        let wing = [nose_middle(canvas, 1.0) + side * nose.width * 0.68, nose.bottom - 0.02];
        bump(canvas, wing, [nose.width * 0.5, 0.075], 0.012 * nose.height);
    }
    let top = eyes.height - 0.06;
    let length = nose.bottom - top;
    let bridge = [nose_middle(canvas, 0.5), top + 0.5 * length];
    bump(canvas, bridge, [nose.width * 0.62, length * 0.62], 0.03 * nose.height);
    let tip = [nose_middle(canvas, 1.0), nose.bottom - 0.06];
    bump(canvas, tip, [nose.width * 0.85, 0.12], 0.03 * nose.height);
    bump(canvas, [0.0, mouth.height], [mouth.width * 1.25, 0.16], 0.014);
    bump(canvas, [0.0, identity.chin - 0.15], [0.2, 0.13], 0.014);
}

/// Where the nose's ridge is seen, `down` of its way from root to tip: it
/// stands out, so turning moves it more than the skin around it.
pub(super) fn nose_middle(canvas: &Canvas, down: f32) -> f32 {
    0.16 * canvas.pose.yaw[1] * down
}

/// Shadows, blush and freckles that belong to the skin.
fn complexion(canvas: &mut Canvas, identity: &Identity, variation: &Variation, edge: Edge) {
    let (eyes, nose) = (identity.eyes, identity.nose);
    let smile = variation.smile.max(0.0);
    for side in [-1.0, 1.0] {
        let blush = [side * 0.6 * identity.face_width, 0.34];
        canvas.paint(canvas.face_area(blush, [0.24, 0.18]), |pixel| {
            pixel.shade(spot(pixel.face, blush, [0.24, 0.18]) * (0.5 + 0.4 * smile), [1.02, 0.8, 0.8]);
        });
        let socket = [side * eyes.spacing, eyes.height - 0.02];
        canvas.paint(canvas.face_area(socket, [0.27, 0.2]), |pixel| {
            pixel.shade(spot(pixel.face, socket, [0.27, 0.2]), [0.72, 0.64, 0.64]);
        });
        // From beside the nose to beside the mouth.
        let from = [side * (nose.width + 0.04), nose.bottom - 0.02];
        let to = [side * (identity.mouth.width + 0.12), identity.mouth.height - 0.02];
        let middle = [0.5 * (from[0] + to[0]), 0.5 * (from[1] + to[1])];
        canvas.paint(canvas.face_area(middle, [0.12, 0.2]), |pixel| {
            let share = ((pixel.face[1] - from[1]) / (to[1] - from[1])).clamp(0.0, 1.0);
            let away = pixel.face[0] - from[0] - share * share * (to[0] - from[0]);
            let fade = spot(pixel.face, middle, [0.5, 0.2]);
            pixel.shade(
                edge.blurred(away.abs() - 0.012, 0.04) * fade * (0.1 + 0.4 * smile),
                [0.75, 0.66, 0.66],
            );
        });
    }
    for &[x, y, radius, strength] in &identity.freckles {
        canvas.paint(canvas.face_area([x, y], [radius, radius]), |pixel| {
            let (dx, dy) = (pixel.face[0] - x, pixel.face[1] - y);
            let coverage = edge.sharp((dx * dx + dy * dy).sqrt() - radius);
            pixel.shade(coverage * strength, [0.45, 0.3, 0.25]);
        });
    }
}
