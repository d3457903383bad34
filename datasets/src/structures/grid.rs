//! Things strewn over the squares of a grid.

use crate::drawing::floor;

/// The most that things in the nine squares about a place have there, and in which square the thing lies. `amount` is given
/// a square and the place, in units of the grid from the square's corner; a thing reaches one square far.
pub(super) fn most_around(
    place: [f32; 2],
    grid: f32,
    amount: impl Fn([i32; 2], [f32; 2]) -> f32,
) -> (f32, [i32; 2]) {
    let [x, y] = place.map(|along| along / grid);
    let (column, row) = (floor(x), floor(y));
    let mut most = (0.0, [column, row]);
    for row in row - 1..=row + 1 {
        for column in column - 1..=column + 1 {
            let found = amount([column, row], [x - column as f32, y - row as f32]);
            if found > most.0 {
                most = (found, [column, row]);
            }
        }
    }
    most
}
