//! What the picture is changed towards: the loss at one size, its targets computed once.

use gobelin_autograd::{Parameter, Tape, Tensor, Var, ops};
use gobelin_harness::features;
use gobelin_losses::style_transfer::{StyleTransfer, Targets};
use gobelin_nets::vgg19::Vgg19;

/// The loss between pictures of one size, seen through VGG-19.
pub struct Aim {
    network: Vgg19,
    loss: StyleTransfer,
    targets: Targets,
    /// The Gram matrices of each style.
    styles: Vec<Vec<Var>>,
}

/// What a picture's loss is made of, each without its weight.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Terms {
    /// The weighted sum.
    pub total: f32,
    /// The content loss.
    pub content: f32,
    /// The style loss.
    pub style: f32,
    /// The total variation, 0 where that has no weight.
    pub variation: f32,
}

/// A picture's loss and what it is made of, where they were computed: reading them waits.
#[derive(Clone, Debug)]
pub struct Losses {
    /// The weighted sum, of one value as all of them.
    pub total: Tensor,
    content: Tensor,
    style: Tensor,
    variation: Option<Tensor>,
}

impl Losses {
    /// Their values.
    pub fn read(&self) -> Terms {
        Terms {
            total: self.total.item(),
            content: self.content.item(),
            style: self.style.item(),
            variation: self.variation.as_ref().map_or(0.0, Tensor::item),
        }
    }
}

/// How far a picture is from the content and from the styles.
#[derive(Clone, Debug, PartialEq)]
pub struct Distances {
    /// The content loss.
    pub content: f64,
    /// The style loss against the blend of all styles.
    pub style: f64,
    /// The style loss against each style.
    pub styles: Vec<f64>,
}

impl Aim {
    /// Targets from a content `(1, H, W, C)` and styles `(1, H', W', C)` with weights whose sum is 1; C is 3, or 1 for
    /// grey. Pictures on a graphics card are looked at there, and those looked at later must lie there too. `loss.tv_weight` is that of the mean over pixels, so that all weights mean the same at every size.
    ///
    /// Several styles are blended in their Gram matrices: since the weights' sum is 1, `sum_k w_k |G - A_k|^2` is
    /// `|G - sum_k w_k A_k|^2` and a constant, so the gradients are those of the weighted sum of the style losses.
    ///
    /// # Panics
    /// If a picture does not reach the layers, or there is no style.
    #[track_caller]
    pub fn new(network: &Vgg19, mut loss: StyleTransfer, content: &Tensor, styles: &[(Tensor, f32)]) -> Self {
        loss.tv_weight /= (content.shape()[1] * content.shape()[2]) as f32;
        let looked = features(network);
        let grams = |style: &Tensor| {
            let maps = looked(&in_colour(&style.clone().into()), &loss.style.layers.names());
            loss.style.grams(&maps)
        };
        let found: Vec<Vec<Var>> = styles.iter().map(|(style, _)| grams(style)).collect();
        let blend = |layer: usize| {
            let parts =
                found.iter().zip(styles).map(|(grams, (_, weight))| ops::scale(&grams[layer], *weight));
            parts.reduce(|sum, part| ops::add(&sum, &part)).expect("at least one style")
        };
        let style = (0..loss.style.layers.names().len()).map(blend).collect();
        let content = looked(&in_colour(&content.clone().into()), &[&loss.content.layer]).remove(0);
        let network = network.clone();
        Self { network, targets: Targets { content, style }, styles: found, loss }
    }

    /// The loss of a picture, and its gradient.
    pub fn evaluate(&self, picture: &Parameter) -> (Losses, Tensor) {
        let tape = Tape::new();
        let x = tape.parameter(picture);
        let terms = self.loss.terms(&features(&self.network), &in_colour(&x), &self.targets);
        drop(x);
        let total = self.loss.sum(&terms);
        let losses = Losses {
            total: total.tensor().clone(),
            content: terms.content.tensor().clone(),
            style: terms.style.tensor().clone(),
            variation: terms.variation.as_ref().map(|variation| variation.tensor().clone()),
        };
        drop(terms);
        (losses, tape.parameter_gradients(&total, std::slice::from_ref(picture)).remove(0))
    }

    /// How far a picture `(1, H, W, C)` is from what it should become.
    pub fn distances(&self, picture: &Tensor) -> Distances {
        let mut names = self.loss.style.layers.names();
        names.push(&self.loss.content.layer);
        let mut maps = features(&self.network)(&in_colour(&picture.clone().into()), &names);
        let content =
            self.loss.content.of_maps(&maps.pop().expect("the content layer"), &self.targets.content);
        let from = |grams: &Vec<Var>| f64::from(self.loss.style.of_maps(&maps, grams).item());
        Distances {
            content: content.item().into(),
            style: from(&self.targets.style),
            styles: self.styles.iter().map(from).collect(),
        }
    }
}

/// Grey in three channels; colours as they are.
fn in_colour(picture: &Var) -> Var {
    let &[n, height, width, _] = picture.shape() else { panic!("aim: shape {:?}", picture.shape()) };
    ops::broadcast_to(picture, &[n, height, width, 3])
}
