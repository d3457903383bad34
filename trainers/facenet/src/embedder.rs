//! A net of embeddings and its file.

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use gobelin_autograd::Tensor;
use gobelin_autograd::random::Generator;
use gobelin_datasets::{DataError, Picture};
use gobelin_harness::Place;
use gobelin_nets::facenet::FaceNetNn2;
use gobelin_nets::facenet_small::FaceNetSmall;
use gobelin_nets::weights::{self, Metadata, Weights, WeightsError};
use gobelin_nets::{Module, Pass};
use serde::{Deserialize, Serialize};

/// Which net.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Net {
    /// A small net for 32 to 64 pixels
    Small,
    /// NN2 of the paper
    Nn2,
}

/// Widths that the small net can have.
pub const WIDTHS: RangeInclusive<usize> = 1..=512;
/// Lengths that an embedding can have.
pub const DIMENSIONS: RangeInclusive<usize> = 2..=4096;
/// Rows and columns that a picture can have.
pub const SIZES: RangeInclusive<usize> = 16..=512;

/// A net's shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Which net.
    pub net: Net,
    /// Channels of the widest map; NN2 has the paper's.
    pub width: usize,
    /// Length of an embedding.
    pub dimensions: usize,
    /// Rows and columns of a picture.
    pub size: usize,
}

impl Shape {
    /// A net with fresh weights.
    pub fn build(&self, generator: &mut Generator) -> Box<dyn Module> {
        match self.net {
            Net::Small => Box::new(FaceNetSmall::new(self.width, self.dimensions, generator)),
            Net::Nn2 => Box::new(FaceNetNn2::new(self.dimensions, generator)),
        }
    }
}

/// A net that was trained, ready for use.
pub struct Embedder {
    net: Box<dyn Module>,
    size: usize,
    exact: bool,
    /// The squared distance below which two pictures show one person.
    pub threshold: f64,
}

/// What is wrong with a file of weights that is otherwise one.
#[derive(Debug, thiserror::Error)]
pub enum EmbedderError {
    /// It cannot be read, or does not hold the weights it says.
    #[error("{0}")]
    Weights(#[from] WeightsError),
    /// It does not say what it is.
    #[error("{}: its metadata {found}; expected a file that `gobelin facenet` wrote, embedder.safetensors in a run directory", path.display())]
    Metadata {
        /// The file.
        path: PathBuf,
        /// What is missing or wrong.
        found: String,
    },
}

/// The weights of a net of this shape, and what is needed to use them.
pub fn exported(net: &dyn Module, shape: &Shape, threshold: f64) -> Weights {
    let name = match shape.net {
        Net::Small => "facenet-small",
        Net::Nn2 => "facenet-nn2",
    };
    let mut metadata = Metadata::new();
    for (key, value) in [
        ("net", name.to_owned()),
        ("width", shape.width.to_string()),
        ("dimensions", shape.dimensions.to_string()),
        ("size", shape.size.to_string()),
        ("threshold", threshold.to_string()),
    ] {
        metadata.insert(key.into(), value);
    }
    let mut weights = weights::stored(net);
    weights::set_metadata(&mut weights, &metadata);
    weights
}

impl Embedder {
    /// Opens what [`exported`] made, to be used there where `place` says.
    ///
    /// # Errors
    /// The file cannot be read, or was not made so.
    pub fn open(path: &Path, place: &Place) -> Result<Self, EmbedderError> {
        let metadata = weights::read_metadata(path)?;
        let refuse = |found: String| EmbedderError::Metadata { path: path.to_owned(), found };
        let word = |key: &str| metadata.get(key).ok_or_else(|| refuse(format!("has no `{key}`")));
        let number = |key: &str, range: RangeInclusive<usize>| {
            let text = word(key)?;
            let found = text.parse().ok().filter(|number| range.contains(number));
            found.ok_or_else(|| refuse(format!("has a `{key}` of `{text}`")))
        };
        let net = match word("net")?.as_str() {
            "facenet-small" => Net::Small,
            "facenet-nn2" => Net::Nn2,
            other => return Err(refuse(format!("has a `net` of `{other}`"))),
        };
        let text = word("threshold")?;
        let threshold: f64 = text.parse().map_err(|_| refuse(format!("has a `threshold` of `{text}`")))?;
        let shape = Shape {
            net,
            width: number("width", WIDTHS)?,
            dimensions: number("dimensions", DIMENSIONS)?,
            size: number("size", SIZES)?,
        };
        let net = shape.build(&mut gobelin_autograd::random::generator(0, 0));
        weights::load(path, &*net)?;
        place.take(&*net);
        Ok(Self { net, size: shape.size, exact: place.exact, threshold })
    }

    /// The side of the pictures that it takes.
    pub fn size(&self) -> usize {
        self.size
    }

    /// Embeddings (N, D) of prepared pictures, one after the other.
    pub fn embed(&self, prepared: &[f32]) -> Tensor {
        let count = prepared.len() / (self.size * self.size * 3);
        let pictures = Tensor::new(&[count, self.size, self.size, 3], prepared);
        self.net.forward(&Pass::evaluation().exact(self.exact), &pictures.into()).into_tensor()
    }

    /// The embedding of a picture's file.
    ///
    /// # Errors
    /// The picture does not decode.
    pub fn embed_file(&self, path: &Path) -> Result<Vec<f32>, DataError> {
        Ok(self.embed(&prepared(&Picture::read(path)?, self.size)).data().to_vec())
    }
}

/// A picture as a net of this size sees it: its central square, resized, in colours from -1 to 1.
pub fn prepared(picture: &Picture, size: usize) -> Vec<f32> {
    let side = picture.height.min(picture.width);
    let square = picture.centre_crop(side).into_channels(3).resize(size, size);
    square.pixels.iter().map(|&byte| f32::from(byte) / 127.5 - 1.0).collect()
}

/// The squared L2 distance of two embeddings.
pub fn squared_distance(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(a, b)| f64::from(a - b).powi(2)).sum()
}
