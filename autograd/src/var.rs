//! A tensor and, if it is tracked, its place on a tape.

use std::fmt;

use crate::profile;
use crate::tape::{ManyRule, Place, Rule, Step, Tape};
use crate::tensor::Tensor;

/// A [`Tensor`] that may be tracked by a [`Tape`]: what layers, losses and ops take and return.
#[derive(Clone)]
pub struct Var {
    tensor: Tensor,
    place: Option<Place>,
}

impl Var {
    /// An untracked value: a constant of the computation.
    pub fn constant(tensor: Tensor) -> Self {
        Self { tensor, place: None }
    }

    pub(crate) fn at(tensor: Tensor, place: Place) -> Self {
        Self { tensor, place: Some(place) }
    }

    /// The value.
    pub fn tensor(&self) -> &Tensor {
        &self.tensor
    }

    /// The value, by move: lets a backward rule reuse its gradient's memory.
    pub fn into_tensor(self) -> Tensor {
        self.tensor
    }

    /// The length of each axis.
    pub fn shape(&self) -> &[usize] {
        self.tensor.shape()
    }

    /// The only value.
    ///
    /// # Panics
    /// If there is not exactly one.
    #[track_caller]
    pub fn item(&self) -> f32 {
        self.tensor.item()
    }

    /// The same value as a constant: gradients stop here.
    pub fn detach(&self) -> Self {
        Self::constant(self.tensor.clone())
    }

    /// Whether a tape tracks this value.
    pub fn is_tracked(&self) -> bool {
        self.place.is_some()
    }

    /// The tape that tracks this value.
    ///
    /// # Panics
    /// If it is a constant, or its tape was dropped.
    #[track_caller]
    pub fn tape(&self) -> Tape {
        let place = self.place.as_ref().expect("tape: the value is a constant, tracked by no tape");
        place.tape().expect("tape: the tape that tracks the value was dropped")
    }

    pub(crate) fn place(&self) -> Option<&Place> {
        self.place.as_ref()
    }

    /// Makes the result of an op: tracked if any input is tracked by a tape that is recording.
    ///
    /// `rule` gets a [`Step`] (the gradient of the output, and which inputs want theirs) and returns the gradient
    /// of each input in the order of `inputs`, `None` where none is wanted or the op does not depend on it. It must
    /// use differentiable ops, so that gradients of gradients exist; where [`Step::is_final`] holds it may use a fused
    /// kernel instead.
    pub fn record(
        op: &'static str,
        output: Tensor,
        inputs: &[&Var],
        rule: impl Fn(Step) -> Vec<Option<Var>> + 'static,
    ) -> Self {
        profile::charge(op, inputs.iter().map(|input| input.shape()), output.shape());
        match Tape::record(op, inputs, || -> Rule { Box::new(rule) }) {
            Some(place) => Self::at(output, place),
            None => Self::constant(output),
        }
    }

    /// As [`Var::record`], of an op with several outputs: its rule gets the gradient of each, `None` of those that nothing depends on.
    pub(crate) fn record_many(
        op: &'static str,
        outputs: Vec<Tensor>,
        inputs: &[&Var],
        rule: impl Fn(Step<Vec<Option<Var>>>) -> Vec<Option<Var>> + 'static,
    ) -> Vec<Self> {
        let shape: &[usize] = outputs.first().map_or(&[], Tensor::shape);
        profile::charge(op, inputs.iter().map(|input| input.shape()), shape);
        match Tape::record_many(op, inputs, outputs.len(), || -> ManyRule { Box::new(rule) }) {
            Some(places) => outputs.into_iter().zip(places).map(|(y, place)| Self::at(y, place)).collect(),
            None => outputs.into_iter().map(Self::constant).collect(),
        }
    }
}

impl From<Tensor> for Var {
    fn from(tensor: Tensor) -> Self {
        Self::constant(tensor)
    }
}

impl fmt::Debug for Var {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if self.is_tracked() { "tracked" } else { "constant" };
        write!(f, "{kind} {:?}", self.tensor)
    }
}
