//! Reading values at given places, and the adjoints: adding values up at given places.

use rayon::prelude::*;

/// Values a task handles.
const CHUNK: usize = 16 * 1024;

/// `out[o, i] = x[o, places[o, i], i]` for `x` of shape `(outer, middle, inner)`.
///
/// # Panics
/// If the lengths do not fit or a place is not below `middle`.
pub fn pick(x: &[f32], [outer, middle, inner]: [usize; 3], places: &[u32], out: &mut [f32]) {
    let fits = x.len() == outer * middle * inner && out.len() == outer * inner && places.len() == out.len();
    assert!(fits, "pick: lengths");
    out.par_chunks_mut(CHUNK).zip(places.par_chunks(CHUNK)).enumerate().for_each(|(chunk, (out, places))| {
        for (i, (out, &place)) in out.iter_mut().zip(places).enumerate() {
            let at = chunk * CHUNK + i;
            assert!((place as usize) < middle, "pick: place {place} of {middle}");
            *out = x[(at / inner * middle + place as usize) * inner + at % inner];
        }
    });
}

/// The adjoint of [`pick`]: `out`, of shape `(outer, middle, inner)`, is 0 except `out[o, places[o, i], i] = x[o, i]`.
///
/// # Panics
/// As [`pick`].
pub fn place(x: &[f32], [outer, middle, inner]: [usize; 3], places: &[u32], out: &mut [f32]) {
    let fits = out.len() == outer * middle * inner && x.len() == outer * inner && places.len() == x.len();
    assert!(fits, "place: lengths");
    if out.is_empty() {
        return;
    }
    let rows = CHUNK.div_ceil(middle * inner);
    let inputs = x.par_chunks(rows * inner).zip(places.par_chunks(rows * inner));
    out.par_chunks_mut(rows * middle * inner).zip(inputs).for_each(|(out, (x, places))| {
        out.fill(0.0);
        for (i, (&value, &place)) in x.iter().zip(places).enumerate() {
            assert!((place as usize) < middle, "place: place {place} of {middle}");
            out[(i / inner * middle + place as usize) * inner + i % inner] = value;
        }
    });
}

/// `out[i] = x[rows[i]]` for `x` with rows of `width` values.
///
/// # Panics
/// If the lengths do not fit or a row is not there.
pub fn gather_rows(x: &[f32], width: usize, rows: &[u32], out: &mut [f32]) {
    assert!(out.len() == rows.len() * width, "gather_rows: lengths");
    if out.is_empty() {
        return;
    }
    let count = CHUNK.div_ceil(width);
    out.par_chunks_mut(count * width).zip(rows.par_chunks(count)).for_each(|(out, rows)| {
        if width == 1 {
            for (out, &row) in out.iter_mut().zip(rows) {
                *out = x[row as usize];
            }
        } else {
            for (out, &row) in out.chunks_exact_mut(width).zip(rows) {
                out.copy_from_slice(&x[row as usize * width..][..width]);
            }
        }
    });
}

/// The adjoint of [`gather_rows`]: `out[rows[i]] += x[i]` from zeros, in the order of `i`.
///
/// # Panics
/// As [`gather_rows`].
pub fn scatter_add_rows(x: &[f32], width: usize, rows: &[u32], out: &mut [f32]) {
    assert!(x.len() == rows.len() * width, "scatter_add_rows: lengths");
    if width == 0 || out.is_empty() {
        assert!(x.is_empty(), "scatter_add_rows: rows of nothing");
        return;
    }
    let count = out.len() / width;
    if let Some(beyond) = rows.iter().find(|&&row| row as usize >= count) {
        panic!("scatter_add_rows: row {beyond} of {count}");
    }
    // A task owns a range of output rows and looks through all indices, which pays while rows are longer than the
    // number of tasks.
    const TASKS: usize = 16;
    let range = if width < TASKS { count } else { CHUNK.div_ceil(width).max(count.div_ceil(TASKS)) };
    out.par_chunks_mut(range * width).enumerate().for_each(|(task, out)| {
        out.fill(0.0);
        let first = task * range;
        for (x, &row) in x.chunks_exact(width).zip(rows) {
            let row = row as usize;
            if (first..first + range).contains(&row) {
                for (sum, value) in out[(row - first) * width..][..width].iter_mut().zip(x) {
                    *sum += value;
                }
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn picked_and_placed() {
        let x: Vec<f32> = (0..12).map(|v| v as f32).collect();
        let mut out = [0.0; 4];
        pick(&x, [2, 3, 2], &[2, 0, 1, 1], &mut out);
        assert_eq!(out, [4.0, 1.0, 8.0, 9.0]);
        let mut back = [9.0; 12];
        place(&out, [2, 3, 2], &[2, 0, 1, 1], &mut back);
        assert_eq!(back, [0., 1., 0., 0., 4., 0., 0., 0., 8., 9., 0., 0.]);
    }

    #[test]
    fn rows_add_up_in_every_task() {
        for width in [1, 3, 40] {
            let count = 1500;
            let rows: Vec<u32> = (0..4000).map(|i| i * 7919 % 1300).collect();
            let x: Vec<f32> = (0..4000 * width).map(|i| (i % 13) as f32).collect();
            let mut expected = vec![0.0; count * width];
            for (i, &row) in rows.iter().enumerate() {
                for c in 0..width {
                    expected[row as usize * width + c] += x[i * width + c];
                }
            }
            let mut out = vec![9.0; count * width];
            scatter_add_rows(&x, width, &rows, &mut out);
            assert_eq!(out, expected);
            let mut back = vec![0.0; x.len()];
            gather_rows(&out, width, &rows, &mut back);
            assert!(back.chunks(width).zip(&rows).all(|(b, &r)| b == &out[r as usize * width..][..width]));
        }
    }

    #[test]
    #[should_panic(expected = "row 5 of 5")]
    fn a_row_that_is_not_there_is_named() {
        scatter_add_rows(&[1.0], 1, &[5], &mut [0.0; 5]);
    }
}
