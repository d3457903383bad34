//! RMSprop.

use gobelin_kernels::cpu::optimiser as kernel;
use gobelin_kernels::cuda::optimiser::{self as device, Table};
use gobelin_kernels::cuda::{self, DeviceBuffer};
use serde::{Deserialize, Serialize};

use super::by_rule::{ByRule, Rule, SlotsOfOne};

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
pub type RmsProp = ByRule<RmsPropOptions>;

impl Rule for RmsPropOptions {
    type Numbers = kernel::RmsProp;
    type OnDevice = device::RmsProp;

    fn slots(&self) -> Vec<(&'static str, usize)> {
        let mean = self.centred.then_some(("grad_avg", 1));
        let velocity = (self.momentum > 0.0).then_some(("momentum_buffer", 2));
        [Some(("square_avg", 0)), mean, velocity].into_iter().flatten().collect()
    }

    #[track_caller]
    fn check(&self) {
        assert!(
            (0.0..1.0).contains(&self.alpha)
                && (0.0..1.0).contains(&self.momentum)
                && self.epsilon >= 0.0
                && self.weight_decay >= 0.0,
            "rmsprop: an option is out of range: {self:?}"
        );
    }

    fn rate(&mut self) -> &mut f64 {
        &mut self.learning_rate
    }

    fn numbers(&self, _: u64) -> kernel::RmsProp {
        kernel::RmsProp {
            rate: self.learning_rate as f32,
            decay: self.weight_decay as f32,
            alpha: self.alpha as f32,
            gain: (1.0 - self.alpha) as f32,
            epsilon: self.epsilon as f32,
            momentum: self.momentum as f32,
        }
    }

    fn update(numbers: kernel::RmsProp, values: &mut [f32], gradient: &[f32], slots: SlotsOfOne) {
        let [square, mean, velocity] = slots;
        let square = square.expect("the first slot is always there");
        kernel::rmsprop(numbers, values, gradient, square, mean, velocity);
    }

    fn launch(numbers: &DeviceBuffer<Self::OnDevice>, table: &Table) -> cuda::Result<()> {
        device::rmsprop(numbers, table)
    }
}
