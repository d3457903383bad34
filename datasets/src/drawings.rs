//! Drawn scenes and textures as a dataset, with nothing downloaded.

use crate::{DataError, Dataset, Picture, PictureShape, Sample, Split, scenes, textures};

/// Pictures to train on.
const TRAIN: usize = 20_000;

/// Pictures never trained on: of seeds that no training picture has.
const HELD_OUT: usize = 2_000;
const FIRST_HELD_OUT_SEED: u64 = 1_000_000;

/// Pictures of every kind of [`scenes`] and [`textures`] in turn, a seed after the other; labels are the kinds.
#[derive(Debug, Clone)]
pub struct Drawings {
    size: usize,
    channels: usize,
    split: Split,
}

impl Drawings {
    /// What is to be drawn.
    pub(crate) const LAYOUT: &str = "nothing: the program draws them";

    /// 20,000 squares of `size` pixels to train on, or 2,000 never trained on.
    ///
    /// # Panics
    /// When the size is zero or channels are neither 1 nor 3.
    #[track_caller]
    pub fn new(size: usize, channels: usize, split: Split) -> Self {
        assert!(
            size > 0 && (channels == 1 || channels == 3),
            "Drawings::new: {size} pixels and {channels} channels, expected a side above zero and 1 or 3 channels"
        );
        Self { size, channels, split }
    }

    fn draw(&self, index: usize) -> Picture {
        let kind = index % self.classes();
        let first = if self.split == Split::Train { 0 } else { FIRST_HELD_OUT_SEED };
        let (seed, size) = (first + (index / self.classes()) as u64, self.size);
        match scenes::Kind::ALL.get(kind) {
            Some(scene) => scenes::draw(*scene, seed, size, size),
            None => textures::draw(textures::Kind::ALL[kind - scenes::Kind::ALL.len()], seed, size, size),
        }
    }
}

impl Dataset for Drawings {
    fn len(&self) -> usize {
        if self.split == Split::Train { TRAIN } else { HELD_OUT }
    }

    fn sample(&self, index: usize) -> Result<Sample, DataError> {
        let picture = self.draw(index).into_channels(self.channels);
        Ok(Sample { picture, label: self.label(index), mask: None })
    }

    fn label(&self, index: usize) -> u32 {
        (index % self.classes()) as u32
    }

    fn classes(&self) -> usize {
        scenes::Kind::ALL.len() + textures::Kind::ALL.len()
    }

    fn class_name(&self, label: u32) -> String {
        let words = scenes::Kind::ALL.iter().map(|kind| kind.word());
        let words = words.chain(textures::Kind::ALL.iter().map(|kind| kind.word()));
        words.into_iter().nth(label as usize).expect("a label below classes()").into()
    }

    fn name(&self, index: usize) -> String {
        format!("drawn {} {}", self.class_name(self.label(index)), index / self.classes())
    }

    fn shape(&self) -> Option<PictureShape> {
        Some(PictureShape { height: self.size, width: self.size, channels: self.channels })
    }

    fn describe(&self) -> String {
        let mode = if self.channels == 1 { "grey" } else { "RGB" };
        let (count, size, kinds) = (self.len(), self.size, self.classes());
        format!(
            "drawings: {count} drawn {mode} pictures of {size}x{size}, scenes and textures of {kinds} kinds"
        )
    }
}
