//! What VGG-19 is given and how it pools.

use std::fmt;
use std::str::FromStr;

/// Means of ImageNet's red, green and blue, of pictures in [0, 1].
const MEAN: [f32; 3] = [0.485, 0.456, 0.406];
/// Their deviations.
const DEVIATION: [f32; 3] = [0.229, 0.224, 0.225];
/// Caffe's means of blue, green and red, of pictures in [0, 255].
const CAFFE_MEAN: [f32; 3] = [103.939, 116.779, 123.68];

/// The pictures a network is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Images {
    /// RGB in [0, 1], normalised inside.
    #[default]
    Unit,
    /// RGB in [-1, 1], normalised inside.
    Signed,
    /// Normalised already.
    Normalised,
}

/// What the weights were trained on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Normalisation {
    /// RGB, less ImageNet's mean and divided by its deviation: torchvision's and timm's weights.
    #[default]
    ImageNet,
    /// BGR in [0, 255] less its mean: the weights that Simonyan and Zisserman published for Caffe, which Gatys et al. used.
    Caffe,
}

/// What ends a block.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pooling {
    /// The maximum of 2x2 pixels, as trained.
    #[default]
    Max,
    /// Their mean, which Gatys et al. 2016 found to give smoother pictures.
    Average,
}

/// How a network is looked through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct View {
    /// The pictures.
    pub images: Images,
    /// What the weights were trained on.
    pub normalisation: Normalisation,
    /// What ends a block.
    pub pooling: Pooling,
}

/// Pictures as the weights want them: less `mean`, by `scale`, channels turned if `reversed`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Preparation {
    /// Of the picture's channels, in their own range.
    pub mean: [f32; 3],
    /// Of the picture's channels.
    pub scale: [f32; 3],
    /// Whether the weights' first channel is the picture's last.
    pub reversed: bool,
}

impl View {
    pub(super) fn preparation(&self) -> Preparation {
        let reversed = self.normalisation == Normalisation::Caffe;
        let (mean, scale) = match self.normalisation {
            Normalisation::ImageNet => (MEAN, DEVIATION.map(f32::recip)),
            Normalisation::Caffe => {
                let [blue, green, red] = CAFFE_MEAN.map(|mean| mean / 255.0);
                ([red, green, blue], [255.0; 3])
            }
        };
        match self.images {
            Images::Unit => Preparation { mean, scale, reversed },
            // (x + 1) / 2 - mean = (x - (2 mean - 1)) / 2
            Images::Signed => Preparation {
                mean: mean.map(|mean| 2.0 * mean - 1.0),
                scale: scale.map(|scale| scale / 2.0),
                reversed,
            },
            Images::Normalised => Preparation { mean: [0.0; 3], scale: [1.0; 3], reversed: false },
        }
    }
}

/// A word that none of the known ones is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no {what} `{found}`; expected one of {expected}")]
pub struct UnknownWord {
    what: &'static str,
    found: String,
    expected: String,
}

/// Gives an enum without fields the words of the shell.
macro_rules! words {
    ($kind:ident, $what:literal, $($word:literal => $variant:ident),+) => {
        impl $kind {
            /// The words of the shell, and what they stand for.
            pub const WORDS: &'static [(&'static str, Self)] = &[$(($word, Self::$variant)),+];
        }

        impl FromStr for $kind {
            type Err = UnknownWord;

            fn from_str(word: &str) -> Result<Self, UnknownWord> {
                Self::WORDS.iter().find(|(known, _)| *known == word).map(|(_, value)| *value).ok_or_else(|| UnknownWord {
                    what: $what,
                    found: word.into(),
                    expected: [$($word),+].join(", "),
                })
            }
        }

        impl fmt::Display for $kind {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self { $(Self::$variant => $word),+ })
            }
        }
    };
}

words!(Images, "kind of images", "unit" => Unit, "signed" => Signed, "normalised" => Normalised);
words!(Normalisation, "normalisation", "imagenet" => ImageNet, "caffe" => Caffe);
words!(Pooling, "pooling", "max" => Max, "average" => Average);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_and_written() {
        assert_eq!("signed".parse(), Ok(Images::Signed));
        assert_eq!(Pooling::Average.to_string(), "average");
        let message = "avg".parse::<Pooling>().unwrap_err().to_string();
        assert_eq!(message, "no pooling `avg`; expected one of max, average");
    }

    #[test]
    fn signed_pictures_are_unit_pictures() {
        for normalisation in [Normalisation::ImageNet, Normalisation::Caffe] {
            let of = |images| View { images, normalisation, pooling: Pooling::Max }.preparation();
            let (unit, signed) = (of(Images::Unit), of(Images::Signed));
            for channel in 0..3 {
                let at = |p: Preparation, x: f32| (x - p.mean[channel]) * p.scale[channel];
                assert!((at(unit, 0.8) - at(signed, 0.6)).abs() < 1e-4);
            }
        }
    }
}
