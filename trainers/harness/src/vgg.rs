//! The flags of trainers whose losses look through VGG-19.

use std::path::PathBuf;

use gobelin_autograd::Var;
use gobelin_nets::vgg19::{Images, Normalisation, Pooling, Vgg19, Vgg19Error, View};
use serde::{Deserialize, Serialize};

use crate::progress::tell;

/// Seed of the random filters, the same in every run, so that losses of different runs compare.
const SEED: u64 = 0;

/// Which VGG-19.
#[derive(Clone, Debug, Default, clap::Args, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct VggOptions {
    /// VGG-19's weights, under torchvision's names [default: seeded random filters]
    #[arg(long, value_name = "W.safetensors")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vgg: Option<PathBuf>,
    /// What the weights were trained on: imagenet (torchvision, timm) or caffe (BGR, less the mean)
    #[arg(long, value_name = "KIND", default_value = "imagenet", value_parser = ["imagenet", "caffe"])]
    pub vgg_normalisation: String,
}

impl VggOptions {
    /// Opens the network for pictures of a range, and says what a user should know about its weights.
    ///
    /// # Errors
    /// If the file cannot be read or is no VGG-19.
    pub fn open(&self, images: Images, pooling: Pooling) -> Result<Vgg19, Vgg19Error> {
        let (network, notes) = self.open_quietly(images, pooling)?;
        for note in &notes {
            tell(note);
        }
        Ok(network)
    }

    /// As [`VggOptions::open`], but what a user should know, a line each, is left to the caller to say.
    ///
    /// # Errors
    /// If the file cannot be read or is no VGG-19.
    pub fn open_quietly(&self, images: Images, pooling: Pooling) -> Result<(Vgg19, Vec<String>), Vgg19Error> {
        let normalisation = if self.vgg_normalisation == Normalisation::Caffe.to_string() {
            Normalisation::Caffe
        } else {
            Normalisation::ImageNet
        };
        let (network, notes) = if let Some(path) = &self.vgg {
            let network = Vgg19::open(path)?;
            let notes = network.notes().to_vec();
            (network, notes)
        } else {
            let note = "no --vgg: VGG-19 with seeded random filters, which carry texture and edges but no \
                        objects (Ustyuzhaninov et al. 2016)";
            (Vgg19::random(SEED), vec![note.to_owned()])
        };
        Ok((network.viewed(View { images, normalisation, pooling }), notes))
    }
}

/// The network as losses ask for it: features by the names of their layers.
///
/// # Panics
/// When called with a name that is no layer of VGG-19.
pub fn features(network: &Vgg19) -> impl Fn(&Var, &[&str]) -> Vec<Var> {
    |pictures, names| {
        let layers: Vec<_> =
            names.iter().map(|name| name.parse().unwrap_or_else(|error| panic!("{error}"))).collect();
        network.features(pictures, &layers)
    }
}
