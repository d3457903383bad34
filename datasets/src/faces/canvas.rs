//! The drawing surface: pixels that know where on the head they lie, painted
//! layer over layer, lit at the end.
//!
//! Only additions, products, quotients and square roots are used, which every
//! machine rounds alike, so a face has the same bytes everywhere.

use super::pose::Pose;
use crate::drawing::Colour;

/// One pixel while drawn.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pixel {
    /// Place in the head's plane: across, and down; the head is from about
    /// -1 to 1 down, and turns and moves with roll, scale and shift.
    pub head: [f32; 2],
    /// Place on the face: as `head` when seen from the front, and turning
    /// with yaw and pitch.
    pub face: [f32; 2],
    /// What light the surface returns.
    pub colour: Colour,
    /// The surface's direction, across and down.
    pub normal: [f32; 2],
    /// How much it shines.
    pub gloss: f32,
    /// 1 where the light falls on it, 0 where it is seen as it is.
    pub lit: f32,
}

/// How a layer takes the light.
#[derive(Debug, Clone, Copy)]
pub(super) struct Surface {
    pub colour: Colour,
    pub normal: [f32; 2],
    pub gloss: f32,
}

impl Pixel {
    /// Lays a colour over what is there; the surface below keeps its form.
    #[inline]
    pub fn tint(&mut self, coverage: f32, colour: Colour) {
        for channel in 0..3 {
            self.colour[channel] += coverage * (colour[channel] - self.colour[channel]);
        }
    }

    /// Darkens (factors below 1) or brightens.
    #[inline]
    pub fn shade(&mut self, coverage: f32, factor: Colour) {
        for channel in 0..3 {
            self.colour[channel] *= 1.0 + coverage * (factor[channel] - 1.0);
        }
    }

    /// Lays a lit surface over what is there.
    #[inline]
    pub fn cover(&mut self, coverage: f32, surface: Surface) {
        self.tint(coverage, surface.colour);
        for axis in 0..2 {
            self.normal[axis] += coverage * (surface.normal[axis] - self.normal[axis]);
        }
        self.gloss += coverage * (surface.gloss - self.gloss);
        self.lit += coverage * (1.0 - self.lit);
    }

    /// Lays a colour that no light changes over what is there.
    #[inline]
    pub fn glow(&mut self, coverage: f32, colour: Colour) {
        self.tint(coverage, colour);
        self.lit -= coverage * self.lit;
    }
}

/// A rectangle of pixels.
#[derive(Debug, Clone, Copy)]
pub(super) struct Area {
    rows: [usize; 2],
    columns: [usize; 2],
}

/// The square being drawn.
pub(super) struct Canvas {
    pub side: usize,
    pub pixels: Vec<Pixel>,
    pub pose: Pose,
    /// The width of a pixel in the head's units.
    pub grain: f32,
}

impl Canvas {
    pub fn new(side: usize, pose: Pose) -> Self {
        let step = 2.0 / side as f32;
        let place = |number: usize| (number as f32 + 0.5) * step - 1.0;
        let mut pixels = Vec::with_capacity(side * side);
        for row in 0..side {
            for column in 0..side {
                let head = pose.screen_to_head([place(column), place(row)]);
                let face = pose.head_to_face(head);
                pixels.push(Pixel { head, face, colour: [0.0; 3], normal: [0.0; 2], gloss: 0.0, lit: 0.0 });
            }
        }
        Self { side, pixels, grain: step / pose.scale, pose }
    }

    /// Everything.
    pub fn whole(&self) -> Area {
        Area { rows: [0, self.side], columns: [0, self.side] }
    }

    /// What holds the rectangle about a centre in the head's plane.
    pub fn head_area(&self, centre: [f32; 2], half: [f32; 2]) -> Area {
        let [across, down] = self.pose.head_to_screen(centre);
        let reach = |along: f32, other: f32| {
            (along * self.pose.roll[0] + other * self.pose.roll[1].abs()) * self.pose.scale
        };
        let bounds = |centre: f32, reach: f32| {
            let pixel = |place: f32| (place + 1.0) * 0.5 * self.side as f32;
            let clip = |place: f32| place.clamp(0.0, self.side as f32) as usize;
            [clip(pixel(centre - reach)), clip(pixel(centre + reach) + 1.0)]
        };
        Area { rows: bounds(down, reach(half[1], half[0])), columns: bounds(across, reach(half[0], half[1])) }
    }

    /// What holds the rectangle about a centre on the face.
    pub fn face_area(&self, centre: [f32; 2], half: [f32; 2]) -> Area {
        // Turned surfaces are seen compressed, except near the far edge of
        // the head, where the map bends: a tenth more holds it.
        let margin = 0.03 + self.grain;
        self.head_area(self.pose.face_to_head(centre), half.map(|length| length * 1.1 + margin))
    }

    /// Calls `paint` on every pixel of an area.
    #[inline]
    pub fn paint(&mut self, area: Area, mut paint: impl FnMut(&mut Pixel)) {
        let [left, right] = area.columns;
        for row in area.rows[0]..area.rows[1] {
            for pixel in &mut self.pixels[row * self.side + left..row * self.side + right] {
                paint(pixel);
            }
        }
    }

    /// How edges are drawn at this size.
    pub fn edge(&self) -> Edge {
        Edge { per_unit: 1.0 / self.grain, grain: self.grain }
    }
}

/// Turns distances into coverage without jags.
#[derive(Debug, Clone, Copy)]
pub(super) struct Edge {
    per_unit: f32,
    pub grain: f32,
}

impl Edge {
    /// Coverage of a pixel at a distance from an edge, below zero inside.
    #[inline]
    pub fn sharp(self, distance: f32) -> f32 {
        (0.5 - distance * self.per_unit).clamp(0.0, 1.0)
    }

    /// The same for an edge blurred over `width`.
    #[inline]
    pub fn blurred(self, distance: f32, width: f32) -> f32 {
        let t = (0.5 - distance / (width + self.grain)).clamp(0.0, 1.0);
        t * t * (3.0 - 2.0 * t)
    }

    /// Coverage of a line of half-width `half` at `distance` from its middle:
    /// thinner than a pixel it pales instead of vanishing.
    #[inline]
    pub fn line(self, distance: f32, half: f32) -> f32 {
        self.sharp(distance.abs() - half) * (2.0 * half * self.per_unit).min(1.0)
    }
}

/// A soft spot: 1 in the middle of an ellipse, 0 at its edge and outside.
#[inline]
pub(super) fn spot(place: [f32; 2], centre: [f32; 2], half: [f32; 2]) -> f32 {
    let (x, y) = ((place[0] - centre[0]) / half[0], (place[1] - centre[1]) / half[1]);
    let inside = (1.0 - x * x - y * y).max(0.0);
    inside * inside
}
