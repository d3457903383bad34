//! Draws structures beside their masks: `structures_sheet membranes|roads SIZE FILE.png`.

use std::path::Path;

use gobelin_datasets::{DataError, Picture, Structure};

/// Pictures a row, each with its mask on its right, and rows.
const COLUMNS: usize = 4;
const ROWS: usize = 5;

fn main() -> Result<(), DataError> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let word = |place: usize, default: &str| words.get(place).map_or(default, String::as_str).to_owned();
    let structure = if word(0, "membranes") == "roads" { Structure::Roads } else { Structure::Membranes };
    let size: usize = word(1, "96").parse().unwrap_or(96);
    let width = 2 * COLUMNS * size * 3;
    let mut pixels = vec![0; ROWS * size * width];
    for number in 0..COLUMNS * ROWS {
        let (picture, mask) = structure.draw(number as u64, size);
        let (top, left) = (number / COLUMNS * size, number % COLUMNS * 2 * size * 3);
        for (at, part) in [picture, mask].into_iter().enumerate() {
            for (row, line) in part.into_channels(3).pixels.chunks_exact(size * 3).enumerate() {
                let start = (top + row) * width + left + at * size * 3;
                pixels[start..start + size * 3].copy_from_slice(line);
            }
        }
    }
    let sheet = Picture::new(ROWS * size, width / 3, 3, pixels);
    sheet.write_png(Path::new(&word(2, "structures.png")))
}
