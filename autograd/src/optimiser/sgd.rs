//! Stochastic gradient descent.

use gobelin_kernels::cpu::optimiser as kernel;
use gobelin_kernels::cuda::optimiser::{self as device, Table};
use gobelin_kernels::cuda::{self, DeviceBuffer};
use serde::{Deserialize, Serialize};

use super::by_rule::{ByRule, Rule, SlotsOfOne};

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
pub type Sgd = ByRule<SgdOptions>;

impl Rule for SgdOptions {
    type Numbers = kernel::Sgd;
    type OnDevice = device::Sgd;

    fn slots(&self) -> Vec<(&'static str, usize)> {
        if self.momentum > 0.0 { vec![("momentum_buffer", 0)] } else { Vec::new() }
    }

    #[track_caller]
    fn check(&self) {
        let Self { momentum, dampening, nesterov, weight_decay, .. } = *self;
        assert!(
            (0.0..1.0).contains(&momentum) && (0.0..=1.0).contains(&dampening) && weight_decay >= 0.0,
            "sgd: an option is out of range: {self:?}"
        );
        assert!(
            !nesterov || (momentum > 0.0 && dampening == 0.0),
            "sgd: Nesterov's momentum needs momentum and no dampening: {self:?}"
        );
    }

    fn rate(&mut self) -> &mut f64 {
        &mut self.learning_rate
    }

    fn numbers(&self, steps: u64) -> kernel::Sgd {
        // The first gradient is the first velocity, whole.
        let dampening = if steps == 0 { 0.0 } else { self.dampening };
        kernel::Sgd {
            rate: self.learning_rate as f32,
            decay: self.weight_decay as f32,
            momentum: self.momentum as f32,
            gain: (1.0 - dampening) as f32,
            nesterov: self.nesterov,
        }
    }

    fn update(numbers: kernel::Sgd, values: &mut [f32], gradient: &[f32], [velocity, ..]: SlotsOfOne) {
        kernel::sgd(numbers, values, gradient, velocity);
    }

    fn launch(numbers: &DeviceBuffer<Self::OnDevice>, table: &Table) -> cuda::Result<()> {
        device::sgd(numbers, table)
    }
}
