//! AdaGrad.

use std::cell::Cell;
use std::rc::Rc;

use gobelin_kernels::cpu::optimiser as kernel;
use gobelin_kernels::cuda::optimiser as device;
use serde::{Deserialize, Serialize};

use super::slots::{Slots, assert_rate};
use super::{Optimiser, State, StateError};
use crate::parameter::Parameter;
use crate::tensor::Tensor;

/// Options of [`AdaGrad`]; the defaults are PyTorch's.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AdaGradOptions {
    /// How far the first step goes; at least 0.
    pub learning_rate: f64,
    /// Step `t`, counted from 0, uses the learning rate over `1 + t` times this; at least 0.
    pub learning_rate_decay: f64,
    /// What the sum of squares starts with; at least 0.
    pub initial_accumulator: f64,
    /// Added to the denominator; at least 0.
    pub epsilon: f64,
    /// This part of the parameter is added to its gradient; at least 0.
    pub weight_decay: f64,
}

impl Default for AdaGradOptions {
    fn default() -> Self {
        Self {
            learning_rate: 1e-2,
            learning_rate_decay: 0.0,
            initial_accumulator: 0.0,
            epsilon: 1e-10,
            weight_decay: 0.0,
        }
    }
}

/// AdaGrad (Duchi, Hazan and Singer, "Adaptive subgradient methods for online learning and stochastic optimization",
/// 2011, figure 1 with diagonal matrices).
pub struct AdaGrad {
    /// Shared with what the host does before a recorded step.
    options: Rc<Cell<AdaGradOptions>>,
    slots: Slots,
}

impl AdaGrad {
    /// Over these parameters.
    ///
    /// # Panics
    /// If an option is outside its range, or two parameters have one name.
    #[track_caller]
    pub fn new(parameters: Vec<(String, Parameter)>, options: AdaGradOptions) -> Self {
        let AdaGradOptions { learning_rate, learning_rate_decay, initial_accumulator, epsilon, weight_decay } =
            options;
        assert_rate(learning_rate);
        assert!(
            [learning_rate_decay, initial_accumulator, epsilon, weight_decay]
                .iter()
                .all(|&value| value >= 0.0),
            "adagrad: an option is out of range: {options:?}"
        );
        Self {
            options: Rc::new(Cell::new(options)),
            slots: Slots::new(parameters, vec![("sum", 0)], initial_accumulator as f32),
        }
    }
}

impl Optimiser for AdaGrad {
    #[track_caller]
    fn step(&mut self, gradients: &[Tensor]) {
        let options = Rc::clone(&self.options);
        let rule = move |steps: u64| {
            let options = options.get();
            let decay = 1.0 + steps as f64 * options.learning_rate_decay;
            kernel::AdaGrad {
                rate: (options.learning_rate / decay) as f32,
                decay: options.weight_decay as f32,
                epsilon: options.epsilon as f32,
            }
        };
        self.slots.step(
            gradients,
            rule,
            |rule, values, gradient, slots| {
                kernel::adagrad(rule, values, gradient, slots[0].data_mut());
            },
            device::adagrad,
        );
    }

    fn learning_rate(&self) -> f64 {
        self.options.get().learning_rate
    }

    #[track_caller]
    fn set_learning_rate(&mut self, rate: f64) {
        assert_rate(rate);
        self.options.set(AdaGradOptions { learning_rate: rate, ..self.options.get() });
    }

    fn state(&self) -> State {
        self.slots.state()
    }

    fn load_state(&mut self, state: &State) -> Result<(), StateError> {
        self.slots.load_state(state)
    }
}
