//! A network that learns, and one update of it.

use gobelin_autograd::optimiser::{Adam, AdamOptions, Descent};
use gobelin_autograd::{Tape, Tensor, Var, ops, random};
use gobelin_losses::topology::refinement_weights;
use gobelin_nets::{Pass, parameters};

use crate::net::{Segmenter, Shape, logit};
use crate::objective::Objective;

/// What an update tells, before the weights change.
#[derive(Clone, Copy, Debug, Default)]
pub struct Learned {
    /// The loss: the sum over answers, the last with the largest weight.
    pub loss: f32,
    /// The loss of pixels, weighted over answers as the loss is.
    pub pixel: f32,
    /// What VGG-19 sees, likewise, without its weight in the loss.
    pub topology: Option<f32>,
    /// Soft clDice, likewise.
    pub cldice: Option<f32>,
    /// The norm of the gradient.
    pub gradient: f64,
    /// The share of pixels that the last answer sets.
    pub predicted: f32,
    /// The share of pixels that are set in truth.
    pub actual: f32,
}

/// A network, its loss and its optimiser.
pub struct Learner {
    /// The network.
    pub segmenter: Segmenter,
    /// How it learns.
    pub descent: Descent,
    objective: Objective,
    exact: bool,
}

impl Learner {
    /// Fresh weights. With `exact`, algorithms that trade digits for speed are refused.
    pub fn new(shape: Shape, objective: Objective, learning_rate: f64, exact: bool, seed: u64) -> Self {
        assert!(
            shape.classes == objective.classes(),
            "segment: {} outputs for {:?}",
            shape.classes,
            objective.pixel
        );
        let segmenter = Segmenter::new(shape, &mut random::generator(seed, 0));
        let options = AdamOptions { learning_rate, ..AdamOptions::default() };
        let descent =
            Descent::new(parameters(&segmenter.net), |weights| Box::new(Adam::new(weights, options)));
        Self { segmenter, descent, objective, exact }
    }

    /// One update on `pictures` (N, H, W, channels) in [-1, 1] and their `masks` (N, H, W, 1) of 0 and 1 (Mosinska et al. 2018,
    /// equation 5).
    pub fn update(&mut self, pictures: &Tensor, masks: &Tensor) -> Learned {
        let target = self.objective.target(masks);
        let tape = Tape::new();
        let pass = Pass::training(&tape).exact(self.exact);
        let answers = self.segmenter.answers(&pass, &pictures.clone().into());
        let mut learned = Learned {
            predicted: share(&logit(answers.last().expect("at least one answer")), 0.0),
            actual: share(&masks.clone().into(), 0.5),
            ..Learned::default()
        };
        let mut loss: Option<Var> = None;
        for (answer, weight) in answers.iter().zip(refinement_weights(answers.len())) {
            let losses = self.objective.losses(answer, &target);
            let add =
                |sum: Option<f32>, part: Option<f32>| part.map(|part| sum.unwrap_or(0.0) + weight * part);
            learned.pixel += weight * losses.pixel;
            learned.topology = add(learned.topology, losses.topology);
            learned.cldice = add(learned.cldice, losses.cldice);
            let part = ops::scale(&losses.whole, weight);
            loss = Some(loss.map_or(part.clone(), |sum| ops::add(&sum, &part)));
        }
        drop((answers, target));
        let loss = loss.expect("at least one answer");
        learned.loss = loss.item();
        learned.gradient = self.descent.update(tape, &loss).get();
        learned
    }

    /// Whether algorithms that trade digits for speed are refused.
    pub fn is_exact(&self) -> bool {
        self.exact
    }
}

/// The share of values above a limit.
fn share(values: &Var, limit: f32) -> f32 {
    let values = values.tensor().data();
    values.iter().filter(|value| **value > limit).count() as f32 / values.len() as f32
}
