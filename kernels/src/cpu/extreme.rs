//! Where the largest or smallest value lies.

use rayon::prelude::*;

use super::simd::{Kernel, Vector, dispatch};

/// Values a task handles.
const CHUNK: usize = 32 * 1024;

/// Which value is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extreme {
    /// The largest.
    Largest,
    /// The smallest.
    Smallest,
}

/// Whether `value` takes the place of `best`: only if it is beyond it, so the first of equal ones stays, and NaN beats
/// every number.
#[inline(always)]
fn beats(sign: f32, value: f32, best: f32) -> bool {
    sign * value > sign * best || (value.is_nan() && !best.is_nan())
}

struct Search<'a> {
    sign: f32,
    /// Rows of `best.len()` values.
    x: &'a [f32],
    /// The place of the first row.
    first: u32,
    best: &'a mut [f32],
    places: &'a mut [u32],
}

impl Kernel for Search<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let inner = self.best.len();
        self.best.copy_from_slice(&self.x[..inner]);
        self.places.fill(self.first);
        for (row, place) in self.x.chunks_exact(inner).zip(self.first..) {
            for ((value, best), found) in row.iter().zip(&mut *self.best).zip(&mut *self.places) {
                let better = beats(self.sign, *value, *best);
                *best = if better { *value } else { *best };
                *found = if better { place } else { *found };
            }
        }
    }
}

/// The place along the middle axis of the first largest (or smallest) value of `x`, of shape `(outer, middle, inner)`;
/// the first NaN if there is one.
///
/// # Panics
/// If the lengths do not fit or the middle axis is empty.
pub fn search_middle(x: &[f32], [outer, middle, inner]: [usize; 3], extreme: Extreme, places: &mut [u32]) {
    assert!(x.len() == outer * middle * inner && places.len() == outer * inner, "search_middle: lengths");
    assert!(middle > 0, "search_middle: no values to choose from");
    if places.is_empty() {
        return;
    }
    let sign = if extreme == Extreme::Largest { 1.0 } else { -1.0 };
    let plane = middle * inner;
    if plane <= CHUNK {
        let planes = (CHUNK / plane).max(1);
        places.par_chunks_mut(planes * inner).zip(x.par_chunks(planes * plane)).for_each(|(places, x)| {
            let mut best = vec![0.0; inner];
            for (places, x) in places.chunks_exact_mut(inner).zip(x.chunks_exact(plane)) {
                dispatch(Search { sign, x, first: 0, best: &mut best, places });
            }
        });
        return;
    }
    // Each task searches a block of rows; blocks are then compared in order.
    let rows = (CHUNK / inner).max(1);
    for (places, x) in places.chunks_exact_mut(inner).zip(x.chunks_exact(plane)) {
        let search = |(block, x): (usize, &[f32])| {
            let (mut best, mut places) = (vec![0.0; inner], vec![0; inner]);
            let first = (block * rows) as u32;
            dispatch(Search { sign, x, first, best: &mut best, places: &mut places });
            (best, places)
        };
        let parts: Vec<(Vec<f32>, Vec<u32>)> = x.par_chunks(rows * inner).enumerate().map(search).collect();
        let (mut best, found) = parts[0].clone();
        places.copy_from_slice(&found);
        for (values, found) in &parts[1..] {
            for i in 0..inner {
                if beats(sign, values[i], best[i]) {
                    (best[i], places[i]) = (values[i], found[i]);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_equal_values_is_found_in_small_and_large_planes() {
        for shape in [[5, 7, 3], [1, 1, 1], [2, 60_000, 1], [1, 30_000, 3], [40, 9, 1]] {
            let [outer, middle, inner] = shape;
            let x: Vec<f32> = (0..outer * middle * inner).map(|i| ((i * 7919) % 31) as f32).collect();
            for extreme in [Extreme::Largest, Extreme::Smallest] {
                let mut places = vec![0; outer * inner];
                search_middle(&x, shape, extreme, &mut places);
                for (at, &found) in places.iter().enumerate() {
                    let value = |m: usize| x[(at / inner * middle + m) * inner + at % inner];
                    let better = |a: f32, b: f32| if extreme == Extreme::Largest { a > b } else { a < b };
                    let expected =
                        (1..middle).fold(0, |best, m| if better(value(m), value(best)) { m } else { best });
                    assert_eq!(found as usize, expected, "{shape:?} {extreme:?}");
                }
            }
        }
    }

    #[test]
    fn nan_is_found() {
        let mut places = [0];
        for extreme in [Extreme::Largest, Extreme::Smallest] {
            search_middle(&[1.0, f32::NAN, f32::INFINITY, f32::NAN], [1, 4, 1], extreme, &mut places);
            assert_eq!(places, [1]);
        }
    }
}
