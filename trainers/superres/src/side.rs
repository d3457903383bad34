//! A net and how it learns.

use gobelin_autograd::optimiser::{Adam, AdamOptions, Optimiser, norms};
use gobelin_autograd::{Parameter, Tape, Var};
use gobelin_harness::{State, StateError};
use gobelin_nets::{Module, parameters};

/// A net, its optimiser, and the gradients it last had.
pub struct Side<Net> {
    /// The net.
    pub net: Net,
    optimiser: Adam,
    weights: Vec<(String, Parameter)>,
    /// The norm of each gradient of the last update, by name.
    norms: Vec<f64>,
}

impl<Net: Module> Side<Net> {
    /// Adam with PyTorch's betas.
    pub fn new(net: Net, learning_rate: f64) -> Self {
        let options = AdamOptions { learning_rate, ..AdamOptions::default() };
        let weights = parameters(&net);
        Self { optimiser: Adam::new(weights.clone(), options), net, weights, norms: Vec::new() }
    }

    /// One update along the gradient of `loss`; the gradient's norm.
    pub fn update(&mut self, tape: Tape, loss: &Var) -> f64 {
        let weights: Vec<Parameter> = self.weights.iter().map(|(_, weight)| weight.clone()).collect();
        let gradients = tape.parameter_gradients(loss, &weights);
        // The tape holds the old weights: dropped first, so that they are changed in place.
        drop(tape);
        self.norms = norms(&gradients);
        self.optimiser.step(&gradients);
        self.norms.iter().map(|norm| norm * norm).sum::<f64>().sqrt()
    }

    /// The norm of each gradient of the last update, by its weight's name after `side/`.
    pub fn gradient_norms(&self, side: &str) -> Vec<(String, f32)> {
        let named = |((name, _), norm): (&(String, Parameter), &f64)| (format!("{side}/{name}"), *norm as f32);
        self.weights.iter().zip(&self.norms).map(named).collect()
    }

    /// Stores net and optimiser under `side` and `side-optimiser`.
    pub fn save(&self, side: &str, state: &mut State) {
        state.put_module(side, &self.net);
        state.put_optimiser(&format!("{side}-optimiser"), &self.optimiser);
    }

    /// Takes back what [`Side::save`] stored.
    ///
    /// # Errors
    /// Something is missing or does not fit.
    pub fn load(&mut self, side: &str, state: &State) -> Result<(), StateError> {
        state.load_module(side, &self.net)?;
        state.load_optimiser(&format!("{side}-optimiser"), &mut self.optimiser)
    }
}
