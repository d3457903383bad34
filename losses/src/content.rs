//! The content loss: the features of one deep layer, as they are.
//!
//! `1/2 ||F(pred) - P(content)||^2` of each picture, summed over channels and pixels, mean over pictures. Options: without
//! the half; divided by `C H W` (Johnson's normalisation).
//!
//! What it is for: style transfer, where it holds what is seen while [`crate::style`] changes how it is painted.
//!
//! When it fails: the sum grows with the picture, so a weight against the style that was found at one size is wrong at
//! another; then: `normalise: Chw`. For restoration, several layers do better: [`crate::perceptual`].
//!
//! Shapes: `pred`, `content` (N, H, W, 3) in the range the network was told. Defaults: `conv4_2` before its ReLU, half, not
//! normalised.
//! Source: Gatys, Ecker and Bethge 2016, equation 1.

use gobelin_autograd::{Var, ops};

use crate::catalogue::{LossEntry, OptionKind, OptionSpec, TensorSpec};
use crate::features::Features;
use crate::layers::{self, IMAGES, NORMALISATION, POOL};

/// What features are divided by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Normalise {
    /// Nothing: a sum over all of them (Gatys).
    #[default]
    None,
    /// Their number, channels by rows by columns (Johnson).
    Chw,
}

/// Which features count, and what their distance is divided by.
#[derive(Clone, Debug, PartialEq)]
pub struct Content {
    /// The layer.
    pub layer: String,
    /// Whether the distance is halved.
    pub half: bool,
    /// What it is divided by.
    pub normalise: Normalise,
}

impl Default for Content {
    fn default() -> Self {
        Self { layer: "conv4_2".into(), half: true, normalise: Normalise::None }
    }
}

impl Content {
    /// The loss, of shape `[]`.
    ///
    /// # Panics
    /// If the shapes differ.
    #[track_caller]
    pub fn loss(&self, features: &dyn Features, pred: &Var, content: &Var) -> Var {
        let at = |pictures| features.at(pictures, &[&self.layer]).remove(0);
        self.of_maps(&at(pred), &at(content))
    }

    /// The same from the layer's maps: for a content whose features are known.
    ///
    /// # Panics
    /// If the shapes differ.
    #[track_caller]
    pub fn of_maps(&self, pred: &Var, content: &Var) -> Var {
        let count: usize = match self.normalise {
            Normalise::None => pred.shape()[1..].iter().product(),
            Normalise::Chw => 1,
        };
        let factor = count as f32 * if self.half { 0.5 } else { 1.0 };
        ops::scale(&ops::mean_squared_difference(pred, content), factor)
    }
}

pub(crate) const HALF: OptionSpec = OptionSpec {
    name: "half",
    kind: OptionKind::Flag,
    default: "true",
    help: "the paper's factor of 1/2 in the content",
};

pub(crate) const ENTRY: LossEntry = LossEntry {
    name: "content",
    about: "content: 1/2 ||V(pred) - V(content)||^2, V one layer of VGG-19",
    paper: "Gatys et al. 2016, equation 1",
    tensors: &[TensorSpec::float("pred", "(N, 3, H, W)"), TensorSpec::float("content", "(N, 3, H, W)")],
    options: &[
        OptionSpec { name: "layer", kind: OptionKind::Words, default: "conv4_2", help: "a layer of VGG-19" },
        HALF,
        OptionSpec {
            name: "normalise",
            kind: OptionKind::Choice(&["none", "chw"]),
            default: "none",
            help: "chw: divided by channels, rows and columns, as Johnson et al. do",
        },
        IMAGES,
        POOL,
        NORMALISATION,
    ],
    vgg: true,
    run: |call| {
        layers::check(call, "layer", &["pred"])?;
        let normalise = if call.word("normalise") == "chw" { Normalise::Chw } else { Normalise::None };
        let loss = Content { layer: layers::only(call, "layer")?, half: call.flag("half"), normalise };
        Ok(loss.loss(call.features("content")?, &call.var("pred"), &call.var("content")).into())
    },
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{numbers, toy_features};
    use gobelin_autograd::check::GradientCheck;

    #[test]
    fn gradients() {
        for (half, normalise) in [(true, Normalise::None), (false, Normalise::Chw)] {
            let loss = Content { layer: "relu2_1".into(), half, normalise };
            let inputs = [numbers(&[2, 4, 5, 3], 1), numbers(&[2, 4, 5, 3], 2)];
            GradientCheck::default().assert(&inputs, |x| loss.loss(&toy_features(), &x[0], &x[1]));
        }
    }

    #[test]
    fn halves_and_sizes() {
        let [x, y] = [1, 2].map(|stream| Var::constant(numbers(&[2, 3, 2, 4], stream)));
        let of = |half, normalise| Content { half, normalise, ..Content::default() }.of_maps(&x, &y).item();
        let plain: f32 = x.tensor().zip(y.tensor(), |x, y| (x - y).powi(2)).data().iter().sum::<f32>() / 4.0;
        let expected = [plain, 2.0 * plain, plain / 24.0, plain / 12.0];
        let found = [
            of(true, Normalise::None),
            of(false, Normalise::None),
            of(true, Normalise::Chw),
            of(false, Normalise::Chw),
        ];
        assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-5 * b), "{found:?}, {expected:?}");
    }
}
