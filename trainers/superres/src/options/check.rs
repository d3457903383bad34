//! Flags that cannot be served.

use std::str::FromStr;

use gobelin_harness::{Error, Failure, Given};
use gobelin_nets::vgg19::Layer;

use super::{Loss, PATCHES, SuperresOptions, Work};

/// The least rows and columns that the discriminator and the deepest layers of VGG-19 can be shown.
const SMALLEST: usize = 32;
/// Flags that mean something for one task only.
const OF_SUPER_RESOLUTION: [&str; 10] = [
    "scale",
    "loss",
    "layers",
    "gan-weight",
    "discriminator-width",
    "patch",
    "discriminator-rate",
    "blocks",
    "upsample",
    "skip",
];
const OF_STYLE: [&str; 7] =
    ["style", "style-size", "content-weight", "content-layer", "style-weight", "style-layers", "tv"];
/// Flags that mean something with a discriminator only.
const OF_GAN: [&str; 4] = ["gan-weight", "discriminator-width", "patch", "discriminator-rate"];

pub(super) fn refuse(message: impl Into<String>) -> Failure {
    Error::Call(message.into()).into()
}

/// The names between commas.
pub(super) fn layer_names(text: &str) -> Vec<&str> {
    text.split(',').map(str::trim).collect()
}

impl SuperresOptions {
    /// Flags of the other task, or of another loss.
    pub(super) fn check_given(&self, given: &Given) -> Result<(), Failure> {
        let (of_the_other, task) = match self.task {
            Work::SuperResolution => (&OF_STYLE[..], "style"),
            Work::Style => (&OF_SUPER_RESOLUTION[..], "super-resolution"),
        };
        if let Some(flag) = of_the_other.iter().find(|flag| given.contains(flag)) {
            return Err(refuse(format!("--{flag}: means something with --task {task} only; leave it out")));
        }
        let adversarial = self.loss == Some(Loss::PerceptualGan);
        if let Some(flag) = OF_GAN.iter().find(|flag| given.contains(flag) && !adversarial) {
            return Err(refuse(format!(
                "--{flag}: means something with --loss perceptual+gan only; leave it out"
            )));
        }
        let loss = self.loss.unwrap_or_else(|| self.own_loss());
        let looks = self.task == Work::Style || loss != Loss::Mse;
        if let Some(flag) = ["vgg", "vgg-normalisation", "layers", "pooling"]
            .iter()
            .find(|flag| given.contains(flag) && !looks)
        {
            return Err(refuse(format!("--{flag}: --loss mse does not look through VGG-19; leave it out")));
        }
        Ok(())
    }

    /// Values out of range.
    pub(super) fn check(&self) -> Result<(), Failure> {
        let between = |flag: &str, value: f64, low: f64, high: f64| {
            if (low..=high).contains(&value) {
                return Ok(());
            }
            Err(refuse(format!("--{flag} {value}: expected {low} to {high}")))
        };
        if let Some(scale) = self.scale.filter(|scale| ![4, 8].contains(scale)) {
            return Err(refuse(format!("--scale {scale}: expected 4 or 8")));
        }
        if !PATCHES.contains(&self.patch) {
            return Err(refuse(format!("--patch {}: expected 16, 34 or 70", self.patch)));
        }
        between("gan-weight", f64::from(self.gan_weight), 0.0, 1e6)?;
        between("content-weight", f64::from(self.content_weight.unwrap_or(1.0)), 0.0, 1e12)?;
        between("style-weight", f64::from(self.style_weight), 0.0, 1e12)?;
        between("tv", f64::from(self.tv), 0.0, 1e12)?;
        if self.content_weight == Some(0.0) && self.style_weight == 0.0 && self.tv == 0.0 {
            let message = "--content-weight 0 --style-weight 0 --tv 0: nothing is left to learn; give one of them a weight";
            return Err(refuse(message));
        }
        between("width", self.width.unwrap_or(64) as f64, 1.0, 512.0)?;
        between("discriminator-width", self.discriminator_width.unwrap_or(64) as f64, 1.0, 512.0)?;
        between("blocks", self.blocks as f64, 0.0, 64.0)?;
        between("learning-rate", self.learning_rate, 0.0, 10.0)?;
        between("discriminator-rate", self.discriminator_rate, 0.0, 10.0)?;
        between("held-out", self.held_out as f64, 1.0, 1e6)?;
        between("style-size", self.style_size.unwrap_or(256) as f64, 16.0, 4096.0)?;
        let multiple = self.multiple();
        if let Some(size) = self.size
            && !((SMALLEST..=2048).contains(&size) && size.is_multiple_of(multiple))
        {
            return Err(refuse(format!(
                "--size {size}: expected a multiple of {multiple} from {} to 2048",
                SMALLEST.next_multiple_of(multiple)
            )));
        }
        // The mirrored borders of the network need five pixels.
        if let (Work::SuperResolution, Some(size)) = (self.task, self.size)
            && size / multiple < 5
        {
            return Err(refuse(format!(
                "--size {size}: {0}x{0} pixels once --scale {multiple} has made it small; expected 5x5 or more, a --size of \
                 {1} or more",
                size / multiple,
                5 * multiple
            )));
        }
        for (flag, names) in [
            ("layers", Some(&self.layers)),
            ("content-layer", self.content_layer.as_ref()),
            ("style-layers", self.style_layers.as_ref()),
        ] {
            if let Some(names) = names {
                self.check_layers(flag, names)?;
            }
        }
        if let Some(names) = self.content_layer.as_ref().filter(|names| names.contains(',')) {
            return Err(refuse(format!("--content-layer {names}: expected one layer")));
        }
        Ok(())
    }

    /// Layers that VGG-19 does not have, or that see nothing of pictures so small.
    fn check_layers(&self, flag: &str, names: &str) -> Result<(), Failure> {
        for name in layer_names(names) {
            let layer = Layer::from_str(name).map_err(|error| refuse(format!("--{flag}: {error}")))?;
            let side = layer.smallest_side();
            if self.size.is_some_and(|size| size < side) {
                return Err(refuse(format!(
                    "--{flag} {name}: sees pictures of {side} pixels or more; use a larger --size"
                )));
            }
        }
        Ok(())
    }
}
