//! Drawn pictures of thin connected structures whose masks are known: data for segmentation with nothing downloaded.
//!
//! In both kinds a structure is interrupted where the picture shows nothing of it, and other things look like it: what is
//! right is decided by how the lines go on, which is what losses on topology are for. Every picture comes from its number,
//! on any machine, to the byte.

mod film;
mod grid;
mod membranes;
mod roads;
mod voronoi;

use std::ops::{Range, RangeInclusive};

use crate::random::{Draws, Purpose};
use crate::{DataError, Dataset, Picture, PictureShape, Sample, Split};

/// What is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Structure {
    /// Cells in a thin section under an electron microscope, grey; the mask is their membranes.
    Membranes,
    /// Country seen from the air, in colours; the mask is its roads, also under trees.
    Roads,
}

impl Structure {
    /// Rows and columns a picture can have. Lines are as wide in a large picture as in a small one: it shows more of them.
    pub const SIZES: RangeInclusive<usize> = 16..=2048;

    /// Its name after `--data`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Membranes => "membranes",
            Self::Roads => "roads",
        }
    }

    /// 1 where its pictures are grey, else 3.
    pub fn channels(self) -> usize {
        match self {
            Self::Membranes => 1,
            Self::Roads => 3,
        }
    }

    /// Draws picture `number`, `size` pixels a side, and its mask, 255 on the structure and 0 elsewhere.
    ///
    /// # Panics
    /// When the size is not in [`Structure::SIZES`].
    #[track_caller]
    pub fn draw(self, number: u64, size: usize) -> (Picture, Picture) {
        assert!(
            Self::SIZES.contains(&size),
            "Structure::draw: size {size}, expected one within {:?}",
            Self::SIZES
        );
        let draws = &mut Draws::new(Purpose::Structure, self.channels() as u64, number, 0);
        match self {
            Self::Membranes => membranes::draw(draws, size),
            Self::Roads => roads::draw(draws, size),
        }
    }
}

/// Numbers of the pictures to train on, and of those never trained on.
const TRAIN: Range<u64> = 0..20_000;
const HELD_OUT: Range<u64> = 1_000_000..1_001_000;

/// Drawn pictures with their masks, as a dataset.
#[derive(Debug, Clone)]
pub struct Structures {
    structure: Structure,
    size: usize,
    channels: usize,
    numbers: Range<u64>,
}

impl Structures {
    /// One part of the pictures of a kind, `size` pixels a side: 20,000 to train on or 1,000 others.
    ///
    /// # Panics
    /// When the size is not in [`Structure::SIZES`], or channels are neither 1 nor 3.
    #[track_caller]
    pub fn new(structure: Structure, split: Split, size: usize, channels: usize) -> Self {
        assert!(
            Structure::SIZES.contains(&size) && (channels == 1 || channels == 3),
            "Structures::new: {channels} channels of {size} pixels a side, expected 1 or 3 of {:?}",
            Structure::SIZES
        );
        let numbers = match split {
            Split::Train => TRAIN,
            Split::HeldOut => HELD_OUT,
        };
        Self { structure, size, channels, numbers }
    }
}

impl Dataset for Structures {
    fn len(&self) -> usize {
        (self.numbers.end - self.numbers.start) as usize
    }

    fn sample(&self, index: usize) -> Result<Sample, DataError> {
        let (picture, mask) = self.structure.draw(self.numbers.start + index as u64, self.size);
        Ok(Sample { picture: picture.into_channels(self.channels), label: 0, mask: Some(mask) })
    }

    fn label(&self, _index: usize) -> u32 {
        0
    }

    fn classes(&self) -> usize {
        1
    }

    fn name(&self, index: usize) -> String {
        format!("{} {}", self.structure.word(), self.numbers.start + index as u64)
    }

    fn shape(&self) -> Option<PictureShape> {
        Some(PictureShape { height: self.size, width: self.size, channels: self.channels })
    }

    fn describe(&self) -> String {
        let mode = if self.channels == 1 { "grey" } else { "RGB" };
        let (word, size) = (self.structure.word(), self.size);
        format!("{word}: {} drawn {mode} pictures of {size}x{size} with masks", self.len())
    }
}
