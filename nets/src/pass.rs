//! How a net is run.

use gobelin_autograd::{Parameter, Tape, Var};

/// Whether a net's parameters are tracked, and whether its norms use the batch's statistics or the running ones.
#[derive(Clone, Copy)]
pub struct Pass<'t> {
    tape: Option<&'t Tape>,
    training: bool,
    exact: bool,
}

impl<'t> Pass<'t> {
    /// Training: parameters are tracked, norms use the batch's statistics and update the running ones.
    pub fn training(tape: &'t Tape) -> Self {
        Self { tape: Some(tape), training: true, exact: false }
    }

    /// As in training, but the parameters are constants: for a net that others learn through, or that only draws.
    pub fn frozen() -> Self {
        Self { tape: None, training: true, exact: false }
    }

    /// Use after training: parameters are constants, batch norms use the running statistics.
    pub fn evaluation() -> Self {
        Self { tape: None, training: false, exact: false }
    }

    /// Refuses (or allows) algorithms that trade digits for speed, such as Winograd's convolutions.
    pub fn exact(self, exact: bool) -> Self {
        Self { exact, ..self }
    }

    /// A parameter as this pass sees it.
    pub fn parameter(&self, parameter: &Parameter) -> Var {
        match self.tape {
            Some(tape) => tape.parameter(parameter),
            None => Var::constant(parameter.value()),
        }
    }

    /// Whether norms use the batch's statistics.
    pub fn is_training(&self) -> bool {
        self.training
    }

    /// Whether algorithms that trade digits for speed are refused.
    pub fn is_exact(&self) -> bool {
        self.exact
    }
}
