//! The painter's half of the flags, and what is built of them (Johnson et al. 2016, section 3).

use std::str::FromStr;
use std::sync::Arc;

use gobelin_datasets::{Dataset, Picture};
use gobelin_harness::{Failure, Origin, RunOptions};
use gobelin_losses::content::{Content, Normalise};
use gobelin_losses::layers::Layers;
use gobelin_losses::style::{Gram, Style};
use gobelin_losses::style_transfer::StyleTransfer;
use gobelin_nets::vgg19::Layer;

use super::SuperresOptions;
use super::check::{layer_names, refuse};
use crate::degrade::tensor;
use crate::gallery::Gallery;
use crate::objective::Objective;
use crate::trainer::Task;

/// The layers that see the painter's content and style: the paper's, and those for random filters.
const PAPERS_LAYERS: [&str; 2] = ["relu3_3", "relu1_2,relu2_2,relu3_3,relu4_3"];
const RANDOM_LAYERS: [&str; 2] = ["conv2_2", "conv1_1,conv2_1,conv3_1,conv4_1"];
/// The style that is painted in where none is given.
const STYLE: &str = "drawn:brush:2";

impl SuperresOptions {
    /// Through trained filters the painter's terms are the paper's. Random ones see the same in noise as in a texture once their
    /// ReLUs and maxima have made all features positive; before the ReLU, and with average pooling, they tell them apart.
    pub(super) fn settle_painting(&mut self) {
        self.style.get_or_insert(STYLE.to_owned());
        let random = self.vgg.vgg.is_none();
        let [content, style] = if random { RANDOM_LAYERS } else { PAPERS_LAYERS };
        self.content_layer.get_or_insert(content.to_owned());
        self.style_layers.get_or_insert(style.to_owned());
        self.content_weight.get_or_insert(if random { 5.0 } else { 1.0 });
    }

    /// The painter's terms; each Gram matrix divided by the number of features, the content distance likewise.
    fn style_transfer(&self) -> StyleTransfer {
        StyleTransfer {
            content: Content {
                layer: self.content_layer.clone().expect("settled before"),
                half: false,
                normalise: Normalise::Chw,
            },
            style: Style {
                layers: Layers::alike(&layer_names(self.style_layers.as_ref().expect("settled before")), 1.0),
                gram: Gram::Chw,
                ..Style::default()
            },
            alpha: self.content_weight.expect("settled before"),
            beta: self.style_weight,
            tv_weight: self.tv,
        }
    }

    /// The style picture, as large as `--style-size` says.
    fn style_picture(&self, run: &RunOptions) -> Result<Picture, Failure> {
        let side = self.style_size.expect("settled before");
        let picture = Origin::parse("style", self.style.as_ref().expect("settled before"))?
            .open("style", side, run.seed)?;
        let longest = picture.height.max(picture.width);
        let [height, width] =
            [picture.height, picture.width].map(|length| (length * side + longest / 2) / longest);
        if height.min(width) < 16 {
            return Err(refuse(format!(
                "--style {}: {width}x{height} pixels with --style-size {side}; expected at least 16 on each side",
                self.style.as_deref().unwrap_or(STYLE)
            )));
        }
        for name in layer_names(self.style_layers.as_ref().expect("settled before")) {
            let least = Layer::from_str(name).map_err(|error| refuse(error.to_string()))?.smallest_side();
            if height.min(width) < least {
                return Err(refuse(format!(
                    "--style-layers {name}: sees pictures of {least} pixels or more, the style picture has {width}x{height}; use \
                     a larger --style-size"
                )));
            }
        }
        Ok(picture.resize(height, width))
    }

    pub(super) fn painting(
        &self,
        run: &RunOptions,
        held_out: Arc<dyn Dataset>,
    ) -> Result<(Objective, Task), Failure> {
        let style = self.style_picture(run)?;
        let objective = Objective::style(self.style_transfer(), &tensor(&style), self.network(run)?);
        let gallery = Gallery::new(held_out, self.held_out, self.size.expect("settled"), &style)?;
        let before = gallery.before(&objective);
        let name = self.style.clone().expect("settled");
        Ok((objective, Task::Style { style, name, gallery, before, now: None }))
    }
}
