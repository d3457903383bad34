//! Stochastic gradient descent.

use std::cell::Cell;
use std::rc::Rc;

use gobelin_kernels::cpu::optimiser as kernel;
use gobelin_kernels::cuda::optimiser as device;
use serde::{Deserialize, Serialize};

use super::slots::{Slots, assert_rate};
use super::{Optimiser, State, StateError};
use crate::parameter::Parameter;
use crate::tensor::Tensor;

/// Options of [`Sgd`]; the defaults are PyTorch's.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SgdOptions {
    /// How far a step goes; at least 0.
    pub learning_rate: f64,
    /// What the velocity keeps of itself each step, in `[0, 1)`; 0 keeps no velocity at all.
    pub momentum: f64,
    /// What the velocity leaves out of each gradient but the first, in `[0, 1]`.
    pub dampening: f64,
    /// Nesterov's momentum: the step goes along the gradient plus momentum times the new velocity.
    pub nesterov: bool,
    /// This part of the parameter is added to its gradient; at least 0.
    pub weight_decay: f64,
}

impl Default for SgdOptions {
    fn default() -> Self {
        Self { learning_rate: 1e-3, momentum: 0.0, dampening: 0.0, nesterov: false, weight_decay: 0.0 }
    }
}

/// Stochastic gradient descent: `v = momentum v + (1 - dampening) g`, `p -= rate v`.
pub struct Sgd {
    /// Shared with what the host does before a recorded step.
    options: Rc<Cell<SgdOptions>>,
    slots: Slots,
}

impl Sgd {
    /// Over these parameters.
    ///
    /// # Panics
    /// If an option is outside its range, Nesterov's momentum is asked for without momentum or with dampening, or two
    /// parameters have one name.
    #[track_caller]
    pub fn new(parameters: Vec<(String, Parameter)>, options: SgdOptions) -> Self {
        let SgdOptions { learning_rate, momentum, dampening, nesterov, weight_decay } = options;
        assert_rate(learning_rate);
        assert!(
            (0.0..1.0).contains(&momentum) && (0.0..=1.0).contains(&dampening) && weight_decay >= 0.0,
            "sgd: an option is out of range: {options:?}"
        );
        assert!(
            !nesterov || (momentum > 0.0 && dampening == 0.0),
            "sgd: Nesterov's momentum needs momentum and no dampening: {options:?}"
        );
        let names = if momentum > 0.0 { vec![("momentum_buffer", 0)] } else { Vec::new() };
        Self { options: Rc::new(Cell::new(options)), slots: Slots::new(parameters, names, 0.0) }
    }
}

impl Optimiser for Sgd {
    #[track_caller]
    fn step(&mut self, gradients: &[Tensor]) {
        let options = Rc::clone(&self.options);
        let rule = move |steps: u64| {
            let options = options.get();
            // The first gradient is the first velocity, whole.
            let dampening = if steps == 0 { 0.0 } else { options.dampening };
            kernel::Sgd {
                rate: options.learning_rate as f32,
                decay: options.weight_decay as f32,
                momentum: options.momentum as f32,
                gain: (1.0 - dampening) as f32,
                nesterov: options.nesterov,
            }
        };
        self.slots.step(
            gradients,
            rule,
            |rule, values, gradient, slots| {
                kernel::sgd(rule, values, gradient, slots.first_mut().map(|slot| slot.data_mut()));
            },
            device::sgd,
        );
    }

    fn learning_rate(&self) -> f64 {
        self.options.get().learning_rate
    }

    #[track_caller]
    fn set_learning_rate(&mut self, rate: f64) {
        assert_rate(rate);
        self.options.set(SgdOptions { learning_rate: rate, ..self.options.get() });
    }

    fn state(&self) -> State {
        self.slots.state()
    }

    fn load_state(&mut self, state: &State) -> Result<(), StateError> {
        self.slots.load_state(state)
    }
}
