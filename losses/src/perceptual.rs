//! The perceptual loss: the squared distance of two pictures' features.
//!
//! `sum over layers l of w_l ||V_l(pred) - V_l(target)||^2 / (C_l H_l W_l)` of each picture, mean over pictures.
//!
//! What it is for: super-resolution, restoration and image translation, where [`crate::mse`] blurs: a texture in the right
//! place is worth more than its mean. Shallow layers (`relu1_2`) stay near to pixels, deep ones (`relu4_3`) keep what is
//! seen and let colours and edges wander.
//!
//! When it fails: PSNR falls, and should. One layer alone leaves a pattern of its own (checkerboards of the poolings), seen
//! from `relu3_1` on; then: several layers, a little [`crate::mse`] or [`crate::tv`]. Pictures in another range than the
//! network was told give wrong features without a complaint.
//!
//! Shapes: `pred`, `target` (N, H, W, 3) in the range the network was told. Default: `relu2_2` with weight 1.
//! Source: Johnson, Alahi and Fei-Fei 2016, equation 2.

use gobelin_autograd::{Var, ops};

use crate::catalogue::{LossEntry, TensorSpec};
use crate::features::Features;
use crate::layers::{self, IMAGES, LAYER_WEIGHTS, Layers, POOL, layers_option};

/// Which layers count, and how much.
#[derive(Clone, Debug, PartialEq)]
pub struct Perceptual {
    /// The layers.
    pub layers: Layers,
}

impl Default for Perceptual {
    fn default() -> Self {
        Self { layers: Layers::new([("relu2_2", 1.0)]) }
    }
}

impl Perceptual {
    /// The loss, of shape `[]`.
    ///
    /// # Panics
    /// If the shapes differ.
    #[track_caller]
    pub fn loss(&self, features: &dyn Features, pred: &Var, target: &Var) -> Var {
        let names = self.layers.names();
        self.of_maps(&features.at(pred, &names), &features.at(target, &names))
    }

    /// The same from the features of both pictures, in the order of the layers: for targets whose features are known.
    ///
    /// # Panics
    /// If the shapes differ, or there is not one map a layer.
    #[track_caller]
    pub fn of_maps(&self, pred: &[Var], target: &[Var]) -> Var {
        let count = self.layers.names().len();
        assert!(
            count > 0 && pred.len() == count && target.len() == count,
            "perceptual: one map for each layer"
        );
        let terms = self.layers.weights().zip(pred.iter().zip(target));
        let terms = terms.map(|(weight, (x, y))| ops::scale(&ops::mean_squared_difference(x, y), weight));
        terms.reduce(|sum, term| ops::add(&sum, &term)).expect("a layer")
    }
}

pub(crate) const ENTRY: LossEntry = LossEntry {
    name: "perceptual",
    about: "perceptual: sum over layers of w ||V(pred) - V(target)||^2 / (C H W), V the features of VGG-19",
    paper: "Johnson et al. 2016, equation 2",
    tensors: &[TensorSpec::float("pred", "(N, 3, H, W)"), TensorSpec::float("target", "(N, 3, H, W)")],
    options: &[layers_option("relu2_2"), LAYER_WEIGHTS, IMAGES, POOL],
    vgg: true,
    run: |call| {
        let loss = Perceptual { layers: Layers::of_call(call, |_| 1.0)? };
        layers::reach(call, &["pred"], &loss.layers.names())?;
        Ok(loss.loss(call.features("perceptual")?, &call.var("pred"), &call.var("target")).into())
    },
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{numbers, toy_features};
    use gobelin_autograd::Tensor;
    use gobelin_autograd::check::GradientCheck;

    #[test]
    fn gradients() {
        let loss = Perceptual { layers: Layers::new([("relu1_1", 0.5), ("relu2_1", 2.0)]) };
        let inputs = [numbers(&[2, 4, 5, 3], 1), numbers(&[2, 4, 5, 3], 2)];
        GradientCheck::default().assert(&inputs, |x| loss.loss(&toy_features(), &x[0], &x[1]));
    }

    #[test]
    fn layers_are_weighed_and_nan_stays() {
        let [x, y] = [1, 2].map(|stream| Var::constant(numbers(&[1, 4, 4, 3], stream)));
        let of = |layers| Perceptual { layers: Layers::new(layers) }.loss(&toy_features(), &x, &y).item();
        let (first, second) = (of(vec![("relu1_1", 1.0)]), of(vec![("relu2_1", 1.0)]));
        let both = of(vec![("relu1_1", 3.0), ("relu2_1", 0.5)]);
        assert!((both - (3.0 * first + 0.5 * second)).abs() < 1e-5 * both);
        let nan = Tensor::full(&[1, 4, 4, 3], f32::NAN).into();
        assert!(Perceptual::default().loss(&toy_features(), &nan, &y).item().is_nan());
    }
}
