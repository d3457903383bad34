//! Adam and AdamW.

use gobelin_kernels::cpu::optimiser as kernel;
use gobelin_kernels::cuda::optimiser::{self as device, Table};
use gobelin_kernels::cuda::{self, DeviceBuffer};
use serde::{Deserialize, Serialize};

use super::by_rule::{ByRule, Rule, SlotsOfOne};

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
pub type Adam = ByRule<AdamOptions>;

impl Rule for AdamOptions {
    type Numbers = kernel::Adam;
    type OnDevice = device::Adam;

    fn slots(&self) -> Vec<(&'static str, usize)> {
        vec![("exp_avg", 0), ("exp_avg_sq", 1)]
    }

    #[track_caller]
    fn check(&self) {
        assert!(
            self.betas.iter().all(|beta| (0.0..1.0).contains(beta))
                && self.epsilon >= 0.0
                && self.weight_decay >= 0.0,
            "adam: an option is out of range: {self:?}"
        );
    }

    fn rate(&mut self) -> &mut f64 {
        &mut self.learning_rate
    }

    fn numbers(&self, steps: u64) -> kernel::Adam {
        let Self { learning_rate, betas, epsilon, weight_decay, decoupled_weight_decay } = *self;
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
    }

    fn update(numbers: kernel::Adam, values: &mut [f32], gradient: &[f32], slots: SlotsOfOne) {
        let [Some(first), Some(second), None] = slots else { unreachable!("Adam has two slots") };
        kernel::adam(numbers, values, gradient, [first, second]);
    }

    fn launch(numbers: &DeviceBuffer<Self::OnDevice>, table: &Table) -> cuda::Result<()> {
        device::adam(numbers, table)
    }
}
