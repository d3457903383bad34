//! Drawn faces: data for training with nothing downloaded.
//!
//! A person is a set of numbers (bones, skin, hair, eyes, nose, mouth...), a
//! picture of them another (pose, light, expression, glasses, background);
//! both come from seeded streams, so every face can be drawn again by its
//! numbers, in any order, on any machine, to the byte.

mod canvas;
mod features;
mod hair;
mod head;
mod identity;
mod light;
mod palette;
mod pose;
mod scene;
mod variation;

use std::ops::Range;

pub use identity::Identity;
pub use variation::Variation;

use crate::{DataError, Dataset, Picture, PictureShape, Sample};
use canvas::Canvas;
use head::Outline;
use pose::Pose;

/// People to train on: 10,000 of them.
pub const TRAIN_IDENTITIES: Range<u64> = 0..10_000;

/// People never trained on: another 1,000.
pub const HELD_OUT_IDENTITIES: Range<u64> = 1_000_000..1_001_000;

/// Pictures of each person in [`Faces::train`] and [`Faces::held_out`].
const PER_IDENTITY: usize = 20;

/// The sides a face can be drawn at.
pub const SIZES: std::ops::RangeInclusive<usize> = 16..=512;

/// Pictures are drawn with at least this many pixels a side and averaged
/// down: below it, eyes are thinner than a pixel.
const DRAWN_AT_LEAST: usize = 64;

/// What to draw.
#[derive(Debug, Clone)]
pub struct FacesOptions {
    /// The side, within [`SIZES`].
    pub size: usize,
    /// 1 for grey, 3 for RGB.
    pub channels: usize,
    /// Which people. Ranges that do not meet share nobody.
    pub identities: Range<u64>,
    /// Pictures of each.
    pub per_identity: usize,
    /// Which world: another seed, other people.
    pub seed: u64,
}

/// Drawn faces as a dataset, person after person; labels count the people
/// from 0, so that label `n` is identity `identities.start + n`.
#[derive(Debug, Clone)]
pub struct Faces {
    options: FacesOptions,
}

impl Faces {
    /// Faces of a range of people.
    ///
    /// # Panics
    /// When the range is empty or longer than a label can count, pictures per
    /// person are none, channels are neither 1 nor 3, or the size is not in
    /// [`SIZES`].
    #[track_caller]
    pub fn new(options: FacesOptions) -> Self {
        let people = options.identities.end.saturating_sub(options.identities.start);
        assert!(
            (1..=u64::from(u32::MAX)).contains(&people) && options.per_identity > 0,
            "Faces::new: {options:?}, expected from 1 to 2^32 - 1 identities with pictures"
        );
        assert!(
            SIZES.contains(&options.size) && (options.channels == 1 || options.channels == 3),
            "Faces::new: {options:?}, expected a size within {SIZES:?} and 1 or 3 channels"
        );
        Self { options }
    }

    /// 200,000 pictures of [`TRAIN_IDENTITIES`].
    ///
    /// # Panics
    /// As [`Faces::new`].
    #[track_caller]
    pub fn train(size: usize, channels: usize) -> Self {
        let (identities, per_identity) = (TRAIN_IDENTITIES, PER_IDENTITY);
        Self::new(FacesOptions { size, channels, identities, per_identity, seed: 0 })
    }

    /// 20,000 pictures of [`HELD_OUT_IDENTITIES`].
    ///
    /// # Panics
    /// As [`Faces::new`].
    #[track_caller]
    pub fn held_out(size: usize, channels: usize) -> Self {
        let (identities, per_identity) = (HELD_OUT_IDENTITIES, PER_IDENTITY);
        Self::new(FacesOptions { size, channels, identities, per_identity, seed: 0 })
    }

    /// The options it was made with.
    pub fn options(&self) -> &FacesOptions {
        &self.options
    }

    /// Picture `variation` of person `identity`, which need not be in the
    /// range.
    pub fn draw(&self, identity: u64, variation: u64) -> Picture {
        let seed = self.options.seed;
        let person = Identity::new(seed, identity);
        let variation = Variation::new(seed, identity, variation);
        draw(&person, &variation, self.options.size).into_channels(self.options.channels)
    }

    fn numbers(&self, index: usize) -> (u64, u64) {
        let per_identity = self.options.per_identity;
        (self.options.identities.start + (index / per_identity) as u64, (index % per_identity) as u64)
    }
}

impl Dataset for Faces {
    fn len(&self) -> usize {
        self.classes() * self.options.per_identity
    }

    fn sample(&self, index: usize) -> Result<Sample, DataError> {
        let (identity, variation) = self.numbers(index);
        Ok(Sample { picture: self.draw(identity, variation), label: self.label(index), mask: None })
    }

    fn label(&self, index: usize) -> u32 {
        (index / self.options.per_identity) as u32
    }

    fn classes(&self) -> usize {
        (self.options.identities.end - self.options.identities.start) as usize
    }

    fn class_name(&self, label: u32) -> String {
        format!("person {}", self.options.identities.start + u64::from(label))
    }

    fn name(&self, index: usize) -> String {
        let (identity, variation) = self.numbers(index);
        format!("person {identity} picture {variation}")
    }

    fn shape(&self) -> Option<PictureShape> {
        let FacesOptions { size, channels, .. } = self.options;
        Some(PictureShape { height: size, width: size, channels })
    }

    fn describe(&self) -> String {
        let FacesOptions { size, channels, identities, per_identity, seed } = &self.options;
        let mode = if *channels == 1 { "grey" } else { "RGB" };
        format!(
            "faces: {} drawn {mode} pictures of {size}x{size}, {per_identity} each of people {} to {}, seed {seed}",
            self.len(),
            identities.start,
            identities.end - 1
        )
    }
}

/// Draws a person in RGB, `size` pixels a side.
///
/// # Panics
/// When the size is not in [`SIZES`].
#[track_caller]
pub fn draw(identity: &Identity, variation: &Variation, size: usize) -> Picture {
    assert!(SIZES.contains(&size), "faces::draw: size {size}, expected one within {SIZES:?}");
    let shrink = DRAWN_AT_LEAST.div_ceil(size);
    let canvas = &mut Canvas::new(size * shrink, Pose::new(identity, variation));
    let outline = Outline::new(identity, canvas, variation);
    scene::background(canvas, variation);
    hair::back(canvas, identity);
    head::neck(canvas, identity);
    scene::clothes(canvas, identity, variation);
    head::face(canvas, identity, variation, &outline);
    features::nose(canvas, identity);
    hair::beard(canvas, identity, variation, &outline);
    features::mouth(canvas, identity, variation);
    features::eyes(canvas, identity, variation);
    features::brows(canvas, identity, variation);
    hair::cap(canvas, identity);
    head::ears(canvas, identity, &outline);
    hair::locks(canvas, identity);
    scene::glasses(canvas, identity, variation);
    light::develop(canvas, variation, shrink)
}
