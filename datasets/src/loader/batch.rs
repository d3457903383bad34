//! What a step is given.

use crate::Picture;

/// Pictures of one size, ready for a net.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Batch {
    /// Height and width of every picture.
    pub size: usize,
    /// 1 for grey, 3 for RGB.
    pub channels: usize,
    /// `(batch, size, size, channels)`, row-major, from -1 (black) to 1 (white).
    pub pixels: Vec<f32>,
    /// `(batch, size, size)`: 1 where a picture's mask is set, else 0. Empty for data without masks.
    pub masks: Vec<f32>,
    /// Class or identity of each picture.
    pub labels: Vec<u32>,
    /// Place of each picture in its dataset. Where a picture did not decode,
    /// this is the one that took its place.
    pub indices: Vec<usize>,
    /// How many times the data had been gone through before this batch.
    pub epoch: u64,
}

impl Batch {
    /// How many pictures there are.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// One picture, back in bytes.
    ///
    /// # Panics
    /// When `place` is not below `len()`.
    #[track_caller]
    pub fn picture(&self, place: usize) -> Picture {
        let values = self.size * self.size * self.channels;
        let picture = &self.pixels[place * values..][..values];
        Picture::from_signed(self.size, self.size, self.channels, picture)
    }

    /// Takes over decoded bytes, turned into a net's range.
    pub(super) fn set_bytes(&mut self, size: usize, channels: usize, bytes: &[u8], masks: &[u8]) {
        (self.size, self.channels) = (size, channels);
        self.pixels.clear();
        // A division, for exactly -1 and 1 at the ends.
        self.pixels.extend(bytes.iter().map(|byte| f32::from(*byte) / 127.5 - 1.0));
        self.masks.clear();
        self.masks.extend(masks.iter().map(|byte| f32::from(*byte >= 128)));
    }
}
