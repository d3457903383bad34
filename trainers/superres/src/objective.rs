//! What the network minimises.

use gobelin_autograd::{Tensor, Var, ops};
use gobelin_harness::features;
use gobelin_losses::perceptual::Perceptual;
use gobelin_losses::style_transfer::{StyleTransfer, Targets};
use gobelin_nets::vgg19::Vgg19;

/// The loss between what the network makes and what it should have made, pictures `(N, H, W, 3)` in [-1, 1]. Each network that
/// is looked through is told `signed` pictures.
pub enum Objective {
    /// The mean squared difference of pixels.
    Mse,
    /// The difference of features (Johnson et al. 2016, equation 2).
    Perceptual {
        /// Which features.
        loss: Perceptual,
        /// Whose.
        vgg: Vgg19,
    },
    /// Content, style and total variation (ibid., equations 2 to 4 and section 3.2): what should have been made is the picture
    /// itself, in the style of another.
    Style {
        /// The terms.
        loss: StyleTransfer,
        /// The style's Gram matrices.
        grams: Vec<Var>,
        /// What both are seen through.
        vgg: Vgg19,
    },
}

/// The losses of a batch.
pub struct Losses {
    /// What is minimised.
    pub whole: Var,
    /// The terms by name, without their weights, where there are several.
    pub terms: Vec<(&'static str, f32)>,
}

impl Objective {
    /// The painter's objective, with a style picture `(1, H, W, 3)` that is looked at once.
    pub fn style(loss: StyleTransfer, style: &Tensor, vgg: Vgg19) -> Self {
        let maps = features(&vgg)(&style.clone().into(), &loss.style.layers.names());
        Self::Style { grams: loss.style.grams(&maps), loss, vgg }
    }

    /// The losses of what was made.
    pub fn losses(&self, made: &Var, wanted: &Tensor) -> Losses {
        let wanted: Var = wanted.clone().into();
        match self {
            Self::Mse => Losses { whole: ops::mean_squared_difference(made, &wanted), terms: Vec::new() },
            Self::Perceptual { loss, vgg } => {
                Losses { whole: loss.loss(&features(vgg), made, &wanted), terms: Vec::new() }
            }
            Self::Style { loss, grams, vgg } => {
                let looked = features(vgg);
                let content = looked(&wanted, &[&loss.content.layer]).remove(0);
                let terms = loss.terms(&looked, made, &Targets { content, style: grams.clone() });
                let mut told = vec![("content", terms.content.item()), ("style", terms.style.item())];
                told.extend(terms.variation.as_ref().map(|variation| ("tv", variation.item())));
                Losses { whole: loss.sum(&terms), terms: told }
            }
        }
    }
}
