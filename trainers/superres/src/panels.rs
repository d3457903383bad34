//! Pictures side by side.

use gobelin_datasets::Picture;
use gobelin_harness::Grid;

/// Pictures of one size, row by row, as a grid.
///
/// # Panics
/// If there are none, or of different sizes.
#[track_caller]
pub fn grid(name: &str, rows: &[Vec<Picture>]) -> Grid {
    let [height, width] = [rows[0][0].height, rows[0][0].width];
    let pixels: Vec<u8> =
        rows.iter().flatten().flat_map(|picture| picture.clone().into_channels(3).pixels).collect();
    let columns = rows[0].len();
    Grid::bytes(name, [rows.len() * columns, height, width, 3], pixels).columns(columns)
}

/// A picture whose pixels are shown as squares of `factor` pixels a side.
pub fn magnified(picture: &Picture, factor: usize) -> Picture {
    let line = picture.width * picture.channels;
    let mut pixels = Vec::with_capacity(picture.pixels.len() * factor * factor);
    for row in picture.pixels.chunks_exact(line) {
        let wide: Vec<u8> =
            row.chunks_exact(picture.channels).flat_map(|pixel| pixel.repeat(factor)).collect();
        (0..factor).for_each(|_| pixels.extend_from_slice(&wide));
    }
    Picture::new(factor * picture.height, factor * picture.width, picture.channels, pixels)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pixels_become_squares() {
        let large = magnified(&Picture::new(1, 2, 3, vec![1, 2, 3, 4, 5, 6]), 2);
        assert_eq!((large.height, large.width), (2, 4));
        assert_eq!(large.pixels, [[1, 2, 3], [1, 2, 3], [4, 5, 6], [4, 5, 6]].repeat(2).concat());
    }
}
