//! One update: from a loss on a tape to changed weights.

use super::clip::square_sums_beside;
use super::{Optimiser, norms};
use crate::figures::Figure;
use crate::ops;
use crate::parameter::Parameter;
use crate::tape::Tape;
use crate::tensor::Tensor;
use crate::var::Var;

/// Named weights, the optimiser that changes them, and how large their last gradients were.
pub struct Descent {
    /// The optimiser, over these weights.
    pub optimiser: Box<dyn Optimiser>,
    weights: Vec<(String, Parameter)>,
    norms: Norms,
}

/// How large the gradients of the last update were.
enum Norms {
    /// The norm of each.
    Known(Vec<f64>),
    /// The square of the norm of each, on the device where they are worked out.
    OnDevice(Parameter),
}

impl Descent {
    /// Of these weights, by the optimiser that `optimiser` makes over them.
    pub fn new(
        weights: Vec<(String, Parameter)>,
        optimiser: impl FnOnce(Vec<(String, Parameter)>) -> Box<dyn Optimiser>,
    ) -> Self {
        let optimiser = optimiser(weights.clone());
        Self { optimiser, weights, norms: Norms::Known(Vec::new()) }
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
    pub fn update(&mut self, tape: Tape, loss: &Var) -> Figure {
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
    pub fn step(&mut self, gradients: &[Tensor]) -> Figure {
        let Some(squares) = square_sums_beside(gradients) else {
            let norms = norms(gradients);
            self.optimiser.step(gradients);
            let norm = norms.iter().map(|norm| norm * norm).sum::<f64>().sqrt();
            self.norms = Norms::Known(norms);
            return Figure::Known(norm);
        };
        let norm = ops::sqrt(&ops::sum(&squares.clone().into()));
        match &self.norms {
            Norms::OnDevice(known) => known.set(squares),
            Norms::Known(_) => self.norms = Norms::OnDevice(Parameter::new(squares)),
        }
        self.optimiser.step(gradients);
        (&norm).into()
    }

    /// The norm of each gradient of the last update, by its weight's name.
    pub fn gradient_norms(&self) -> impl Iterator<Item = (&str, f64)> {
        let norms = match &self.norms {
            Norms::Known(norms) => norms.clone(),
            Norms::OnDevice(squares) => squares.value().data().iter().map(|&s| f64::from(s).sqrt()).collect(),
        };
        self.weights.iter().map(|(name, _)| name.as_str()).zip(norms)
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
        assert_eq!(descent.update(tape, &loss).get(), 5.0);
        assert_eq!(weight.value().data(), [1.5, 2.0]);
        assert_eq!(descent.gradient_norms().collect::<Vec<_>>(), [("w", 5.0)]);
        assert_eq!(weight.borrow().data().as_ptr(), place, "changed in place");
    }
}
