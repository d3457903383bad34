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

impl GapWeights {
    /// Of each pixel of masks (N, H, W, 1) of 0 and 1 on the host.
    pub fn of(self, masks: &Tensor) -> Tensor {
        let &[_, height, width, 1] = masks.shape() else {
            panic!("segment: masks of {:?}, expected (N, H, W, 1)", masks.shape())
        };
        let Self { objects, w0, sigma } = self;
        // Class weights are by mask, not by object: they are added later.
        let map = UnetWeightMap { w0, sigma, class_weights: [0.0; 2] };
        Tensor::build(masks.shape(), |gaps| {
            let pairs = gaps.chunks_exact_mut(height * width);
            for (gaps, mask) in pairs.zip(masks.data().chunks_exact(height * width)) {
                let mask: Vec<bool> = mask.iter().map(|&value| value > 0.5).collect();
                gaps.copy_from_slice(&map.of_labels(&objects.labels(&mask, width), width));
            }
        })
    }
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

/// The losses of one answer, each without its weight in the sum, which is `whole`. The others are constants.
pub struct Losses {
    /// The sum that is minimised.
    pub whole: Var,
    /// The loss of pixels.
    pub pixel: Var,
    /// The distance of what VGG-19 sees.
    pub topology: Option<Var>,
    /// Soft clDice.
    pub cldice: Option<Var>,
}

/// What all answers on a batch are compared with.
pub struct Target {
    mask: Var,
    weights: Option<Var>,
    maps: Vec<Var>,
}

impl Objective {
    /// Outputs a pixel of the network it is for.
    pub fn classes(&self) -> usize {
        if self.pixel == PixelLoss::CrossEntropy { 2 } else { 1 }
    }

    /// Looks at masks and their [`GapWeights::of`] once for all answers.
    pub fn target(&self, masks: &Tensor, gaps: Option<&Tensor>) -> Target {
        let mask: Var = masks.clone().into();
        let maps = match &self.topology {
            Some((topology, vgg)) => topology.maps(&gobelin_harness::features(vgg), &mask),
            None => Vec::new(),
        };
        Target { mask, weights: self.pixel_weights(masks, gaps), maps }
    }

    /// Class and gap weights of each pixel.
    fn pixel_weights(&self, masks: &Tensor, gaps: Option<&Tensor>) -> Option<Var> {
        if self.class_weights.is_none() && gaps.is_none() {
            return None;
        }
        let [background, set] =
            self.class_weights.unwrap_or([1.0; 2]).map(|weight| Tensor::full(masks.shape(), weight).into());
        let weights = ops::select(masks, &set, &background);
        Some(gaps.map_or(weights.clone(), |gaps| ops::add(&weights, &gaps.clone().into())))
    }

    /// The losses of an answer, (N, H, W, classes).
    pub fn losses(&self, answer: &Var, target: &Target) -> Losses {
        let logit = logit(answer);
        let pixel = self.pixel_loss(answer, &logit, target);
        let mut losses = Losses { pixel: pixel.detach(), whole: pixel, topology: None, cldice: None };
        if let Some((topology, vgg)) = &self.topology {
            let seen = topology.distance(&gobelin_harness::features(vgg), &logit, &target.maps);
            losses.topology = Some(seen.detach());
            losses.whole = ops::add(&losses.whole, &ops::scale(&seen, topology.mu));
        }
        if let Some((weight, iterations)) = self.cldice {
            let broken = cldice(&logit, &target.mask, iterations, 1.0, Reduction::Mean);
            losses.cldice = Some(broken.detach());
            losses.whole = ops::add(&losses.whole, &ops::scale(&broken, weight));
        }
        losses
    }

    fn pixel_loss(&self, answer: &Var, logit: &Var, target: &Target) -> Var {
        match self.pixel {
            PixelLoss::Bce => bce(logit, &target.mask, 1.0, target.weights.as_ref(), Reduction::Mean),
            PixelLoss::Dice => Dice::default().of_masks(logit, &target.mask),
            PixelLoss::CrossEntropy => {
                let (loss, classes) = (CrossEntropy::default(), target.mask.tensor());
                match &target.weights {
                    None => loss.of(answer, classes, None),
                    Some(weights) => {
                        let weights = ops::reshape(weights, &answer.shape()[..3]);
                        pixel_weight_cross_entropy(loss, answer, classes, &weights, None)
                    }
                }
            }
        }
    }
}
