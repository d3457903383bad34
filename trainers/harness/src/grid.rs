//! Grids of pictures, as the samples a model makes are shown.

use std::io::Cursor;

/// White pixels between pictures.
const GAP: usize = 2;

/// Pictures side by side under one name.
#[derive(Clone, Debug)]
pub struct Grid {
    name: String,
    count: usize,
    height: usize,
    width: usize,
    channels: usize,
    columns: usize,
    pixels: Vec<u8>,
}

/// A grid as a PNG file.
#[derive(Clone, Debug)]
pub struct Png {
    /// The file's bytes.
    pub bytes: Vec<u8>,
    /// Height in pixels.
    pub height: usize,
    /// Width in pixels.
    pub width: usize,
    /// 1 for grey, 3 for red, green and blue.
    pub channels: usize,
}

impl Grid {
    /// Pictures of numbers from -1 (black) to 1 (white), what lies outside cut
    /// off. `shape` is (N,H,W,C) with C 1 or 3.
    #[track_caller]
    pub fn signed(name: impl Into<String>, shape: [usize; 4], pixels: &[f32]) -> Grid {
        // `as u8` cuts off at 0 and 255 and makes NaN black.
        Grid::bytes(name, shape, pixels.iter().map(|v| ((v + 1.0) * 127.5).round() as u8).collect())
    }

    /// Pictures of bytes. `shape` is (N,H,W,C) with C 1 or 3.
    #[track_caller]
    pub fn bytes(name: impl Into<String>, shape: [usize; 4], pixels: Vec<u8>) -> Grid {
        let [count, height, width, channels] = shape;
        assert!(
            pixels.len() == shape.iter().product::<usize>()
                && !pixels.is_empty()
                && matches!(channels, 1 | 3),
            "grid: {} pixels do not make pictures (N,H,W,C) = {shape:?} with C 1 or 3",
            pixels.len()
        );
        let columns = count.isqrt() + usize::from(count.isqrt().pow(2) < count);
        Grid { name: name.into(), count, height, width, channels, columns, pixels }
    }

    /// Sets how many pictures are in a row; without it the grid is square.
    #[track_caller]
    pub fn columns(mut self, columns: usize) -> Grid {
        assert!(columns > 0, "grid: 0 columns, expected 1 or more");
        self.columns = columns;
        self
    }

    /// The grid's name, which becomes a file's.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The whole grid as a PNG file.
    pub fn png(&self) -> Png {
        let columns = self.columns.min(self.count);
        let rows = self.count.div_ceil(columns);
        let height = rows * (self.height + GAP) - GAP;
        let width = columns * (self.width + GAP) - GAP;
        let line = self.width * self.channels;
        let mut canvas = vec![255; height * width * self.channels];
        for (index, picture) in self.pixels.chunks_exact(self.height * line).enumerate() {
            let top = index / columns * (self.height + GAP);
            let left = index % columns * (self.width + GAP);
            for (row, pixels) in picture.chunks_exact(line).enumerate() {
                let start = ((top + row) * width + left) * self.channels;
                canvas[start..start + line].copy_from_slice(pixels);
            }
        }
        let color = if self.channels == 1 { image::ColorType::L8 } else { image::ColorType::Rgb8 };
        let mut bytes = Cursor::new(Vec::new());
        let format = image::ImageFormat::Png;
        image::write_buffer_with_format(&mut bytes, &canvas, width as u32, height as u32, color, format)
            .expect("pixels in memory make a PNG");
        Png { bytes: bytes.into_inner(), height, width, channels: self.channels }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_lie_row_by_row_with_white_between() {
        let pixels: Vec<u8> = (0..3).flat_map(|n| vec![n * 10; 2]).collect();
        let png = Grid::bytes("g", [3, 1, 2, 1], pixels).png();
        assert_eq!((png.height, png.width, png.channels), (4, 6, 1));
        let decoded = image::load_from_memory(&png.bytes).unwrap().into_luma8();
        #[rustfmt::skip]
        assert_eq!(decoded.as_raw(), &[
              0,   0, 255, 255,  10,  10,
            255, 255, 255, 255, 255, 255,
            255, 255, 255, 255, 255, 255,
             20,  20, 255, 255, 255, 255,
        ]);
    }

    #[test]
    fn numbers_become_bytes() {
        let values = [-1.0, 0.0, 1.0, -7.0, 7.0, f32::NAN];
        let png = Grid::signed("g", [2, 1, 1, 3], &values).columns(1).png();
        let decoded = image::load_from_memory(&png.bytes).unwrap().into_rgb8();
        assert_eq!(decoded.get_pixel(0, 0).0, [0, 128, 255]);
        assert_eq!(decoded.get_pixel(0, 3).0, [0, 255, 0]);
    }
}
