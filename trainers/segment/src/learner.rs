//! A network that learns, and one update of it.

use gobelin_autograd::optimiser::{Adam, AdamOptions, Descent};
use gobelin_autograd::{Bundle, Figure, Figures, Tape, Tensor, Var, ops, random};
use gobelin_losses::topology::refinement_weights;
use gobelin_nets::{Pass, parameters};

use crate::lessons::Lesson;
use crate::net::{Segmenter, Shape, logit};
use crate::objective::{Losses, Objective};

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

/// A [`Learned`] on its way to the host.
#[derive(Clone, Debug)]
pub struct Told {
    figures: Figures<7>,
    has_topology: bool,
    has_cldice: bool,
}

impl Told {
    /// The numbers; waits for them.
    pub fn read(&self) -> Learned {
        let [loss, pixel, topology, cldice, gradient, predicted, actual] = self.figures.read();
        Learned {
            loss: loss as f32,
            pixel: pixel as f32,
            topology: self.has_topology.then_some(topology as f32),
            cldice: self.has_cldice.then_some(cldice as f32),
            gradient,
            predicted: predicted as f32,
            actual: actual as f32,
        }
    }
}

impl Bundle for Told {
    fn each_tensor(&mut self, visit: &mut dyn FnMut(&mut Tensor)) {
        self.figures.each_tensor(visit);
    }
}

/// A network, its loss and its optimiser.
pub struct Learner {
    /// The network.
    pub segmenter: Segmenter,
    /// How it learns.
    pub descent: Descent,
    /// What it minimises.
    pub objective: Objective,
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

    /// One update (Mosinska et al. 2018, equation 5).
    pub fn update(&mut self, lesson: &Lesson) -> Told {
        let Lesson { pictures, masks, gaps } = lesson;
        let target = self.objective.target(masks, gaps.as_ref());
        let tape = Tape::new();
        let pass = Pass::training(&tape).exact(self.exact);
        let answers = self.segmenter.answers(&pass, &pictures.clone().into());
        let predicted = share(logit(answers.last().expect("at least one answer")).tensor(), 0.0);
        let actual = share(masks, 0.5);
        let mut sums: [Option<Var>; 4] = Default::default();
        for (answer, weight) in answers.iter().zip(refinement_weights(answers.len())) {
            let Losses { whole, pixel, topology, cldice } = self.objective.losses(answer, &target);
            for (sum, part) in sums.iter_mut().zip([Some(whole), Some(pixel), topology, cldice]) {
                if let Some(part) = part {
                    let part = ops::scale(&part, weight);
                    *sum = Some(sum.as_ref().map_or(part.clone(), |sum| ops::add(sum, &part)));
                }
            }
        }
        drop((answers, target));
        let [loss, parts @ ..] = sums;
        let loss = loss.expect("at least one answer");
        let told = Figure::from(&loss);
        let [pixel, topology, cldice] = parts.map(|part| part.as_ref().map(Figure::from));
        let (has_topology, has_cldice) = (topology.is_some(), cldice.is_some());
        let gradient = self.descent.update(tape, &loss);
        let figures = [Some(told), pixel, topology, cldice, Some(gradient), Some(predicted), Some(actual)];
        Told { figures: Figures::gather(figures.map(Option::unwrap_or_default)), has_topology, has_cldice }
    }

    /// Whether algorithms that trade digits for speed are refused.
    pub fn is_exact(&self) -> bool {
        self.exact
    }
}

/// The share of values above a limit.
fn share(values: &Tensor, limit: f32) -> Figure {
    let count = values.len() as f32;
    let others = ops::count_outside(values, limit.next_up(), f32::INFINITY);
    let above = ops::add_scalar(&ops::neg(&others.into()), count);
    (&ops::div(&above, &Tensor::scalar(count).into())).into()
}
