//! What is minimised: a loss of pixels, and what may be added to it.

use gobelin_autograd::{Tensor, Var, ops};
use gobelin_losses::Reduction;
use gobelin_losses::bce::bce;
use gobelin_losses::cldice::cldice;
use gobelin_losses::cross_entropy::CrossEntropy;
use gobelin_losses::dice::Dice;
use gobelin_losses::metrics::{Connectivity, connected_components};
use gobelin_losses::pixel_weight_cross_entropy::pixel_weight_cross_entropy;
use gobelin_losses::topology::Topology;
use gobelin_losses::weight_map::UnetWeightMap;
use gobelin_nets::vgg19::Vgg19;

use crate::net::logit;

/// The loss of pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PixelLoss {
    /// Binary cross-entropy of one logit a pixel.
    Bce,
    /// Cross-entropy of two logits a pixel.
    CrossEntropy,
    /// One less the overlap.
    Dice,
}

/// Which side of a mask the objects are on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Objects {
    /// Lines are set, and objects are what they enclose: pieces of what is not set, where pixels that share only a corner are
    /// apart.
    Background,
    /// Objects are set: pieces of the mask, where pixels that share a corner belong together.
    Foreground,
}

impl Objects {
    /// The number of each pixel's object from 1 on, 0 between objects.
    pub fn labels(self, mask: &[bool], width: usize) -> Vec<u32> {
        match self {
            Self::Foreground => connected_components(mask, width, Connectivity::Eight).0,
            Self::Background => {
                let inverse: Vec<bool> = mask.iter().map(|set| !set).collect();
                connected_components(&inverse, width, Connectivity::Four).0
            }
        }
    }
}

/// U-Net's weights of pixels, high where two objects nearly touch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GapWeights {
    /// On which side the objects are.
    pub objects: Objects,
    /// Added where two objects touch.
    pub w0: f32,
    /// How far that reaches, in pixels.
    pub sigma: f32,
}

/// The sum of losses of one answer.
#[derive(Clone)]
pub struct Objective {
    /// The loss of pixels.
    pub pixel: PixelLoss,
    /// Weights of background and mask in the loss of pixels.
    pub class_weights: Option<[f32; 2]>,
    /// Weights of pixels near gaps, for losses that are not dice.
    pub gap_weights: Option<GapWeights>,
    /// What VGG-19 sees, and the network, told `unit` pictures.
    pub topology: Option<(Topology, Vgg19)>,
    /// The weight of soft clDice, and the iterations of its skeleton.
    pub cldice: Option<(f32, usize)>,
}

/// The losses of one answer, each without its weight in the sum, which is `whole`.
pub struct Losses {
    /// The sum that is minimised.
    pub whole: Var,
    /// The loss of pixels.
    pub pixel: f32,
    /// The distance of what VGG-19 sees.
    pub topology: Option<f32>,
    /// Soft clDice.
    pub cldice: Option<f32>,
}

/// Masks of a batch, with what all answers are compared with.
pub struct Target {
    mask: Var,
    classes: Vec<i64>,
    weights: Option<Var>,
    maps: Vec<Var>,
}

impl Objective {
    /// Outputs a pixel of the network it is for.
    pub fn classes(&self) -> usize {
        if self.pixel == PixelLoss::CrossEntropy { 2 } else { 1 }
    }

    /// Looks at masks (N, H, W, 1) of 0 and 1 once for all answers.
    pub fn target(&self, masks: &Tensor) -> Target {
        let mask: Var = masks.clone().into();
        let maps = match &self.topology {
            Some((topology, vgg)) => topology.maps(&gobelin_harness::features(vgg), &mask),
            None => Vec::new(),
        };
        Target {
            classes: masks.data().iter().map(|&value| i64::from(value > 0.5)).collect(),
            weights: self.pixel_weights(masks),
            mask,
            maps,
        }
    }

    /// Class and gap weights of each pixel.
    fn pixel_weights(&self, masks: &Tensor) -> Option<Var> {
        let &[_, height, width, 1] = masks.shape() else {
            panic!("segment: masks of {:?}, expected (N, H, W, 1)", masks.shape())
        };
        if self.class_weights.is_none() && self.gap_weights.is_none() {
            return None;
        }
        let [background, set] = self.class_weights.unwrap_or([1.0; 2]);
        let mut weights = masks.map(|value| if value > 0.5 { set } else { background });
        if let Some(GapWeights { objects, w0, sigma }) = self.gap_weights {
            // Class weights are by mask, not by object: they are added above.
            let map = UnetWeightMap { w0, sigma, class_weights: [0.0; 2] };
            let pairs = weights.data_mut().chunks_exact_mut(height * width);
            for (weights, mask) in pairs.zip(masks.data().chunks_exact(height * width)) {
                let mask: Vec<bool> = mask.iter().map(|&value| value > 0.5).collect();
                let gaps = map.of_labels(&objects.labels(&mask, width), width);
                weights.iter_mut().zip(gaps).for_each(|(weight, gap)| *weight += gap);
            }
        }
        Some(weights.into())
    }

    /// The losses of an answer, (N, H, W, classes).
    pub fn losses(&self, answer: &Var, target: &Target) -> Losses {
        let logit = logit(answer);
        let pixel = self.pixel_loss(answer, &logit, target);
        let mut losses = Losses { pixel: pixel.item(), whole: pixel, topology: None, cldice: None };
        if let Some((topology, vgg)) = &self.topology {
            let seen = topology.distance(&gobelin_harness::features(vgg), &logit, &target.maps);
            losses.topology = Some(seen.item());
            losses.whole = ops::add(&losses.whole, &ops::scale(&seen, topology.mu));
        }
        if let Some((weight, iterations)) = self.cldice {
            let broken = cldice(&logit, &target.mask, iterations, 1.0, Reduction::Mean);
            losses.cldice = Some(broken.item());
            losses.whole = ops::add(&losses.whole, &ops::scale(&broken, weight));
        }
        losses
    }

    fn pixel_loss(&self, answer: &Var, logit: &Var, target: &Target) -> Var {
        match self.pixel {
            PixelLoss::Bce => bce(logit, &target.mask, 1.0, target.weights.as_ref(), Reduction::Mean),
            PixelLoss::Dice => Dice::default().of_masks(logit, &target.mask),
            PixelLoss::CrossEntropy => match &target.weights {
                None => CrossEntropy::default().of(answer, &target.classes, None),
                Some(weights) => {
                    let weights = ops::reshape(weights, &answer.shape()[..3]);
                    let loss = CrossEntropy::default();
                    pixel_weight_cross_entropy(loss, answer, &target.classes, &weights, None)
                }
            },
        }
    }
}
