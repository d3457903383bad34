//! Style transfer's loss: the content of one picture in the style of another.
//!
//! `alpha content + beta style + tv-weight tv`, with [`crate::content`], [`crate::style`] and anisotropic
//! [`crate::tv`], summed over pixels, mean over pictures. The picture goes through the network once for all terms.
//!
//! What it is for: optimising a picture itself (Gatys), or a network that paints (Johnson).
//!
//! When it fails: the ratio of alpha to beta depends on network, size and divisors; the paper's 1e-3 to 1e-4 is for
//! Caffe's weights with average pooling. Too much beta: texture without content; too little: a tinted photograph.
//!
//! Shapes: `pred`, `content` (N, H, W, 3), `style` (N or 1, any H, any W, 3), in the range the network was told. Defaults:
//! alpha 1, beta 1000, tv-weight 0.
//! Source: Gatys, Ecker and Bethge 2016, equation 7; the variation: Mahendran and Vedaldi 2015, Johnson et al. 2016.

use gobelin_autograd::{Var, ops};

use crate::Reduction;
use crate::catalogue::{Domain, LossEntry, OptionKind, OptionSpec, TensorSpec};
use crate::content::Content;
use crate::features::Features;
use crate::layers::{self, IMAGES, POOL};
use crate::style::{self, Style};
use crate::tv::{Variation, tv};

/// The three terms and their weights.
#[derive(Clone, Debug, PartialEq)]
pub struct StyleTransfer {
    /// What is seen.
    pub content: Content,
    /// How it is painted.
    pub style: Style,
    /// The weight of the content.
    pub alpha: f32,
    /// The weight of the style.
    pub beta: f32,
    /// The weight of the total variation.
    pub tv_weight: f32,
}

impl Default for StyleTransfer {
    fn default() -> Self {
        Self {
            content: Content::default(),
            style: Style::default(),
            alpha: 1.0,
            beta: 1000.0,
            tv_weight: 0.0,
        }
    }
}

/// What is compared with: computed once where the pictures stay.
#[derive(Clone, Debug)]
pub struct Targets {
    /// The content layer's maps.
    pub content: Var,
    /// The style layers' divided Gram matrices.
    pub style: Vec<Var>,
}

/// What the loss is put together from.
#[derive(Clone, Debug)]
pub struct Terms {
    /// The content loss.
    pub content: Var,
    /// The style loss.
    pub style: Var,
    /// The total variation, if it counts.
    pub variation: Option<Var>,
}

impl StyleTransfer {
    /// The targets of a content and a style picture.
    pub fn targets(&self, features: &dyn Features, content: &Var, style: &Var) -> Targets {
        Targets {
            content: features.at(content, &[&self.content.layer]).remove(0),
            style: self.style.grams(&features.at(style, &self.style.layers.names())),
        }
    }

    /// The loss, of shape `[]`.
    ///
    /// # Panics
    /// If the shapes do not fit.
    #[track_caller]
    pub fn loss(&self, features: &dyn Features, pred: &Var, targets: &Targets) -> Var {
        self.sum(&self.terms(features, pred, targets))
    }

    /// The terms, each of shape `[]` and without its weight; no variation where that has no weight.
    ///
    /// # Panics
    /// If the shapes do not fit.
    #[track_caller]
    pub fn terms(&self, features: &dyn Features, pred: &Var, targets: &Targets) -> Terms {
        let mut names = self.style.layers.names();
        names.push(&self.content.layer);
        let mut maps = features.at(pred, &names);
        let content = self.content.of_maps(&maps.pop().expect("the content layer"), &targets.content);
        let style = self.style.of_maps(&maps, &targets.style);
        let variation = (self.tv_weight != 0.0).then(|| {
            let sum = tv(pred, Variation::Anisotropic, Reduction::Sum);
            ops::scale(&sum, 1.0 / pred.shape()[0] as f32)
        });
        Terms { content, style, variation }
    }

    /// The weighted sum of terms: the loss.
    pub fn sum(&self, terms: &Terms) -> Var {
        let sum = ops::add(&ops::scale(&terms.content, self.alpha), &ops::scale(&terms.style, self.beta));
        match &terms.variation {
            Some(variation) => ops::add(&sum, &ops::scale(variation, self.tv_weight)),
            None => sum,
        }
    }
}

const fn weight(name: &'static str, default: &'static str, help: &'static str) -> OptionSpec {
    OptionSpec { name, kind: OptionKind::Number(Domain::NonNegative), default, help }
}

pub(crate) const ENTRY: LossEntry = LossEntry {
    name: "style-transfer",
    about: "style transfer: alpha content + beta style + tv-weight tv",
    paper: "Gatys et al. 2016, equation 7",
    tensors: &[
        TensorSpec::float("pred", "(N, 3, H, W)"),
        TensorSpec::float("content", "(N, 3, H, W)"),
        TensorSpec::float("style", "(K, 3, Y, X)"),
    ],
    options: &[
        weight("alpha", "1", "the weight of the content"),
        weight("beta", "1000", "the weight of the style"),
        weight("tv-weight", "0", "the weight of the anisotropic total variation, summed over pixels"),
        IMAGES,
        POOL,
    ],
    vgg: true,
    run: |call| {
        let loss = StyleTransfer {
            alpha: call.number("alpha"),
            beta: call.number("beta"),
            tv_weight: call.number("tv-weight"),
            ..StyleTransfer::default()
        };
        layers::reach(call, &["pred"], &[&loss.content.layer])?;
        layers::reach(call, &["pred", "style"], &loss.style.layers.names())?;
        style::one_or_as_many(call)?;
        let features = call.features("style-transfer")?;
        let targets = loss.targets(features, &call.var("content"), &call.var("style"));
        Ok(loss.loss(features, &call.var("pred"), &targets).into())
    },
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layers::Layers;
    use crate::testing::{numbers, toy_features};
    use gobelin_autograd::check::GradientCheck;

    #[test]
    fn gradients_and_the_sum_of_its_terms() {
        let loss = StyleTransfer {
            content: Content { layer: "relu2_1".into(), ..Content::default() },
            style: Style { layers: Layers::alike(&["relu1_1", "relu2_1"], 0.5), ..Style::default() },
            alpha: 0.5,
            beta: 20.0,
            tv_weight: 0.01,
        };
        let inputs = [[2, 4, 5, 3], [2, 4, 5, 3], [1, 6, 4, 3]].map(|shape| numbers(&shape, shape[1] as u64));
        let run = |x: &[Var]| loss.loss(&toy_features(), &x[0], &loss.targets(&toy_features(), &x[1], &x[2]));
        GradientCheck::default().with_step(5e-3).with_tolerance(1e-2).assert(&inputs, run);
        let [pred, content, style] = inputs.map(Var::from);
        let terms = 0.5 * loss.content.loss(&toy_features(), &pred, &content).item()
            + 20.0 * loss.style.loss(&toy_features(), &pred, &style).item()
            + 0.005 * tv(&pred, Variation::Anisotropic, Reduction::Sum).item();
        let found = run(&[pred, content, style]).item();
        assert!((found - terms).abs() < 1e-5 * terms, "{found}, {terms}");
    }
}
