//! Drawn domains: landscapes on summer days, and on winter evenings.

use std::ops::Range;

use super::landscape::{Landscape, Season};
use crate::{DataError, Dataset, Picture, PictureShape, Sample};

/// Scenes to train on, other ones for each season, so that no scene is ever shown in both: 10,000 each.
pub const TRAIN_SCENES: [Range<u64>; 2] = [0..10_000, 1_000_000..1_010_000];

/// Scenes never trained on, the same for both seasons: picture `n` of one season is the true translation of
/// picture `n` of the other.
pub const HELD_OUT_SCENES: Range<u64> = 2_000_000..2_001_000;

/// The sides a landscape can be drawn at.
pub const SIDES: std::ops::RangeInclusive<usize> = 16..=512;

/// A range of scenes in one season. Scene `n` shows the same country in both.
#[derive(Debug, Clone)]
pub struct Seasons {
    season: Season,
    scenes: Range<u64>,
    side: usize,
    channels: usize,
}

impl Seasons {
    /// Scenes in a season.
    ///
    /// # Panics
    /// When there are none, the side is not within [`SIDES`] or channels are neither 1 nor 3.
    #[track_caller]
    pub fn new(season: Season, scenes: Range<u64>, side: usize, channels: usize) -> Self {
        assert!(
            !scenes.is_empty() && SIDES.contains(&side) && (channels == 1 || channels == 3),
            "Seasons::new: scenes {scenes:?} of {side} pixels in {channels} channels, expected scenes, a side within \
             {SIDES:?} and 1 or 3 channels"
        );
        Self { season, scenes, side, channels }
    }
}

impl Dataset for Seasons {
    fn len(&self) -> usize {
        (self.scenes.end - self.scenes.start) as usize
    }

    fn sample(&self, index: usize) -> Result<Sample, DataError> {
        let landscape = Landscape::new(self.scenes.start + index as u64);
        let pixels = landscape.draw(self.season, self.side);
        let picture = Picture::new(self.side, self.side, 3, pixels).into_channels(self.channels);
        Ok(Sample { picture, label: 0, mask: None })
    }

    fn label(&self, _index: usize) -> u32 {
        0
    }

    fn classes(&self) -> usize {
        1
    }

    fn name(&self, index: usize) -> String {
        format!("scene {} in {:?}", self.scenes.start + index as u64, self.season)
    }

    fn shape(&self) -> Option<PictureShape> {
        Some(PictureShape { height: self.side, width: self.side, channels: self.channels })
    }

    fn describe(&self) -> String {
        let season = match self.season {
            Season::Summer => "summer days",
            Season::Winter => "winter evenings",
        };
        let mode = if self.channels == 1 { "grey" } else { "RGB" };
        format!(
            "{} drawn {mode} pictures of {side}x{side}, {season}, scenes {} to {}",
            self.len(),
            self.scenes.start,
            self.scenes.end - 1,
            side = self.side
        )
    }
}
