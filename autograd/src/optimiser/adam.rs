//! Adam and AdamW.

use std::cell::Cell;
use std::rc::Rc;

use gobelin_kernels::cpu::optimiser as kernel;
use gobelin_kernels::cuda::optimiser as device;
use serde::{Deserialize, Serialize};

use super::slots::{Slots, assert_rate};
use super::{Optimiser, State, StateError};
use crate::parameter::Parameter;
use crate::tensor::Tensor;

/// Options of [`Adam`]; the defaults are PyTorch's for Adam, and [`AdamOptions::adamw`] has those for AdamW.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AdamOptions {
    /// How far a step goes where the gradient keeps its sign; at least 0.
    pub learning_rate: f64,
    /// What the running means of the gradient and of its square keep of themselves each step, in `[0, 1)`.
    pub betas: [f64; 2],
    /// Added to the denominator; at least 0.
    pub epsilon: f64,
    /// Weight decay; at least 0.
    pub weight_decay: f64,
    /// Off: weight decay times the parameter is added to its gradient (Adam). On: the parameter itself shrinks by
    /// learning rate times weight decay each step (AdamW).
    pub decoupled_weight_decay: bool,
}

impl AdamOptions {
    /// PyTorch's defaults for AdamW: decoupled weight decay of 0.01.
    pub fn adamw() -> Self {
        Self { weight_decay: 0.01, decoupled_weight_decay: true, ..Self::default() }
    }
}

impl Default for AdamOptions {
    fn default() -> Self {
        Self {
            learning_rate: 1e-3,
            betas: [0.9, 0.999],
            epsilon: 1e-8,
            weight_decay: 0.0,
            decoupled_weight_decay: false,
        }
    }
}

/// Adam (Kingma and Ba, "Adam: a method for stochastic optimization", 2015, algorithm 1), or AdamW (Loshchilov and
/// Hutter, "Decoupled weight decay regularization", 2019, algorithm 2) where the options decouple weight decay.
pub struct Adam {
    /// Shared with what the host does before a recorded step.
    options: Rc<Cell<AdamOptions>>,
    slots: Slots,
}

impl Adam {
    /// Over these parameters.
    ///
    /// # Panics
    /// If an option is outside its range, or two parameters have one name.
    #[track_caller]
    pub fn new(parameters: Vec<(String, Parameter)>, options: AdamOptions) -> Self {
        assert_rate(options.learning_rate);
        assert!(
            options.betas.iter().all(|beta| (0.0..1.0).contains(beta))
                && options.epsilon >= 0.0
                && options.weight_decay >= 0.0,
            "adam: an option is out of range: {options:?}"
        );
        Self {
            options: Rc::new(Cell::new(options)),
            slots: Slots::new(parameters, vec![("exp_avg", 0), ("exp_avg_sq", 1)], 0.0),
        }
    }
}

impl Optimiser for Adam {
    #[track_caller]
    fn step(&mut self, gradients: &[Tensor]) {
        let options = Rc::clone(&self.options);
        let rule = move |steps: u64| {
            let AdamOptions { learning_rate, betas, epsilon, weight_decay, decoupled_weight_decay } =
                options.get();
            let (coupled, decoupled) =
                if decoupled_weight_decay { (0.0, weight_decay) } else { (weight_decay, 0.0) };
            let step = (steps + 1) as f64;
            let corrections = betas.map(|beta| 1.0 - beta.powf(step));
            kernel::Adam {
                rate: (learning_rate / corrections[0]) as f32,
                decay: coupled as f32,
                keep: (1.0 - learning_rate * decoupled) as f32,
                betas: betas.map(|beta| beta as f32),
                gains: betas.map(|beta| (1.0 - beta) as f32),
                correction: corrections[1].sqrt() as f32,
                epsilon: epsilon as f32,
            }
        };
        self.slots.step(
            gradients,
            rule,
            |rule, values, gradient, slots| {
                let [first, second] = slots else { unreachable!("Adam has two slots") };
                kernel::adam(rule, values, gradient, [first.data_mut(), second.data_mut()]);
            },
            device::adam,
        );
    }

    fn learning_rate(&self) -> f64 {
        self.options.get().learning_rate
    }

    #[track_caller]
    fn set_learning_rate(&mut self, rate: f64) {
        assert_rate(rate);
        self.options.set(AdamOptions { learning_rate: rate, ..self.options.get() });
    }

    fn state(&self) -> State {
        self.slots.state()
    }

    fn load_state(&mut self, state: &State) -> Result<(), StateError> {
        self.slots.load_state(state)
    }
}
