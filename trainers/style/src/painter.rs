//! How the picture is changed: L-BFGS, as the paper does, or Adam.

use gobelin_autograd::optimiser::{
    Adam, AdamOptions, Lbfgs, LbfgsOptions, LbfgsStep, Optimiser, norm_figure,
};
use gobelin_autograd::{Bundle, Device, Figures, Parameter, Replay, Tensor, ops};
use gobelin_harness::{State, StateError};

use crate::aim::{Aim, Evaluation, Terms};

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
    /// The line search goes by what each evaluation tells: that is recorded, of the picture as it is tried.
    Lbfgs(Box<Lbfgs>, Replay<Tensor, Tried>),
    /// A whole step is recorded: it tells the terms, the gradient's norm, and what lies outside.
    Adam(Adam, Replay<(), Figures<6>>),
}

/// An evaluation on the way of a line search.
#[derive(Clone, Debug)]
struct Tried {
    total: Tensor,
    terms: Figures<4>,
    gradient: Tensor,
}

impl Bundle for Tried {
    fn each_tensor(&mut self, visit: &mut dyn FnMut(&mut Tensor)) {
        visit(&mut self.total);
        self.terms.each_tensor(visit);
        visit(&mut self.gradient);
    }
}

/// What a step tells.
#[derive(Clone, Copy, Debug)]
pub struct Stroke {
    /// The loss: L-BFGS's after the step, Adam's before it.
    pub terms: Terms,
    /// The norm of its gradient.
    pub gradient: f64,
    /// How many of the picture's values lie outside of [0, 1] after it.
    pub outside: f64,
    /// What L-BFGS tells besides.
    pub search: Option<LbfgsStep>,
}

impl Painter {
    /// Begins at a picture `(1, H, W, C)`, where that lies.
    pub fn new(picture: Tensor, method: Method) -> Self {
        let card = picture.device().cloned();
        let picture = Parameter::new(picture);
        let named = vec![("picture".to_owned(), picture.clone())];
        let optimiser = match method {
            Method::Lbfgs { history } => {
                let options = LbfgsOptions { history, ..LbfgsOptions::default() };
                Either::Lbfgs(Box::new(Lbfgs::new(named, options)), replay(card.as_ref()))
            }
            Method::Adam { learning_rate } => {
                let options = AdamOptions { learning_rate, ..AdamOptions::default() };
                Either::Adam(Adam::new(named, options), replay(card.as_ref()))
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
        let picture = &self.picture;
        match &mut self.optimiser {
            Either::Adam(adam, once) => {
                let told = once.run((), |()| {
                    let Evaluation { terms: [total, content, style, variation], gradient, .. } =
                        aim.evaluate(picture.value());
                    let gradients = [gradient];
                    let norm = norm_figure(&gradients);
                    adam.step(&gradients);
                    picture.set(ops::clamp(&picture.value().into(), 0.0, 1.0).into_tensor());
                    let outside = (&outside(picture)).into();
                    Figures::gather([total, content, style, variation, norm, outside])
                });
                let [terms @ .., gradient, outside] = told.read();
                Stroke { terms: Terms::of(terms), gradient, outside, search: None }
            }
            Either::Lbfgs(lbfgs, evaluation) => {
                let mut tried: Vec<(Tensor, Figures<4>)> = Vec::new();
                let told = lbfgs.step(|| {
                    let Tried { total, terms, gradient } = evaluation.run(picture.value(), |picture| {
                        let Evaluation { total, terms, gradient } = aim.evaluate(picture);
                        Tried { total, terms: Figures::gather(terms), gradient }
                    });
                    tried.push((total.clone(), terms));
                    (total, vec![gradient])
                });
                // The accepted point is the one before, or one of those tried, told apart by its loss.
                let accepted = tried.iter().rev().find(|(total, _)| total.item() == told.loss);
                // A first loss that is no number equals none.
                let first = tried.last().filter(|_| self.terms.total != told.loss);
                if let Some((_, terms)) = accepted.or(first) {
                    self.terms = Terms::of(terms.read());
                }
                let outside = f64::from(outside(picture).item());
                Stroke { terms: self.terms, gradient: told.gradient, outside, search: Some(told) }
            }
        }
    }

    /// Stores everything a later step depends on.
    pub fn save(&self, state: &mut State) {
        state.put_tensor("picture", &self.picture.borrow());
        let Terms { total, content, style, variation } = self.terms;
        state.put_floats("terms", &[4], [total, content, style, variation]);
        match &self.optimiser {
            Either::Lbfgs(lbfgs, _) => state.put_lbfgs("optimiser", lbfgs),
            Either::Adam(adam, _) => state.put_optimiser("optimiser", adam),
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
            Either::Lbfgs(lbfgs, _) => state.load_lbfgs("optimiser", lbfgs),
            Either::Adam(adam, _) => state.load_optimiser("optimiser", adam),
        }
    }
}

fn replay<I: Bundle, O: Bundle>(card: Option<&Device>) -> Replay<I, O> {
    card.map_or_else(Replay::default, Replay::on)
}

/// How many of a picture's values lie outside of [0, 1].
fn outside(picture: &Parameter) -> Tensor {
    ops::count_outside(&picture.value(), 0.0, 1.0)
}
