//! What the picture is changed towards: the loss at one size, its targets computed once.

use gobelin_autograd::{Figure, Tape, Tensor, Var, ops};
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

impl Terms {
    /// From their numbers, in the order of [`Evaluation::terms`].
    pub fn of(numbers: [f64; 4]) -> Self {
        let [total, content, style, variation] = numbers.map(|number| number as f32);
        Self { total, content, style, variation }
    }
}

/// A picture's loss, what it is made of and its gradient, where they were computed.
pub struct Evaluation {
    /// The weighted sum, of one value.
    pub total: Tensor,
    /// The sum again, and each term.
    pub terms: [Figure; 4],
    /// Of the picture.
    pub gradient: Tensor,
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
    /// grey. Pictures on a graphics card are looked at there, and those looked at later must lie there too.
    /// `loss.tv_weight` is that of the mean over pixels, so that all weights mean the same at every size.
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

    /// The loss of a picture `(1, H, W, C)`, and its gradient.
    pub fn evaluate(&self, picture: Tensor) -> Evaluation {
        let tape = Tape::new();
        let x = tape.leaf(picture);
        let terms = self.loss.terms(&features(&self.network), &in_colour(&x), &self.targets);
        let total = self.loss.sum(&terms);
        let figures = [
            (&total).into(),
            (&terms.content).into(),
            (&terms.style).into(),
            terms.variation.as_ref().map(Figure::from).unwrap_or_default(),
        ];
        drop(terms);
        let gradient = tape.gradients(&total, &[&x]).remove(0);
        Evaluation { total: total.tensor().clone(), terms: figures, gradient }
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
