//! A picture of bytes: reading, writing, and the few things done to it before
//! a net sees it.

use std::io::Cursor;
use std::path::Path;

use image::imageops::{self, FilterType};
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader};

use crate::DataError;

/// A picture: rows of columns of channels, one byte each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// 1 for grey, 3 for RGB.
    pub channels: usize,
    /// `height * width * channels` bytes, 0 for none of a channel, 255 for all.
    pub pixels: Vec<u8>,
}

impl Picture {
    /// A picture of given bytes.
    ///
    /// # Panics
    /// When a side is zero, channels are neither 1 nor 3, or the bytes do not
    /// fill the shape.
    #[track_caller]
    pub fn new(height: usize, width: usize, channels: usize, pixels: Vec<u8>) -> Self {
        assert!(
            height > 0 && width > 0 && (channels == 1 || channels == 3),
            "Picture::new: {height}x{width}x{channels}, expected sides above zero and 1 or 3 channels"
        );
        assert!(
            pixels.len() == height * width * channels,
            "Picture::new: {} bytes for {height}x{width}x{channels}, expected {}",
            pixels.len(),
            height * width * channels
        );
        Self { height, width, channels, pixels }
    }

    /// A picture of a net's values, `height * width * channels` of them, -1
    /// for black and 1 for white; what lies outside is clipped.
    ///
    /// # Panics
    /// As [`Picture::new`].
    #[track_caller]
    pub fn from_signed(height: usize, width: usize, channels: usize, values: &[f32]) -> Self {
        let bytes = values.iter().map(|value| ((value + 1.0) * 127.5 + 0.5) as u8).collect();
        Self::new(height, width, channels, bytes)
    }

    /// The values of a net's picture: -1 for black and 1 for white, in the order of the bytes.
    pub fn signed(&self) -> Vec<f32> {
        // A division, for exactly -1 and 1 at the ends.
        self.pixels.iter().map(|byte| f32::from(*byte) / 127.5 - 1.0).collect()
    }

    /// Decodes a whole PNG or JPEG file.
    ///
    /// 16-bit samples are rounded to bytes, palettes and CMYK become RGB,
    /// transparent pixels are laid on white, and the camera's rotation is
    /// applied. A file that ends before its picture does is refused.
    ///
    /// # Errors
    /// The reason, in one line, without the file's name.
    pub fn decode(file: &[u8]) -> Result<Self, String> {
        let reader = ImageReader::new(Cursor::new(file)).with_guessed_format().map_err(|e| e.to_string())?;
        match reader.format() {
            Some(ImageFormat::Jpeg) => whole_jpeg(file)?,
            Some(ImageFormat::Png) => {}
            Some(other) => return Err(format!("holds a {other:?} picture")),
            None if file.is_empty() => return Err("is empty".into()),
            None => return Err("is no picture".into()),
        }
        let mut decoder = reader.into_decoder().map_err(|e| e.to_string())?;
        let orientation = decoder.orientation().map_err(|e| e.to_string())?;
        let mut picture = DynamicImage::from_decoder(decoder).map_err(|e| e.to_string())?;
        picture.apply_orientation(orientation);
        Ok(Self::from_decoded(picture))
    }

    /// Rows and columns of a PNG or JPEG file as [`Picture::read`] gives it, from its header alone.
    ///
    /// # Errors
    /// As [`Picture::read`], as far as the header shows it.
    pub fn size_of(path: &Path) -> Result<[usize; 2], DataError> {
        let refuse = |reason: String| DataError::picture(path, &reason);
        let reader = ImageReader::open(path).and_then(ImageReader::with_guessed_format);
        let reader = reader.map_err(|error| refuse(error.to_string()))?;
        let mut decoder = reader.into_decoder().map_err(|error| refuse(error.to_string()))?;
        let orientation = decoder.orientation().map_err(|error| refuse(error.to_string()))?;
        let [width, height] = <[u32; 2]>::from(decoder.dimensions()).map(|side| side as usize);
        let mut turned = DynamicImage::new_luma8(1, 2);
        turned.apply_orientation(orientation);
        Ok(if turned.width() == 1 { [height, width] } else { [width, height] })
    }

    fn from_decoded(picture: DynamicImage) -> Self {
        let (height, width) = (picture.height() as usize, picture.width() as usize);
        let on_white = |value: u8, alpha: u8| {
            let (value, alpha) = (u32::from(value), u32::from(alpha));
            ((value * alpha + 255 * (255 - alpha) + 127) / 255) as u8
        };
        match (picture.color().has_color(), picture.color().has_alpha()) {
            (false, false) => Self::new(height, width, 1, picture.into_luma8().into_raw()),
            (true, false) => Self::new(height, width, 3, picture.into_rgb8().into_raw()),
            (false, true) => {
                let pixels = picture.into_luma_alpha8().pixels().map(|p| on_white(p.0[0], p.0[1])).collect();
                Self::new(height, width, 1, pixels)
            }
            (true, true) => {
                let pixels = picture
                    .into_rgba8()
                    .pixels()
                    .flat_map(|p| [0, 1, 2].map(|channel| on_white(p.0[channel], p.0[3])))
                    .collect();
                Self::new(height, width, 3, pixels)
            }
        }
    }

    /// Reads a PNG or JPEG file, as [`Picture::decode`] does.
    ///
    /// # Errors
    /// [`DataError::Picture`] with the path and the reason.
    pub fn read(path: &Path) -> Result<Self, DataError> {
        let file = std::fs::read(path).map_err(|error| DataError::picture(path, &error.to_string()))?;
        Self::decode(&file).map_err(|reason| DataError::picture(path, &reason))
    }

    /// The picture as a PNG file's bytes.
    pub fn encode_png(&self) -> Vec<u8> {
        let colour = if self.channels == 1 { image::ColorType::L8 } else { image::ColorType::Rgb8 };
        let mut file = Cursor::new(Vec::new());
        image::write_buffer_with_format(
            &mut file,
            &self.pixels,
            self.width as u32,
            self.height as u32,
            colour,
            ImageFormat::Png,
        )
        .expect("bytes that fill their shape encode into memory");
        file.into_inner()
    }

    /// Writes a PNG file.
    ///
    /// # Errors
    /// [`DataError::System`] when the file cannot be written.
    pub fn write_png(&self, path: &Path) -> Result<(), DataError> {
        std::fs::write(path, self.encode_png()).map_err(|error| DataError::write(path, &error))
    }

    /// The same picture in grey (1) or RGB (3).
    ///
    /// Grey is the luma of ITU-R BT.601, `0.299 R + 0.587 G + 0.114 B`, as
    /// other picture libraries give; RGB of grey repeats it.
    ///
    /// # Panics
    /// When `channels` is neither 1 nor 3.
    #[track_caller]
    pub fn into_channels(self, channels: usize) -> Self {
        assert!(
            channels == 1 || channels == 3,
            "Picture::into_channels: {channels} channels, expected 1 or 3"
        );
        let pixels = match (self.channels, channels) {
            (3, 1) => self.pixels.chunks_exact(3).map(|rgb| luma(rgb[0], rgb[1], rgb[2])).collect(),
            (1, 3) => self.pixels.iter().flat_map(|grey| [*grey; 3]).collect(),
            _ => return self,
        };
        Self { channels, pixels, ..self }
    }

    /// The picture at another size, by the Catmull-Rom cubic, widened when
    /// shrinking so that nothing aliases.
    ///
    /// A polynomial filter, because the same bytes on every machine need one
    /// without sines.
    ///
    /// # Panics
    /// When a side is zero.
    #[track_caller]
    pub fn resize(&self, height: usize, width: usize) -> Self {
        assert!(height > 0 && width > 0, "Picture::resize: to {height}x{width}, expected sides above zero");
        if (height, width) == (self.height, self.width) {
            return self.clone();
        }
        let (from_width, from_height) = (self.width as u32, self.height as u32);
        let (to_width, to_height) = (width as u32, height as u32);
        let filter = FilterType::CatmullRom;
        let whole = "the bytes fill the shape";
        let pixels = if self.channels == 1 {
            let grey = image::GrayImage::from_raw(from_width, from_height, self.pixels.clone()).expect(whole);
            imageops::resize(&grey, to_width, to_height, filter).into_raw()
        } else {
            let rgb = image::RgbImage::from_raw(from_width, from_height, self.pixels.clone()).expect(whole);
            imageops::resize(&rgb, to_width, to_height, filter).into_raw()
        };
        Self { height, width, channels: self.channels, pixels }
    }

    /// The rectangle whose upper left corner is at `(top, left)`.
    ///
    /// # Panics
    /// When it does not lie in the picture.
    #[track_caller]
    pub fn crop(&self, top: usize, left: usize, height: usize, width: usize) -> Self {
        assert!(
            top + height <= self.height && left + width <= self.width,
            "Picture::crop: {height}x{width} at ({top}, {left}) of {}x{}, expected it inside",
            self.height,
            self.width
        );
        let (row, start, end) =
            (self.width * self.channels, left * self.channels, (left + width) * self.channels);
        let mut pixels = Vec::with_capacity(height * width * self.channels);
        for row in self.pixels.chunks_exact(row).skip(top).take(height) {
            pixels.extend_from_slice(&row[start..end]);
        }
        Self::new(height, width, self.channels, pixels)
    }

    /// The square of `side` pixels in the middle.
    ///
    /// # Panics
    /// When the picture is smaller.
    #[track_caller]
    pub fn centre_crop(&self, side: usize) -> Self {
        let (top, left) = (self.height.saturating_sub(side) / 2, self.width.saturating_sub(side) / 2);
        self.crop(top, left, side, side)
    }

    /// The picture continued below and to the right by mirroring it at its edges, which are not repeated.
    ///
    /// # Panics
    /// When that would make it smaller.
    #[track_caller]
    pub fn mirrored(&self, height: usize, width: usize) -> Self {
        assert!(
            height >= self.height && width >= self.width,
            "Picture::mirrored: {}x{} to {height}x{width}, expected as many pixels or more",
            self.height,
            self.width
        );
        let mut pixels = Vec::with_capacity(height * width * self.channels);
        for row in 0..height {
            let line = &self.pixels[mirrored(row, self.height) * self.width * self.channels..];
            for column in 0..width {
                pixels.extend_from_slice(
                    &line[mirrored(column, self.width) * self.channels..][..self.channels],
                );
            }
        }
        Self { height, width, channels: self.channels, pixels }
    }

    /// The picture turned against the clock by so many quarters of a circle.
    pub fn turned(&self, quarters: usize) -> Self {
        let (rows, columns) = (self.height, self.width);
        let source = |row: usize, column: usize| match quarters % 4 {
            0 => (row, column),
            1 => (column, columns - 1 - row),
            2 => (rows - 1 - row, columns - 1 - column),
            _ => (rows - 1 - column, row),
        };
        let (height, width) = if quarters.is_multiple_of(2) { (rows, columns) } else { (columns, rows) };
        let mut pixels = Vec::with_capacity(self.pixels.len());
        for (row, column) in (0..height).flat_map(|row| (0..width).map(move |column| (row, column))) {
            let (row, column) = source(row, column);
            pixels
                .extend_from_slice(&self.pixels[(row * columns + column) * self.channels..][..self.channels]);
        }
        Self { height, width, channels: self.channels, pixels }
    }

    /// Turns left and right over.
    pub fn flip(&mut self) {
        let channels = self.channels;
        for row in self.pixels.chunks_exact_mut(self.width * channels) {
            row.reverse();
            if channels == 3 {
                for pixel in row.chunks_exact_mut(3) {
                    pixel.reverse();
                }
            }
        }
    }
}

/// The place in a row of `length` pixels that one `at` any place shows when the row is mirrored at its ends.
fn mirrored(at: usize, length: usize) -> usize {
    if length == 1 {
        return 0;
    }
    let period = 2 * (length - 1);
    let at = at % period;
    at.min(period - at)
}

/// BT.601 luma, rounded, in 16-bit fixed point.
pub(crate) fn luma(red: u8, green: u8, blue: u8) -> u8 {
    ((19595 * u32::from(red) + 38470 * u32::from(green) + 7471 * u32::from(blue) + 32768) >> 16) as u8
}

/// Refuses a JPEG cut short, which the decoder would fill up with grey.
///
/// Inside coded data 0xFF is never followed by a marker's letter, so the end
/// marker after the last scan's start is the picture's own; that of an
/// embedded thumbnail comes before.
fn whole_jpeg(file: &[u8]) -> Result<(), String> {
    let last = |marker: u8| file.windows(2).rposition(|pair| pair == [0xFF, marker]);
    match (last(0xDA), last(0xD9)) {
        (Some(scan), Some(end)) if end > scan => Ok(()),
        _ => Err(format!("is a JPEG cut short after {} bytes", file.len())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_mirrored_at_their_ends() {
        let found: Vec<usize> = (0..9).map(|at| mirrored(at, 3)).collect();
        assert_eq!(found, [0, 1, 2, 1, 0, 1, 2, 1, 0]);
        assert_eq!((mirrored(7, 1), mirrored(3, 2)), (0, 1));
    }
}
