//! How a net is run.

use gobelin_autograd::{Parameter, Tape, Var};

use crate::module::Module;
use crate::taps::Taps;
use crate::tiles::Moments;

/// Whether a net's parameters are tracked, and whether its norms use the batch's statistics or the running ones.
#[derive(Clone, Copy)]
pub struct Pass<'t> {
    tape: Option<&'t Tape>,
    statistics: Statistics,
    exact: bool,
    taps: Option<&'t Taps>,
    moments: Option<&'t Moments>,
}

/// Which statistics batch norms use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Statistics {
    /// The batch's, which also move the running ones.
    Learned,
    /// The batch's, and nothing is changed.
    Batch,
    /// The running ones.
    Running,
}

impl<'t> Pass<'t> {
    /// Training: parameters are tracked, norms use the batch's statistics and update the running ones.
    pub fn training(tape: &'t Tape) -> Self {
        Self { tape: Some(tape), statistics: Statistics::Learned, exact: false, taps: None, moments: None }
    }

    /// As in training, but the parameters are constants: for a net that others learn through, or that only draws.
    pub fn frozen() -> Self {
        Self { tape: None, statistics: Statistics::Learned, exact: false, taps: None, moments: None }
    }

    /// As in training, but nothing at all is changed: for samples and metrics on the way.
    pub fn sampling() -> Self {
        Self { tape: None, statistics: Statistics::Batch, exact: false, taps: None, moments: None }
    }

    /// Use after training: parameters are constants, batch norms use the running statistics.
    pub fn evaluation() -> Self {
        Self { tape: None, statistics: Statistics::Running, exact: false, taps: None, moments: None }
    }

    /// Refuses (or allows) algorithms that trade digits for speed, such as Winograd's convolutions.
    pub fn exact(self, exact: bool) -> Self {
        Self { exact, ..self }
    }

    /// Fills taps on the way.
    pub fn tapping(self, taps: &'t Taps) -> Self {
        Self { taps: Some(taps), ..self }
    }

    /// Has instance norms take these moments instead of those of the picture they see.
    pub(crate) fn with_moments(self, moments: &'t Moments) -> Self {
        Self { moments: Some(moments), ..self }
    }

    /// The moments that instance norms take.
    pub(crate) fn moments(&self) -> Option<&'t Moments> {
        self.moments
    }

    /// Whether anyone looks at what modules inside a net give.
    pub fn is_tapped(&self) -> bool {
        self.taps.is_some()
    }

    /// Runs a module that is called `name` inside the one that calls this.
    pub fn run(&self, name: &str, module: &dyn Module, x: &Var) -> Var {
        match self.taps {
            Some(taps) => taps.run(name, || module.forward(self, x)),
            None => module.forward(self, x),
        }
    }

    /// A parameter as this pass sees it.
    pub fn parameter(&self, parameter: &Parameter) -> Var {
        match self.tape {
            Some(tape) => tape.parameter(parameter),
            None => Var::constant(parameter.value()),
        }
    }

    /// Which statistics batch norms use.
    pub fn statistics(&self) -> Statistics {
        self.statistics
    }

    /// Whether algorithms that trade digits for speed are refused.
    pub fn is_exact(&self) -> bool {
        self.exact
    }
}
