//! From a picture as stored to the square a net sees.

use crate::random::{Draws, Purpose};
use crate::{Picture, Sample};

/// What is varied between one epoch and the next. A mask follows its picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Augmentation {
    /// Turns left and right over, one time in two.
    pub flip: bool,
    /// Crops the square anywhere in the picture resized to this shorter side,
    /// which is at least the square's; without it the crop is central and as
    /// large as the picture allows.
    pub crop_from: Option<usize>,
    /// Crops the square anywhere in the picture as it is stored, so that lines keep their width; only a picture smaller than
    /// the square is enlarged. Takes the place of `crop_from`.
    pub window: bool,
    /// Turns by none to three quarters of a circle.
    pub turn: bool,
}

/// The square a net wants.
#[derive(Debug, Clone, Copy)]
pub(super) struct Square {
    pub size: usize,
    pub channels: usize,
}

/// Where in a picture a square lies, and how it is turned.
struct Cut {
    top: usize,
    left: usize,
    side: usize,
    flip: bool,
    quarters: usize,
}

impl Cut {
    /// The central square of a picture, as large as it allows.
    fn central(picture: &Picture) -> Self {
        let side = picture.height.min(picture.width);
        let (top, left) = ((picture.height - side) / 2, (picture.width - side) / 2);
        Self { top, left, side, flip: false, quarters: 0 }
    }
}

/// The square of a sample.
pub(super) struct Squared {
    pub picture: Picture,
    pub mask: Option<Picture>,
}

impl Square {
    /// Bytes of one picture.
    pub fn bytes(self) -> usize {
        self.size * self.size * self.channels
    }

    /// The central square of the picture, resized.
    pub fn fixed(self, sample: &Sample) -> Squared {
        self.cut(sample, &Cut::central(&sample.picture))
    }

    /// The picture augmented by the stream of `(seed, epoch, index)`, so that
    /// no order of work can change it.
    ///
    /// The crop comes before the resizing, scaled accordingly: the same square
    /// with less work, and a picture of one pixel's width cannot ask for
    /// gigabytes.
    pub fn augmented(
        self,
        sample: &Sample,
        augmentation: Augmentation,
        seed: u64,
        epoch: u64,
        index: usize,
    ) -> Squared {
        let mut draws = Draws::new(Purpose::Augmentation, seed, epoch, index as u64);
        let picture = &sample.picture;
        let mut cut = Cut::central(picture);
        let shorter = cut.side;
        let side = match augmentation.crop_from {
            _ if augmentation.window => Some(shorter.min(self.size)),
            Some(from) => Some(((shorter * self.size + from / 2) / from).max(1)),
            None => None,
        };
        if let Some(side) = side {
            cut.side = side;
            cut.top = draws.below(picture.height - side + 1);
            cut.left = draws.below(picture.width - side + 1);
        }
        cut.flip = augmentation.flip && draws.chance(0.5);
        cut.quarters = if augmentation.turn { draws.below(4) } else { 0 };
        self.cut(sample, &cut)
    }

    fn cut(self, sample: &Sample, cut: &Cut) -> Squared {
        let square = |picture: &Picture, channels: usize| {
            let crop = picture.crop(cut.top, cut.left, cut.side, cut.side);
            let mut square = crop.into_channels(channels).resize(self.size, self.size);
            if cut.flip {
                square.flip();
            }
            square.turned(cut.quarters)
        };
        Squared {
            picture: square(&sample.picture, self.channels),
            mask: sample.mask.as_ref().map(|mask| square(mask, 1)),
        }
    }
}
