//! From a picture as stored to the square a net sees.

use crate::Picture;
use crate::random::{Draws, Purpose};

/// What is varied between one epoch and the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Augmentation {
    /// Turns left and right over, one time in two.
    pub flip: bool,
    /// Crops the square anywhere in the picture resized to this shorter side,
    /// which is at least the square's; without it the crop is central and as
    /// large as the picture allows.
    pub crop_from: Option<usize>,
}

/// The square a net wants.
#[derive(Debug, Clone, Copy)]
pub(super) struct Square {
    pub size: usize,
    pub channels: usize,
    /// Whether it is cut out of the picture as it is.
    pub unscaled: bool,
}

impl Square {
    /// Bytes of one picture.
    pub fn bytes(self) -> usize {
        self.size * self.size * self.channels
    }

    /// The central square of the picture, resized.
    pub fn fixed(self, picture: &Picture) -> Picture {
        let side = picture.height.min(picture.width);
        picture.centre_crop(side).into_channels(self.channels).resize(self.size, self.size)
    }

    /// The picture augmented by the stream of `(seed, epoch, index)`, so that
    /// no order of work can change it.
    ///
    /// The crop comes before the resizing, scaled accordingly: the same square
    /// with less work, and a picture of one pixel's width cannot ask for
    /// gigabytes.
    pub fn augmented(
        self,
        picture: &Picture,
        augmentation: Augmentation,
        seed: u64,
        epoch: u64,
        index: usize,
    ) -> Picture {
        let mut draws = Draws::new(Purpose::Augmentation, seed, epoch, index as u64);
        let mut square = match augmentation.crop_from {
            _ if self.unscaled => {
                let top = draws.below(picture.height - self.size + 1);
                let left = draws.below(picture.width - self.size + 1);
                picture.crop(top, left, self.size, self.size).into_channels(self.channels)
            }
            None => self.fixed(picture),
            Some(from) => {
                let shorter = picture.height.min(picture.width);
                let side = ((shorter * self.size + from / 2) / from).max(1);
                let top = draws.below(picture.height - side + 1);
                let left = draws.below(picture.width - side + 1);
                let crop = picture.crop(top, left, side, side);
                crop.into_channels(self.channels).resize(self.size, self.size)
            }
        };
        if augmentation.flip && draws.chance(0.5) {
            square.flip();
        }
        square
    }
}
