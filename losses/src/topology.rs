//! The topology loss: a mask is judged by what a network trained on pictures sees in it.
//!
//! `BCE + mu sum over layers n of ||l_n(target) - l_n(sigmoid(logits))||^2 / (M_n W_n H_n)`, where `l_n` are the `M_n` maps of
//! VGG-19 for the mask as a grey picture, mean over pictures. Maps answer to lines, ends and junctions, so a gap of one pixel in a membrane,
//! which cross-entropy hardly notices, changes many of them.
//!
//! What it is for: thin connected structures: membranes, roads, vessels, cracks. The paper's net refines its own answer: it
//! is given the picture and the answer before (at first an empty one), `K` times, and the losses of the steps are added with
//! [`refinement_weights`].
//!
//! When it fails: where blobs count and not how they are connected, plain [`crate::bce()`] or [`crate::dice()`] costs less. It
//! knows no topology as such: loops of the right texture pass. With much more than the paper's `mu` masks turn into textures.
//! [`crate::cldice()`] needs no network.
//!
//! Shapes: `logits`, `target` (N, H, W, 1), the target from 0 to 1; the network must be told `unit` pictures. Defaults: `mu`
//! 0.1, layers `relu1_2`, `relu2_2`, `relu3_4`: the paper's `conv1_2`, `conv2_2`, `conv3_4` after their ReLU.
//! Source: Mosinska et al. 2018, equations 2, 3 and 5.

use gobelin_autograd::{Tensor, Var, ops};

use crate::Reduction;
use crate::bce::bce;
use crate::catalogue::{Domain, LossEntry, OptionKind, OptionSpec, TensorSpec};
use crate::features::Features;
use crate::layers::{self, layers_option};

/// The weight of what the network sees, and in which layers.
#[derive(Clone, Debug, PartialEq)]
pub struct Topology {
    /// The weight of the layers' sum beside the cross-entropy.
    pub mu: f32,
    /// The layers.
    pub layers: Vec<String>,
}

/// The paper's layers.
const LAYERS: &str = "relu1_2,relu2_2,relu3_4";

impl Default for Topology {
    fn default() -> Self {
        Self { mu: 0.1, layers: LAYERS.split(',').map(str::to_owned).collect() }
    }
}

impl Topology {
    /// The loss, of shape `[]`.
    ///
    /// # Panics
    /// If the shapes differ or have other than one channel.
    #[track_caller]
    pub fn loss(&self, features: &dyn Features, logits: &Var, target: &Var) -> Var {
        self.of_maps(features, logits, target, &self.maps(features, target))
    }

    /// What the network sees in masks of (N, H, W, 1): of a target once for all steps of a refinement.
    ///
    /// # Panics
    /// If the masks have other than one channel.
    #[track_caller]
    pub fn maps(&self, features: &dyn Features, masks: &Var) -> Vec<Var> {
        let &[n, h, w, 1] = masks.shape() else {
            panic!("topology: masks of {:?}, expected (N, H, W, 1)", masks.shape())
        };
        let names: Vec<&str> = self.layers.iter().map(String::as_str).collect();
        features.at(&ops::broadcast_to(masks, &[n, h, w, 3]), &names)
    }

    /// The loss where [`Topology::maps`] of the target are known.
    ///
    /// # Panics
    /// If the shapes do not fit.
    #[track_caller]
    pub fn of_maps(&self, features: &dyn Features, logits: &Var, target: &Var, maps: &[Var]) -> Var {
        let pixels = bce(logits, target, 1.0, None, Reduction::Mean);
        ops::add(&pixels, &ops::scale(&self.distance(features, logits, maps), self.mu))
    }

    /// The sum over layers alone, without `mu`: for use beside another loss of pixels.
    ///
    /// # Panics
    /// If the shapes do not fit.
    #[track_caller]
    pub fn distance(&self, features: &dyn Features, logits: &Var, maps: &[Var]) -> Var {
        let found = self.maps(features, &ops::sigmoid(logits));
        assert!(found.len() == maps.len(), "topology: one map for each layer");
        let each = found.iter().zip(maps).map(|(found, wanted)| ops::mean_squared_difference(found, wanted));
        each.reduce(|sum, layer| ops::add(&sum, &layer)).unwrap_or_else(|| Tensor::scalar(0.0).into())
    }
}

/// The weights of the `steps` of a refinement, the first step's first: `k / (K (K + 1) / 2)`, which add up to 1, so that the
/// last answer counts most (the paper's equation 5).
pub fn refinement_weights(steps: usize) -> Vec<f32> {
    let total = (steps * (steps + 1) / 2) as f32;
    (1..=steps).map(|step| step as f32 / total).collect()
}

pub(crate) const ENTRY: LossEntry = LossEntry {
    name: "topology",
    about: "topology: BCE + mu sum over layers of ||V(target) - V(sigmoid(logits))||^2 / (C H W), V the maps of VGG-19",
    paper: "Mosinska et al. 2018, equations 2 and 3",
    tensors: &[TensorSpec::float("logits", "(N, 1, H, W)"), TensorSpec::mask("target", "(N, 1, H, W)")],
    options: &[
        OptionSpec {
            name: "mu",
            kind: OptionKind::Number(Domain::NonNegative),
            default: "0.1",
            help: "the weight of what VGG-19 sees beside the cross-entropy",
        },
        layers_option(LAYERS),
    ],
    vgg: true,
    run: |call| {
        layers::reach(call, &["logits"], &call.words("layers"))?;
        let layers = call.words("layers").into_iter().map(str::to_owned).collect();
        let loss = Topology { mu: call.number("mu"), layers };
        Ok(loss.loss(call.features("topology")?, &call.var("logits"), &call.mask("target")?).into())
    },
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{numbers, toy_features};
    use gobelin_autograd::Tape;
    use gobelin_autograd::check::GradientCheck;

    fn toy() -> Topology {
        Topology { mu: 2.0, layers: vec!["relu1_1".into(), "relu2_1".into()] }
    }

    #[test]
    fn gradients() {
        let target = numbers(&[2, 4, 5, 1], 2).map(|v| f32::from(v > 0.0)).into();
        GradientCheck::default()
            .assert(&[numbers(&[2, 4, 5, 1], 1)], |x| toy().loss(&toy_features(), &x[0], &target));
    }

    #[test]
    fn a_right_answer_costs_nothing_and_huge_logits_are_finite() {
        let target = numbers(&[1, 4, 4, 1], 3).map(|v| f32::from(v > 0.0));
        let tape = Tape::new();
        for (sign, right) in [(1.0, true), (-1.0, false)] {
            let logits = tape.leaf(target.map(|t| sign * (t - 0.5) * 2e4));
            let loss = toy().loss(&toy_features(), &logits, &target.clone().into());
            assert_eq!(loss.item() < 1e-6, right);
            let gradient = tape.gradients(&loss, &[&logits]).remove(0);
            assert!(loss.item().is_finite() && gradient.data().iter().all(|v| v.is_finite()));
        }
        let nan = Tensor::full(&[1, 4, 4, 1], f32::NAN).into();
        assert!(toy().loss(&toy_features(), &nan, &target.into()).item().is_nan());
    }

    #[test]
    fn the_last_step_counts_most() {
        assert_eq!(refinement_weights(3), [1.0 / 6.0, 2.0 / 6.0, 3.0 / 6.0]);
        assert_eq!(refinement_weights(1), [1.0]);
    }
}
