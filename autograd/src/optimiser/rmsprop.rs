//! RMSprop.

use std::cell::Cell;
use std::rc::Rc;

use gobelin_kernels::cpu::optimiser as kernel;
use gobelin_kernels::cuda::optimiser as device;
use serde::{Deserialize, Serialize};

use super::slots::{Slots, assert_rate};
use super::{Optimiser, State, StateError};
use crate::parameter::Parameter;
use crate::tensor::Tensor;

/// Options of [`RmsProp`]; the defaults are PyTorch's.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RmsPropOptions {
    /// How far a step goes; at least 0.
    pub learning_rate: f64,
    /// What the running means keep of themselves each step, in `[0, 1)`.
    pub alpha: f64,
    /// Added to the denominator; at least 0.
    pub epsilon: f64,
    /// What the velocity keeps of itself each step, in `[0, 1)`; 0 keeps no velocity at all.
    pub momentum: f64,
    /// Divide by the deviation of the gradient instead of its root mean square.
    pub centred: bool,
    /// This part of the parameter is added to its gradient; at least 0.
    pub weight_decay: f64,
}

impl Default for RmsPropOptions {
    fn default() -> Self {
        Self {
            learning_rate: 1e-2,
            alpha: 0.99,
            epsilon: 1e-8,
            momentum: 0.0,
            centred: false,
            weight_decay: 0.0,
        }
    }
}

/// RMSprop (Tieleman and Hinton, "Neural networks for machine learning", lecture 6.5, 2012), centred after Graves
/// ("Generating sequences with recurrent neural networks", 2013, equations 38 to 41).
///
/// Where the centred variance is below zero by rounding, it counts as zero (PyTorch's gives NaN).
pub struct RmsProp {
    /// Shared with what the host does before a recorded step.
    options: Rc<Cell<RmsPropOptions>>,
    slots: Slots,
}

impl RmsProp {
    /// Over these parameters.
    ///
    /// # Panics
    /// If an option is outside its range, or two parameters have one name.
    #[track_caller]
    pub fn new(parameters: Vec<(String, Parameter)>, options: RmsPropOptions) -> Self {
        let RmsPropOptions { learning_rate, alpha, epsilon, momentum, centred, weight_decay } = options;
        assert_rate(learning_rate);
        assert!(
            (0.0..1.0).contains(&alpha)
                && (0.0..1.0).contains(&momentum)
                && epsilon >= 0.0
                && weight_decay >= 0.0,
            "rmsprop: an option is out of range: {options:?}"
        );
        let mut names = vec![("square_avg", 0)];
        if centred {
            names.push(("grad_avg", 1));
        }
        if momentum > 0.0 {
            names.push(("momentum_buffer", 2));
        }
        Self { options: Rc::new(Cell::new(options)), slots: Slots::new(parameters, names, 0.0) }
    }
}

impl Optimiser for RmsProp {
    #[track_caller]
    fn step(&mut self, gradients: &[Tensor]) {
        let options = Rc::clone(&self.options);
        let centred = options.get().centred;
        let rule = move |_| {
            let RmsPropOptions { learning_rate, alpha, epsilon, momentum, weight_decay, .. } = options.get();
            kernel::RmsProp {
                rate: learning_rate as f32,
                decay: weight_decay as f32,
                alpha: alpha as f32,
                gain: (1.0 - alpha) as f32,
                epsilon: epsilon as f32,
                momentum: momentum as f32,
            }
        };
        self.slots.step(
            gradients,
            rule,
            |rule, values, gradient, slots| {
                let mut slots = slots.iter_mut().map(|slot| slot.data_mut());
                let square = slots.next().expect("the first slot is always there");
                let mean = if centred { slots.next() } else { None };
                kernel::rmsprop(rule, values, gradient, square, mean, slots.next());
            },
            device::rmsprop,
        );
    }

    fn learning_rate(&self) -> f64 {
        self.options.get().learning_rate
    }

    #[track_caller]
    fn set_learning_rate(&mut self, rate: f64) {
        assert_rate(rate);
        self.options.set(RmsPropOptions { learning_rate: rate, ..self.options.get() });
    }

    fn state(&self) -> State {
        self.slots.state()
    }

    fn load_state(&mut self, state: &State) -> Result<(), StateError> {
        self.slots.load_state(state)
    }
}
