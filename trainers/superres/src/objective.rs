//! What the network minimises.

use gobelin_autograd::{Figure, Tensor, Var, ops};
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
    /// The terms that [`Objective::terms`] names, without their weights.
    pub terms: [Figure; TERMS],
}

/// Most terms that a loss has.
pub const TERMS: usize = 3;

impl Objective {
    /// The painter's objective, with a style picture `(1, H, W, 3)` that is looked at once.
    pub fn style(loss: StyleTransfer, style: &Tensor, vgg: Vgg19) -> Self {
        let maps = features(&vgg)(&style.clone().into(), &loss.style.layers.names());
        Self::Style { grams: loss.style.grams(&maps), loss, vgg }
    }

    /// What the terms are called, where there are several.
    pub fn terms(&self) -> &'static [&'static str] {
        match self {
            Self::Style { loss, .. } if loss.tv_weight != 0.0 => &["content", "style", "tv"],
            Self::Style { .. } => &["content", "style"],
            Self::Mse | Self::Perceptual { .. } => &[],
        }
    }

    /// The losses of what was made.
    pub fn losses(&self, made: &Var, wanted: &Tensor) -> Losses {
        let wanted: Var = wanted.clone().into();
        match self {
            Self::Mse => ops::mean_squared_difference(made, &wanted).into(),
            Self::Perceptual { loss, vgg } => loss.loss(&features(vgg), made, &wanted).into(),
            Self::Style { loss, grams, vgg } => {
                let looked = features(vgg);
                let content = looked(&wanted, &[&loss.content.layer]).remove(0);
                let terms = loss.terms(&looked, made, &Targets { content, style: grams.clone() });
                let variation = terms.variation.as_ref().map(Figure::from).unwrap_or_default();
                let told = [(&terms.content).into(), (&terms.style).into(), variation];
                Losses { whole: loss.sum(&terms), terms: told }
            }
        }
    }
}

/// A loss of one term.
impl From<Var> for Losses {
    fn from(whole: Var) -> Self {
        Self { whole, terms: Default::default() }
    }
}
