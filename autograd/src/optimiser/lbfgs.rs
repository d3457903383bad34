//! L-BFGS.

use std::collections::VecDeque;

use gobelin_kernels::cuda::elementwise::{Map, Zip};
use serde::{Deserialize, Serialize};

use super::by_rule::assert_distinct;
use super::direction::{Direction, Pair, dot};
use super::line_search::{Point, strong_wolfe};
use super::{State, StateError};
use crate::ops;
use crate::parameter::Parameter;
use crate::tensor::Tensor;
use crate::var::Var;

/// Options of [`Lbfgs`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LbfgsOptions {
    /// How many past steps the curvature is known from; each costs twice the parameters' memory.
    pub history: usize,
    /// How often a step may compute the loss, at most.
    pub evaluations: usize,
}

impl Default for LbfgsOptions {
    fn default() -> Self {
        Self { history: 100, evaluations: 25 }
    }
}

/// L-BFGS (Nocedal, "Updating quasi-Newton matrices with limited storage", 1980; Nocedal and Wright, "Numerical
/// Optimization", 2006, algorithms 7.4 and 7.5) with a line search for the strong Wolfe conditions: for a smooth function without
/// noise, such as the loss of one picture. It takes the function itself, not a gradient: a step tries several lengths.
///
/// A step is PyTorch's `LBFGS(lr=1, max_iter=1, line_search_fn="strong_wolfe")` to rounding. Where a direction leads nowhere,
/// which rounding near a minimum brings about, what is known of the curvature is dropped and the gradient itself followed:
/// a step that finds nothing lower even so is [`Progress::Stalled`], and leaves the parameters as they were.
///
/// Where the parameters lie on a device, all vectors do: of an evaluation, the loss and a slope are read, of a direction three
/// numbers.
///
/// ```
/// use gobelin_autograd::optimiser::{Lbfgs, LbfgsOptions};
/// use gobelin_autograd::{Parameter, Tape, Tensor, ops};
///
/// let x = Parameter::new(Tensor::new(&[2], [3.0, -2.0]));
/// let mut lbfgs = Lbfgs::new(vec![("x".into(), x.clone())], LbfgsOptions::default());
/// for _ in 0..5 {
///     lbfgs.step(|| {
///         let tape = Tape::new();
///         let loss = ops::sum(&ops::square(&tape.parameter(&x)));
///         (loss.tensor().clone(), tape.parameter_gradients(&loss, &[x.clone()]))
///     });
/// }
/// assert!(x.value().data().iter().all(|value| value.abs() < 1e-6));
/// ```
pub struct Lbfgs {
    options: LbfgsOptions,
    names: Vec<String>,
    parameters: Vec<Parameter>,
    /// Past steps, the oldest first.
    pairs: VecDeque<Pair>,
    /// Loss and gradient where the parameters are, from the last step.
    here: Option<(f32, Tensor)>,
    steps: u64,
}

/// A pair of a smaller cosine than this tells of rounding, not of curvature.
const UNCURVED: f64 = 1e-10;

/// How a step ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// The loss has fallen enough, and the slope along the step has flattened enough.
    Wolfe,
    /// The loss has fallen, but the line search found no place where the slope is flat enough.
    Lower,
    /// Nothing lower was found, not even along the gradient: a minimum to rounding, or a gradient that is not the loss's.
    Stalled,
}

/// What a step tells.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LbfgsStep {
    /// The loss before it.
    pub loss_before: f32,
    /// The loss after it; not finite if that before was not.
    pub loss: f32,
    /// The norm of the gradient after it.
    pub gradient: f64,
    /// The step's length, in multiples of the direction (1: Newton's).
    pub length: f64,
    /// How often loss and gradient were computed.
    pub evaluations: usize,
    /// Whether past steps were dropped because they led nowhere.
    pub restarted: bool,
    /// How it ended.
    pub progress: Progress,
}

impl Lbfgs {
    /// Over these parameters.
    ///
    /// # Panics
    /// If two parameters have one name, or a step may compute no loss.
    #[track_caller]
    pub fn new(parameters: Vec<(String, Parameter)>, options: LbfgsOptions) -> Self {
        assert_distinct("lbfgs", parameters.iter().map(|(name, _)| name));
        assert!(options.evaluations > 0, "lbfgs: no evaluation a step, expected at least 1");
        let (names, parameters) = parameters.into_iter().unzip();
        Self { options, names, parameters, pairs: VecDeque::new(), here: None, steps: 0 }
    }

    /// One step. `evaluate` computes the loss, one value, and gradients, in the order of the parameters, at the parameters' present
    /// values. It must be the same function as in the step before, and nobody else may have changed the parameters: what was
    /// computed last is not computed again.
    ///
    /// # Panics
    /// If the loss is not one value, or the gradients do not fit the parameters.
    #[track_caller]
    pub fn step(&mut self, mut evaluate: impl FnMut() -> (Tensor, Vec<Tensor>)) -> LbfgsStep {
        let (names, parameters) = (&self.names, &self.parameters);
        let mut evaluate = || {
            let (loss, gradients) = evaluate();
            (loss, flat(names, parameters, &gradients))
        };
        let mut evaluations = usize::from(self.here.is_none());
        let (loss_before, gradient) = self.here.take().unwrap_or_else(|| {
            let (loss, gradient) = evaluate();
            (loss.item(), gradient)
        });
        self.steps += 1;
        let start: Vec<Tensor> = parameters.iter().map(Parameter::value).collect();
        let mut restarted = false;
        let found = loop {
            let direction = Direction::new(&self.pairs, &gradient);
            let slope = direction.slope;
            let origin = Point { step: 0.0, loss: f64::from(loss_before), slope, gradient: gradient.clone() };
            let found = (slope < 0.0 && loss_before.is_finite()).then(|| {
                let first = if self.pairs.is_empty() { (1.0 / direction.gradient_sum).min(1.0) } else { 1.0 };
                // Below this, no parameter changes by more than 1e-9, as in PyTorch.
                let shortest = 1e-9 / direction.largest;
                strong_wolfe(&origin, first, shortest, self.options.evaluations, |step| {
                    go(parameters, &start, &direction.vector, step);
                    let (loss, gradient) = evaluate();
                    // Reading waits: when all is under way.
                    let slope = dot(&gradient, &direction.vector);
                    let loss = loss.item();
                    let loss = if loss.is_finite() { f64::from(loss) } else { f64::INFINITY };
                    Point { step, loss, slope, gradient }
                })
            });
            evaluations += found.as_ref().map_or(0, |found| found.evaluations);
            match found {
                Some(found) if found.wolfe || found.point.loss < origin.loss => {
                    break Some((found, direction));
                }
                // What is known of the curvature led nowhere: again, without it.
                _ if !self.pairs.is_empty() => {
                    self.pairs.clear();
                    restarted = true;
                }
                _ => break None,
            }
        };
        let Some((found, direction)) = found else {
            for (parameter, value) in self.parameters.iter().zip(start) {
                parameter.set(value);
            }
            let norm = dot(&gradient, &gradient).sqrt();
            self.here = Some((loss_before, gradient));
            return LbfgsStep {
                loss_before,
                loss: loss_before,
                gradient: norm,
                length: 0.0,
                evaluations,
                restarted,
                progress: Progress::Stalled,
            };
        };
        let Point { step: length, loss, gradient: new, .. } = found.point;
        go(&self.parameters, &start, &direction.vector, length);
        let factor = length as f32;
        self.remember(
            direction.vector.map_into_as(Map::Scale(factor), |d| factor * d),
            new.zip_as(&gradient, Zip::Sub, |new, old| new - old),
        );
        let norm = dot(&new, &new).sqrt();
        // It came from an f32.
        let loss = loss as f32;
        self.here = Some((loss, new));
        let progress = if found.wolfe { Progress::Wolfe } else { Progress::Lower };
        LbfgsStep { loss_before, loss, gradient: norm, length, evaluations, restarted, progress }
    }

    fn remember(&mut self, step: Tensor, change: Tensor) {
        let pair = Pair::new(step, change);
        let length = dot(&pair.step, &pair.step);
        if pair.product > UNCURVED * (length * pair.square).sqrt() {
            self.pairs.push_back(pair);
            while self.pairs.len() > self.options.history {
                self.pairs.pop_front();
            }
        }
    }

    /// What a checkpoint must hold to go on exactly: loss and gradient of the last step, and past steps (`step.N`) with the
    /// changes of the gradient (`change.N`). Nothing is copied.
    pub fn state(&self) -> State {
        let mut tensors = Vec::new();
        if let Some((loss, gradient)) = &self.here {
            tensors.extend([("loss".into(), Tensor::scalar(*loss)), ("gradient".into(), gradient.clone())]);
        }
        for (number, pair) in self.pairs.iter().enumerate() {
            tensors.push((format!("step.{number}"), pair.step.clone()));
            tensors.push((format!("change.{number}"), pair.change.clone()));
        }
        State { steps: self.steps, tensors }
    }

    /// Goes on from a state saved over these parameters.
    ///
    /// # Errors
    /// If the state does not fit; nothing is changed then.
    pub fn load_state(&mut self, state: &State) -> Result<(), StateError> {
        let count = state.tensors.iter().filter(|(name, _)| name.starts_with("step.")).count();
        let size: usize = self.parameters.iter().map(|parameter| parameter.borrow().len()).sum();
        let zeros = || Tensor::zeros(&[size]);
        let (mut loss, mut gradient) = (Tensor::scalar(0.0), zeros());
        let mut pairs: Vec<[Tensor; 2]> = (0..count).map(|_| [zeros(), zeros()]).collect();
        let mut targets = Vec::new();
        if !state.tensors.is_empty() {
            targets.extend([("loss".to_owned(), &mut loss), ("gradient".into(), &mut gradient)]);
        }
        for (number, [step, change]) in pairs.iter_mut().enumerate() {
            targets.extend([(format!("step.{number}"), step), (format!("change.{number}"), change)]);
        }
        state.restore(targets)?;
        self.steps = state.steps;
        // To where the parameters lie, so that what is computed of them is what it would have been.
        let place = self.parameters.first().and_then(|parameter| parameter.borrow().device().cloned());
        let placed = |vector: Tensor| place.as_ref().map_or(vector.clone(), |place| vector.to_device(place));
        self.here = (!state.tensors.is_empty()).then(|| (loss.item(), placed(gradient)));
        self.pairs =
            pairs.into_iter().map(|[step, change]| Pair::new(placed(step), placed(change))).collect();
        Ok(())
    }
}

/// Gradients one after the other.
#[track_caller]
fn flat(names: &[String], parameters: &[Parameter], gradients: &[Tensor]) -> Tensor {
    assert!(
        gradients.len() == parameters.len(),
        "lbfgs: {} gradients for {} parameters",
        gradients.len(),
        parameters.len()
    );
    for ((name, parameter), gradient) in names.iter().zip(parameters).zip(gradients) {
        assert!(
            parameter.borrow().shape() == gradient.shape(),
            "lbfgs: the gradient of `{name}` has shape {:?}, expected {:?}",
            gradient.shape(),
            parameter.borrow().shape()
        );
    }
    if let [gradient] = gradients {
        return gradient.reshape(&[gradient.len()]);
    }
    let each: Vec<Var> =
        gradients.iter().map(|gradient| gradient.reshape(&[gradient.len()]).into()).collect();
    ops::concat(&each.iter().collect::<Vec<_>>(), 0).into_tensor()
}

/// Sets the parameters to a step of this length from the start.
fn go(parameters: &[Parameter], start: &[Tensor], direction: &Tensor, length: f64) {
    let (length, mut place) = (length as f32, 0);
    for (parameter, start) in parameters.iter().zip(start) {
        let own = if start.len() == direction.len() {
            direction.clone()
        } else {
            ops::narrow(&direction.clone().into(), 0, place, start.len()).into_tensor()
        };
        let value = start.zip_as(&own.reshape(start.shape()), Zip::AddScaled(length), |value, direction| {
            value + length * direction
        });
        parameter.set(value);
        place += start.len();
    }
}
