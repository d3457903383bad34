//! Where the head is and which way it looks.

use super::identity::Identity;
use super::variation::Variation;

/// Maps between the picture, the head's plane and the face.
///
/// The skull is a vertical ellipsoid whose level sections are circles, seen
/// from far away: turning it moves features across it, narrows them towards
/// the far side, and leaves its outline.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pose {
    /// Cosine and sine.
    pub roll: [f32; 2],
    /// Cosine and sine; above zero looks to the right of the picture.
    pub yaw: [f32; 2],
    /// Cosine and sine; above zero looks down.
    pub pitch: [f32; 2],
    /// Half the head's height, where the picture goes from -1 to 1.
    pub scale: f32,
    /// Where the head's middle is in the picture.
    pub shift: [f32; 2],
    /// Half the head's width.
    pub radius: f32,
}

/// Half the height of the ellipsoid the face lies on.
const HALF_HEIGHT: f32 = 1.1;

/// Cosine and sine of the angle whose half has this tangent: exact arithmetic
/// where sines are not.
fn turn(half_tangent: f32) -> [f32; 2] {
    let square = half_tangent * half_tangent;
    [(1.0 - square) / (1.0 + square), 2.0 * half_tangent / (1.0 + square)]
}

impl Pose {
    pub fn new(identity: &Identity, variation: &Variation) -> Self {
        Self {
            roll: turn(variation.roll),
            yaw: turn(variation.yaw),
            pitch: turn(variation.pitch),
            scale: variation.scale,
            shift: variation.shift,
            radius: identity.face_width,
        }
    }

    pub fn screen_to_head(&self, [x, y]: [f32; 2]) -> [f32; 2] {
        let (x, y) = ((x - self.shift[0]) / self.scale, (y - self.shift[1]) / self.scale);
        let [cos, sin] = self.roll;
        [x * cos + y * sin, y * cos - x * sin]
    }

    pub fn head_to_screen(&self, [u, v]: [f32; 2]) -> [f32; 2] {
        let [cos, sin] = self.roll;
        [(u * cos - v * sin) * self.scale + self.shift[0], (u * sin + v * cos) * self.scale + self.shift[1]]
    }

    /// How far the skull comes towards the viewer.
    fn depth(&self, [u, v]: [f32; 2]) -> f32 {
        let level = v / HALF_HEIGHT;
        (self.radius * self.radius * (1.0 - level * level) - u * u).max(0.0).sqrt()
    }

    pub fn head_to_face(&self, head: [f32; 2]) -> [f32; 2] {
        let depth = self.depth(head);
        let across = head[0] * self.yaw[0] - depth * self.yaw[1];
        let depth = head[0] * self.yaw[1] + depth * self.yaw[0];
        [across, head[1] * self.pitch[0] - depth * self.pitch[1]]
    }

    /// The inverse of `head_to_face` on the near side.
    pub fn face_to_head(&self, face: [f32; 2]) -> [f32; 2] {
        let depth = self.depth(face);
        let down = face[1] * self.pitch[0] + depth * self.pitch[1];
        [face[0] * self.yaw[0] + depth * self.yaw[1], down]
    }
}
