//! Optimisers, and what goes with them: schedules, clipping, the average of the weights.
//!
//! Each optimiser is PyTorch's to rounding: the same formula in the same order, with the same defaults. An optimiser is
//! made over named parameters and holds them; [`Optimiser::step`] takes their gradients in the same order.
//!
//! ```
//! use gobelin_autograd::optimiser::{Adam, AdamOptions, Descent, Schedule};
//! use gobelin_autograd::{Parameter, Tape, Tensor, ops};
//!
//! let weight = Parameter::new(Tensor::new(&[2], [1.0, -2.0]));
//! let options = AdamOptions { learning_rate: 0.1, ..AdamOptions::default() };
//! let weights = vec![("weight".into(), weight.clone())];
//! let mut descent = Descent::new(weights, |weights| Box::new(Adam::new(weights, options)));
//! let schedule = Schedule::Linear { constant: 50, decay: 50 };
//! for step in 0..100 {
//!     let tape = Tape::new();
//!     let loss = ops::sum(&ops::square(&tape.parameter(&weight)));
//!     descent.optimiser.set_learning_rate(options.learning_rate * schedule.factor(step));
//!     descent.update(tape, &loss);
//! }
//! assert!(weight.value().data().iter().all(|value| value.abs() < 0.01));
//! ```
//!
//! [`Descent`] is a whole update. Without it, drop the tape before the step: while it holds the old values, the parameters are copied
//! instead of changed in place.

mod adagrad;
mod adam;
mod average;
mod by_rule;
mod clip;
mod descent;
mod direction;
mod lbfgs;
mod line_search;
mod rmsprop;
mod schedule;
mod sgd;
mod state;

pub use adagrad::{AdaGrad, AdaGradOptions};
pub use adam::{Adam, AdamOptions};
pub use average::Average;
pub use clip::{clip_norm, clip_values, clip_weights, global_norm, norm_figure, norms};
pub use descent::Descent;
pub use lbfgs::{Lbfgs, LbfgsOptions, LbfgsStep, Progress};
pub use rmsprop::{RmsProp, RmsPropOptions};
pub use schedule::Schedule;
pub use sgd::{Sgd, SgdOptions};
pub use state::{State, StateError};

use crate::tensor::Tensor;

/// Changes parameters by their gradients, one step at a time.
pub trait Optimiser {
    /// One step. `gradients` are the parameters', in the order in which the optimiser was given these.
    ///
    /// # Panics
    /// If their number or a shape does not fit.
    #[track_caller]
    fn step(&mut self, gradients: &[Tensor]);

    /// The learning rate of the next step.
    fn learning_rate(&self) -> f64;

    /// Sets the learning rate of the next step: the rate the options gave times [`Schedule::factor`].
    ///
    /// # Panics
    /// If it is negative or not finite.
    #[track_caller]
    fn set_learning_rate(&mut self, rate: f64);

    /// What a checkpoint must hold to go on exactly: the steps taken and each parameter's slots, under
    /// `<parameter>.<slot>` with PyTorch's names for the slots. Nothing is copied. Options and learning rate are not
    /// part of it: they are the run's configuration, and the schedule's answer to the step.
    fn state(&self) -> State;

    /// Goes on from a state saved by an optimiser of this kind, with these options, over these parameters.
    ///
    /// # Errors
    /// If the state does not fit; nothing is changed then.
    fn load_state(&mut self, state: &State) -> Result<(), StateError>;
}
