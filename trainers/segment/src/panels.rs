//! Pictures, masks and answers side by side.

use gobelin_datasets::Picture;
use gobelin_harness::Grid;

/// Colours of what is right, of what was added and of what was missed.
const RIGHT: [u8; 3] = [255; 3];
const ADDED: [u8; 3] = [230, 60, 50];
const MISSED: [u8; 3] = [60, 130, 255];

/// Rows of pictures of one size.
#[derive(Default)]
pub struct Panels {
    pixels: Vec<u8>,
    count: usize,
    size: [usize; 2],
}

impl Panels {
    /// Adds a picture.
    pub fn picture(&mut self, picture: &Picture) {
        self.size = [picture.height, picture.width];
        self.count += 1;
        self.pixels.extend(picture.clone().into_channels(3).pixels);
    }

    /// Adds probabilities, from black to white.
    pub fn probabilities(&mut self, values: &[f32], like: &Picture) {
        let grey = values.iter().map(|value| (value * 255.0 + 0.5) as u8).collect();
        self.picture(&Picture::new(like.height, like.width, 1, grey));
    }

    /// Adds a mask compared with the true one: white where both are set, red where only it is, blue where only the truth is.
    pub fn verdict(&mut self, found: &[bool], truth: &[bool], like: &Picture) {
        let colour = |(found, truth): (&bool, &bool)| match (found, truth) {
            (true, true) => RIGHT,
            (true, false) => ADDED,
            (false, true) => MISSED,
            (false, false) => [0; 3],
        };
        let pixels = found.iter().zip(truth).flat_map(colour).collect();
        self.picture(&Picture::new(like.height, like.width, 3, pixels));
    }

    /// All of them, `columns` in a row.
    pub fn grid(self, name: &str, columns: usize) -> Grid {
        let [height, width] = self.size;
        Grid::bytes(name, [self.count, height, width, 3], self.pixels).columns(columns)
    }
}
