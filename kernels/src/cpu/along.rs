//! Values of each row of a matrix at places of its own, and the adjoint.
//!
//! Places are whole numbers, exact up to 2^24: what is no place of a row has no value.

/// `out[r, j] = x[r, places[r, j]]`, 0 where there is no such place, for `x` of `rows` rows.
///
/// # Panics
/// If the lengths do not fit.
pub fn take_along(x: &[f32], rows: usize, places: &[f32], out: &mut [f32]) {
    assert_eq!(places.len(), out.len(), "take_along: lengths");
    let (columns, taken) = rows_of(rows, x, out);
    for (i, (out, &place)) in out.iter_mut().zip(places).enumerate() {
        let row = &x[i / taken * columns..][..columns];
        *out = place_in(place, columns).map_or(0.0, |place| row[place]);
    }
}

/// The adjoint of [`take_along`]: `out[r, places[r, j]] += x[r, j]` from zeros, in the order of `j`.
///
/// # Panics
/// If the lengths do not fit.
pub fn add_along(x: &[f32], rows: usize, places: &[f32], out: &mut [f32]) {
    assert_eq!(places.len(), x.len(), "add_along: lengths");
    let (columns, taken) = rows_of(rows, out, x);
    out.fill(0.0);
    for (i, (&x, &place)) in x.iter().zip(places).enumerate() {
        if let Some(place) = place_in(place, columns) {
            out[i / taken * columns + place] += x;
        }
    }
}

fn place_in(number: f32, columns: usize) -> Option<usize> {
    (number >= 0.0 && number < columns as f32).then_some(number as usize)
}

/// The lengths of the rows of both.
fn rows_of(rows: usize, whole: &[f32], taken: &[f32]) -> (usize, usize) {
    let fits = |x: &[f32]| if rows == 0 { x.is_empty() } else { x.len().is_multiple_of(rows) };
    assert!(fits(whole) && fits(taken), "values along {rows} rows: lengths");
    (whole.len() / rows.max(1), taken.len() / rows.max(1))
}
