//! AdaGrad.

use gobelin_kernels::cpu::optimiser as kernel;
use gobelin_kernels::cuda::optimiser::{self as device, Table};
use gobelin_kernels::cuda::{self, DeviceBuffer};
use serde::{Deserialize, Serialize};

use super::by_rule::{ByRule, Rule, SlotsOfOne};

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
pub type AdaGrad = ByRule<AdaGradOptions>;

impl Rule for AdaGradOptions {
    type Numbers = kernel::AdaGrad;
    type OnDevice = device::AdaGrad;

    fn slots(&self) -> Vec<(&'static str, usize)> {
        vec![("sum", 0)]
    }

    fn initial(&self) -> f32 {
        self.initial_accumulator as f32
    }

    #[track_caller]
    fn check(&self) {
        let Self { learning_rate_decay, initial_accumulator, epsilon, weight_decay, .. } = *self;
        assert!(
            [learning_rate_decay, initial_accumulator, epsilon, weight_decay]
                .iter()
                .all(|&value| value >= 0.0),
            "adagrad: an option is out of range: {self:?}"
        );
    }

    fn rate(&mut self) -> &mut f64 {
        &mut self.learning_rate
    }

    fn numbers(&self, steps: u64) -> kernel::AdaGrad {
        let decay = 1.0 + steps as f64 * self.learning_rate_decay;
        kernel::AdaGrad {
            rate: (self.learning_rate / decay) as f32,
            decay: self.weight_decay as f32,
            epsilon: self.epsilon as f32,
        }
    }

    fn update(numbers: kernel::AdaGrad, values: &mut [f32], gradient: &[f32], slots: SlotsOfOne) {
        let [Some(sum), None, None] = slots else { unreachable!("AdaGrad has one slot") };
        kernel::adagrad(numbers, values, gradient, sum);
    }

    fn launch(numbers: &DeviceBuffer<Self::OnDevice>, table: &Table) -> cuda::Result<()> {
        device::adagrad(numbers, table)
    }
}
