//! What a user writes after `--data`.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use crate::domains::{HELD_OUT_SCENES, Season, Seasons, TRAIN_SCENES};
use crate::readers::unpaired;
use crate::subset::Subset;
use crate::{
    Cifar10, DataError, Dataset, Domains, Drawings, Faces, Folder, Identities, Idx, Pairs, Structure,
    Structures,
};

/// `KIND[:PATH]`: where pictures come from. Displays as it is parsed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// `faces`: drawn by the program.
    Faces,
    /// `drawings`: scenes and textures, drawn by the program.
    Drawings,
    /// `membranes` or `roads`: drawn by the program, with masks.
    Structures(Structure),
    /// `seasons`: two domains drawn by the program, summer days (A) and winter evenings (B).
    Seasons,
    /// `idx:DIR`: MNIST's and Fashion-MNIST's files.
    Idx(PathBuf),
    /// `cifar10:DIR`: CIFAR-10's binary version.
    Cifar10(PathBuf),
    /// `ab:DIR`: two domains without pairs, in CycleGAN's layout.
    Ab(PathBuf),
    /// `folder:DIR`: pictures without labels.
    Folder(PathBuf),
    /// `identities:DIR`: one folder a person or class.
    Identities(PathBuf),
    /// `pairs:DIR`: pictures and their masks.
    Pairs(PathBuf),
}

/// Which part of the data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Split {
    /// To train on.
    Train,
    /// Never trained on, for metrics.
    HeldOut,
}

/// How to open a source.
#[derive(Debug, Clone, Copy)]
pub struct OpenOptions {
    /// Which part.
    pub split: Split,
    /// The side at which pictures are drawn; files keep their own size.
    pub size: usize,
    /// The channels of drawn pictures; files keep their own.
    pub channels: usize,
}

impl Source {
    /// Opens one part of the data.
    ///
    /// IDX and CIFAR-10 are split by their own files, drawn faces by
    /// identities ([`Faces::train`], [`Faces::held_out`]), drawn structures by numbers. A folder of
    /// pictures or of pairs holds out every tenth picture; a folder of identities every
    /// tenth identity, so that people held out are never trained on.
    ///
    /// # Errors
    /// Whatever is wrong with the files, in one line.
    pub fn open(&self, options: &OpenOptions) -> Result<Arc<dyn Dataset>, DataError> {
        let split = options.split;
        let dataset: Arc<dyn Dataset> = match self {
            Self::Faces => Arc::new(match split {
                Split::Train => Faces::train(options.size, options.channels),
                Split::HeldOut => Faces::held_out(options.size, options.channels),
            }),
            Self::Drawings => Arc::new(Drawings::new(options.size, options.channels, split)),
            Self::Structures(structure) => {
                Arc::new(Structures::new(*structure, split, options.size, options.channels))
            }
            Self::Seasons => Arc::new(seasons(options)),
            Self::Ab(folder) => Arc::new(unpaired::open(folder, split)?),
            Self::Idx(folder) => Arc::new(Idx::open(folder, split)?),
            Self::Cifar10(folder) => Arc::new(Cifar10::open(folder, split)?),
            Self::Folder(folder) => Arc::new(Subset::by_picture(Folder::open(folder)?, split)),
            Self::Identities(folder) => Arc::new(Subset::by_label(Identities::open(folder)?, split)),
            Self::Pairs(folder) => Arc::new(Subset::by_picture(Pairs::open(folder)?, split)),
        };
        if let (true, Self::Folder(folder) | Self::Identities(folder) | Self::Pairs(folder)) =
            (dataset.is_empty(), self)
        {
            let (found, expected) = match self {
                Self::Folder(_) => ("one picture", "at least two pictures, to train on one and hold one out"),
                Self::Pairs(_) => {
                    ("one picture with its mask", "at least two, to train on one and hold one out")
                }
                _ => ("one person or class", "at least two, to train on one and hold one out"),
            };
            return Err(DataError::layout(folder, found, expected, "add pictures"));
        }
        Ok(dataset)
    }

    /// Opens one part of the data as two domains without pairs. None where this source has no two domains.
    ///
    /// # Errors
    /// Whatever is wrong with the files, in one line.
    pub fn open_domains(&self, options: &OpenOptions) -> Result<Option<Domains>, DataError> {
        match self {
            Self::Seasons => Ok(Some(seasons(options))),
            Self::Ab(folder) => unpaired::open(folder, options.split).map(Some),
            _ => Ok(None),
        }
    }

    /// Whether its pictures come with masks.
    pub fn has_masks(&self) -> bool {
        matches!(self, Self::Structures(_) | Self::Pairs(_))
    }
}

fn seasons(options: &OpenOptions) -> Domains {
    let [a, b] = match options.split {
        Split::Train => TRAIN_SCENES,
        Split::HeldOut => [HELD_OUT_SCENES; 2],
    };
    let seen = |season, scenes| Arc::new(Seasons::new(season, scenes, options.size, options.channels));
    Domains { a: seen(Season::Summer, a), b: seen(Season::Winter, b) }
}

impl FromStr for Source {
    type Err = DataError;

    fn from_str(text: &str) -> Result<Self, DataError> {
        let refuse = |problem: &str| {
            Err(DataError::Source { text: crate::error::one_line(text), problem: problem.to_owned() })
        };
        let (kind, path) = match text.split_once(':') {
            Some((kind, path)) => (kind, Some(path)),
            None => (text, None),
        };
        let drawn = match kind {
            "faces" => Some(Self::Faces),
            "drawings" => Some(Self::Drawings),
            "membranes" => Some(Self::Structures(Structure::Membranes)),
            "roads" => Some(Self::Structures(Structure::Roads)),
            "seasons" => Some(Self::Seasons),
            _ => None,
        };
        match drawn {
            Some(source) if path.is_none() => return Ok(source),
            Some(_) => return refuse("drawn pictures take no folder"),
            None => {}
        }
        let kind: fn(PathBuf) -> Self = match kind {
            "idx" => Self::Idx,
            "cifar10" => Self::Cifar10,
            "ab" => Self::Ab,
            "folder" => Self::Folder,
            "identities" => Self::Identities,
            "pairs" => Self::Pairs,
            _ => return refuse("unknown kind"),
        };
        match path {
            None | Some("") => refuse("no folder given"),
            Some(path) => Ok(kind(path.into())),
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Faces => f.write_str("faces"),
            Self::Drawings => f.write_str("drawings"),
            Self::Structures(structure) => f.write_str(structure.word()),
            Self::Seasons => f.write_str("seasons"),
            Self::Idx(folder) => write!(f, "idx:{}", folder.display()),
            Self::Cifar10(folder) => write!(f, "cifar10:{}", folder.display()),
            Self::Ab(folder) => write!(f, "ab:{}", folder.display()),
            Self::Folder(folder) => write!(f, "folder:{}", folder.display()),
            Self::Identities(folder) => write!(f, "identities:{}", folder.display()),
            Self::Pairs(folder) => write!(f, "pairs:{}", folder.display()),
        }
    }
}
