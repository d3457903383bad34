//! Draws a sheet of faces, a person a row: `faces_sheet SIZE ROWS COLUMNS OUT.png [FIRST]`.

use gobelin_datasets::{DataError, Faces, FacesOptions, Picture};
use std::path::Path;

fn main() -> Result<(), DataError> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |place: usize, default: usize| {
        arguments.get(place).and_then(|text| text.parse().ok()).unwrap_or(default)
    };
    let (size, rows, columns) = (number(0, 64), number(1, 8), number(2, 8));
    let out = arguments.get(3).map_or("faces.png", String::as_str);
    let first = number(4, 0) as u64;
    let faces = Faces::new(FacesOptions {
        size,
        channels: 3,
        identities: first..first + rows as u64,
        per_identity: columns,
        seed: 0,
    });
    let mut sheet = vec![0; rows * columns * size * size * 3];
    for row in 0..rows {
        for column in 0..columns {
            let face = faces.draw(first + row as u64, column as u64);
            for (line, pixels) in face.pixels.chunks_exact(size * 3).enumerate() {
                let start = ((row * size + line) * columns + column) * size * 3;
                sheet[start..start + size * 3].copy_from_slice(pixels);
            }
        }
    }
    Picture::new(rows * size, columns * size, 3, sheet).write_png(Path::new(out))
}
