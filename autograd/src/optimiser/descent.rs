//! One update: from a loss on a tape to changed weights.

use super::{Optimiser, norms};
use crate::parameter::Parameter;
use crate::tape::Tape;
use crate::tensor::Tensor;
use crate::var::Var;

/// Named weights, the optimiser that changes them, and how large their last gradients were.
pub struct Descent {
    /// The optimiser, over these weights.
    pub optimiser: Box<dyn Optimiser>,
    weights: Vec<(String, Parameter)>,
    /// The norm of each gradient of the last update.
    norms: Vec<f64>,
}

impl Descent {
    /// Of these weights, by the optimiser that `optimiser` makes over them.
    pub fn new(
        weights: Vec<(String, Parameter)>,
        optimiser: impl FnOnce(Vec<(String, Parameter)>) -> Box<dyn Optimiser>,
    ) -> Self {
        let optimiser = optimiser(weights.clone());
        Self { optimiser, weights, norms: Vec::new() }
    }

    /// The weights, in the order of their gradients.
    pub fn weights(&self) -> impl ExactSizeIterator<Item = &Parameter> {
        self.weights.iter().map(|(_, weight)| weight)
    }

    /// One update along the gradient of `loss`; the gradient's norm.
    ///
    /// # Panics
    /// As [`Tape::gradients`].
    #[track_caller]
    pub fn update(&mut self, tape: Tape, loss: &Var) -> f64 {
        let gradients = tape.parameter_gradients(loss, &self.weights().cloned().collect::<Vec<_>>());
        // The tape holds the old weights: dropped first, so that they are changed in place.
        drop(tape);
        self.step(&gradients)
    }

    /// One update along gradients that are known; their norm.
    ///
    /// # Panics
    /// As [`Optimiser::step`].
    #[track_caller]
    pub fn step(&mut self, gradients: &[Tensor]) -> f64 {
        self.norms = norms(gradients);
        self.optimiser.step(gradients);
        self.norms.iter().map(|norm| norm * norm).sum::<f64>().sqrt()
    }

    /// The norm of each gradient of the last update, by its weight's name.
    pub fn gradient_norms(&self) -> impl Iterator<Item = (&str, f64)> {
        self.weights.iter().map(|(name, _)| name.as_str()).zip(self.norms.iter().copied())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops;
    use crate::optimiser::{Sgd, SgdOptions};

    #[test]
    fn an_update_goes_down_and_tells_the_norms() {
        let weight = Parameter::new(Tensor::new(&[2], [3.0, 4.0]));
        let place = weight.borrow().data().as_ptr();
        let options = SgdOptions { learning_rate: 0.5, ..SgdOptions::default() };
        let mut descent =
            Descent::new(vec![("w".into(), weight.clone())], |w| Box::new(Sgd::new(w, options)));
        let tape = Tape::new();
        let loss = ops::scale(&ops::sum(&ops::square(&tape.parameter(&weight))), 0.5);
        assert_eq!(descent.update(tape, &loss), 5.0);
        assert_eq!(weight.value().data(), [1.5, 2.0]);
        assert_eq!(descent.gradient_norms().collect::<Vec<_>>(), [("w", 5.0)]);
        assert_eq!(weight.borrow().data().as_ptr(), place, "changed in place");
    }
}
