//! U-Net's pixel weights, which make a network learn the thin gaps between touching objects.
//!
//! `w = w_class + w0 exp(-(d1 + d2)^2 / (2 sigma^2))`, with `d1` and `d2` the distances in pixels to the nearest two objects.
//!
//! What it is for: the weights of [`crate::pixel_weight_cross_entropy`], made once for each label image.
//!
//! When it fails: `sigma` must fit the gaps: with the paper's 5 pixels, a gap of 10 weighs `w0 exp(-2)`, a seventh of what
//! touching objects do. It knows nothing of how thick a wall is drawn, only where it lies.
//!
//! Source: Ronneberger et al. 2015 (U-Net), equation 2.

use rayon::prelude::*;

/// The weights `w = w_class + w0 * exp(-(d1 + d2)^2 / (2 sigma^2))` of Ronneberger et al. 2015, equation 2, for
/// `pixel-weight-cross-entropy`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct UnetWeightMap {
    /// The weight added where two objects touch: 10.
    pub w0: f32,
    /// How far it reaches, in pixels: 5.
    pub sigma: f32,
    /// The weights of background and objects, which balance their frequencies: 1 and 1.
    pub class_weights: [f32; 2],
}

impl Default for UnetWeightMap {
    fn default() -> Self {
        Self { w0: 10.0, sigma: 5.0, class_weights: [1.0, 1.0] }
    }
}

impl UnetWeightMap {
    /// The weights of a label image of (H, W): 0 is background, every other number an object.
    ///
    /// d1 and d2 are the distances in pixels, centre to centre, to the nearest pixel of the nearest and of the second
    /// nearest object; d1 is 0 inside an object. With fewer than two objects there is no gap, and only the class weights are left.
    ///
    /// # Panics
    /// If the labels are no whole rows of `width`.
    #[track_caller]
    pub fn of_labels(&self, labels: &[u32], width: usize) -> Vec<f32> {
        assert!(
            width > 0 && labels.len().is_multiple_of(width),
            "weight map: labels are no whole rows of {width}"
        );
        let columns = nearest_in_columns(labels, width);
        let mut weights = vec![0.0; labels.len()];
        let rows = weights.par_chunks_mut(width).zip(columns.par_chunks(width)).zip(labels.par_chunks(width));
        rows.for_each(|((weights, nearest), labels)| {
            for (x, weight) in weights.iter_mut().enumerate() {
                let [d1, d2] = nearest_in_row(nearest, x).0.map(|object| object.square.sqrt());
                let gap = (-(d1 + d2).powi(2) / (2.0 * self.sigma * self.sigma)).exp();
                *weight = self.class_weights[usize::from(labels[x] != 0)] + self.w0 * gap;
            }
        });
        weights
    }
}

/// An object, and the square of its distance in pixels.
#[derive(Clone, Copy)]
struct Object {
    label: u32,
    square: f32,
}

/// The two nearest objects found so far, the nearer first.
#[derive(Clone, Copy)]
struct NearestTwo([Object; 2]);

impl NearestTwo {
    const NONE: Self = Self([Object { label: 0, square: f32::INFINITY }; 2]);

    fn meet(&mut self, new: Object) {
        let [first, second] = &mut self.0;
        if new.square < first.square {
            if new.label != first.label {
                *second = *first;
            }
            *first = new;
        } else if new.square < second.square && new.label != first.label {
            *second = new;
        }
    }
}

/// For each pixel, the two nearest objects among the pixels of its own column. No third one can be among the two nearest of a
/// pixel elsewhere in the row, since these two would be nearer.
fn nearest_in_columns(labels: &[u32], width: usize) -> Vec<NearestTwo> {
    let height = labels.len() / width;
    let mut nearest = vec![NearestTwo::NONE; labels.len()];
    let mut sweep = |rows: &mut dyn Iterator<Item = usize>| {
        // The last two objects passed in each column, the later first, and the rows where they were last seen.
        let mut passed = vec![[(0u32, 0usize); 2]; width];
        for y in rows {
            for (x, last) in passed.iter_mut().enumerate() {
                let label = labels[y * width + x];
                if label != 0 {
                    if label != last[0].0 {
                        last[1] = last[0];
                    }
                    last[0] = (label, y);
                }
                for &(label, row) in last.iter().filter(|&&(label, _)| label != 0) {
                    let square = (row.abs_diff(y) as f32).powi(2);
                    nearest[y * width + x].meet(Object { label, square });
                }
            }
        }
    };
    sweep(&mut (0..height));
    sweep(&mut (0..height).rev());
    nearest
}

/// The two objects nearest to column `x`, given those of each column. Searches outward and ends as soon as columns alone are
/// farther than both.
fn nearest_in_row(columns: &[NearestTwo], x: usize) -> NearestTwo {
    let mut found = columns[x];
    for step in 1..columns.len() {
        let square = (step as f32).powi(2);
        if square >= found.0[1].square {
            break;
        }
        let (left, right) = (x.checked_sub(step), Some(x + step).filter(|&at| at < columns.len()));
        for at in left.into_iter().chain(right) {
            for object in columns[at].0.iter().filter(|object| object.label != 0) {
                found.meet(Object { label: object.label, square: object.square + square });
            }
        }
    }
    found
}
