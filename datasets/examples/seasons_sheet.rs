//! Draws eight scenes in both seasons: `cargo run --release --example seasons_sheet -- FILE.png SIDE`.

use gobelin_datasets::domains::{Season, Seasons};
use gobelin_datasets::{Dataset, Picture};

fn main() {
    let mut words = std::env::args().skip(1);
    let file = words.next().expect("a file to write");
    let side: usize = words.next().and_then(|word| word.parse().ok()).unwrap_or(64);
    let scenes = 8;
    let mut pixels = vec![0; 2 * side * scenes * side * 3];
    for (row, season) in [Season::Summer, Season::Winter].into_iter().enumerate() {
        let seen = Seasons::new(season, 0..scenes as u64, side, 3);
        for column in 0..scenes {
            let picture = seen.sample(column).expect("drawing cannot fail").picture;
            for (line, values) in picture.pixels.chunks_exact(side * 3).enumerate() {
                let start = ((row * side + line) * scenes + column) * side * 3;
                pixels[start..start + side * 3].copy_from_slice(values);
            }
        }
    }
    let sheet = Picture::new(2 * side, scenes * side, 3, pixels);
    sheet.write_png(file.as_ref()).expect("the file can be written");
}
