//! How the picture is changed: L-BFGS, as the paper does, or Adam.

use gobelin_autograd::optimiser::{
    Adam, AdamOptions, Lbfgs, LbfgsOptions, LbfgsStep, Optimiser, global_norm,
};
use gobelin_autograd::{Parameter, Tensor, ops};
use gobelin_harness::{State, StateError};

use crate::aim::{Aim, Losses, Terms};

/// Which optimiser.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Method {
    /// L-BFGS that remembers so many steps.
    Lbfgs {
        /// Past steps.
        history: usize,
    },
    /// Adam; values are kept in [0, 1] after each step.
    Adam {
        /// How far a step goes.
        learning_rate: f64,
    },
}

/// A picture while it is painted.
pub struct Painter {
    /// `(1, H, W, C)`, in [0, 1] but for what L-BFGS goes beyond.
    picture: Parameter,
    optimiser: Either,
    /// The terms where the picture is now, for L-BFGS, which computes them at each step's end.
    terms: Terms,
}

enum Either {
    Lbfgs(Box<Lbfgs>),
    Adam(Adam),
}

/// What a step tells.
#[derive(Clone, Copy, Debug)]
pub struct Stroke {
    /// The loss: L-BFGS's after the step, Adam's before it.
    pub terms: Terms,
    /// The norm of its gradient.
    pub gradient: f64,
    /// What L-BFGS tells besides.
    pub search: Option<LbfgsStep>,
}

impl Painter {
    /// Begins at a picture `(1, H, W, C)`, where that lies.
    pub fn new(picture: Tensor, method: Method) -> Self {
        let picture = Parameter::new(picture);
        let named = vec![("picture".to_owned(), picture.clone())];
        let optimiser = match method {
            Method::Lbfgs { history } => {
                let options = LbfgsOptions { history, ..LbfgsOptions::default() };
                Either::Lbfgs(Box::new(Lbfgs::new(named, options)))
            }
            Method::Adam { learning_rate } => {
                Either::Adam(Adam::new(named, AdamOptions { learning_rate, ..AdamOptions::default() }))
            }
        };
        Self { picture, optimiser, terms: Terms::default() }
    }

    /// The picture as it is, `(1, H, W, C)`.
    pub fn picture(&self) -> Tensor {
        self.picture.value()
    }

    /// One step towards the aim, which must be the same for all steps.
    pub fn step(&mut self, aim: &Aim) -> Stroke {
        match &mut self.optimiser {
            Either::Adam(adam) => {
                let (losses, gradient) = aim.evaluate(&self.picture);
                let gradients = [gradient];
                adam.step(&gradients);
                let within = ops::clamp(&self.picture.value().into(), 0.0, 1.0);
                self.picture.set(within.into_tensor());
                Stroke { terms: losses.read(), gradient: global_norm(&gradients), search: None }
            }
            Either::Lbfgs(lbfgs) => {
                let mut tried: Vec<Losses> = Vec::new();
                let told = lbfgs.step(|| {
                    let (losses, gradient) = aim.evaluate(&self.picture);
                    tried.push(losses.clone());
                    (losses.total, vec![gradient])
                });
                // The accepted point is the one before, or one of those tried, told apart by its loss.
                let accepted = tried.iter().rev().find(|losses| losses.total.item() == told.loss);
                // A first loss that is no number equals none.
                let first = tried.last().filter(|_| self.terms.total != told.loss);
                if let Some(losses) = accepted.or(first) {
                    self.terms = losses.read();
                }
                Stroke { terms: self.terms, gradient: told.gradient, search: Some(told) }
            }
        }
    }

    /// Stores everything a later step depends on.
    pub fn save(&self, state: &mut State) {
        state.put_tensor("picture", &self.picture.borrow());
        let Terms { total, content, style, variation } = self.terms;
        state.put_floats("terms", &[4], [total, content, style, variation]);
        match &self.optimiser {
            Either::Lbfgs(lbfgs) => state.put_lbfgs("optimiser", lbfgs),
            Either::Adam(adam) => state.put_optimiser("optimiser", adam),
        }
    }

    /// Takes back what [`Painter::save`] stored.
    ///
    /// # Errors
    /// An entry is missing or has another shape.
    pub fn load(&mut self, state: &State) -> Result<(), StateError> {
        self.picture.set(state.tensor("picture", &self.picture.shape())?);
        let terms = state.floats("terms", &[4])?;
        self.terms = Terms { total: terms[0], content: terms[1], style: terms[2], variation: terms[3] };
        match &mut self.optimiser {
            Either::Lbfgs(lbfgs) => state.load_lbfgs("optimiser", lbfgs),
            Either::Adam(adam) => state.load_optimiser("optimiser", adam),
        }
    }
}
