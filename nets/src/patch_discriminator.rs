//! The 70 by 70 PatchGAN (Isola et al. 2017; Zhu et al. 2017, appendix 7.2): C64-C128-C256-C512.
//!
//! Each of its logits sees 70 by 70 pixels. Instance norms without parameters, leaky ReLUs. Its tensors have the names and
//! shapes of the authors' code (`model.0.weight`, ..., `model.11.bias`).

use gobelin_autograd::Var;
use gobelin_autograd::ops::Window;
use gobelin_autograd::random::Generator;

use crate::layers::{Activation, Conv, InstanceNorm};
use crate::module::{Entry, Module, Sequential, join};
use crate::pass::Pass;

const DEVIATION: f32 = 0.02;
const SLOPE: f32 = 0.2;

/// Judges patches of pictures `(N, H, W, channels)` of at least 24 pixels: logits `(N, H', W', 1)` with `H' = H / 8 - 2`, rounded
/// down.
pub struct PatchDiscriminator {
    model: Sequential,
}

impl PatchDiscriminator {
    /// A discriminator with fresh weights from N(0, 0.02); `width` is the channels of its first map (64 in the paper).
    pub fn new(width: usize, channels: usize, generator: &mut Generator) -> Self {
        let mut model = Sequential::new();
        let first = Conv::new([channels, width], Window::square(4, 2, 1), DEVIATION, generator);
        model.push(first.with_bias()).push(Activation::LeakyRelu(SLOPE));
        for (level, stride) in [(1, 2), (2, 2), (3, 1)] {
            let channels = [width << (level - 1), width << level];
            let conv = Conv::new(channels, Window::square(4, stride, 1), DEVIATION, generator);
            model.push(conv.with_cancelled_bias()).push(InstanceNorm::new());
            model.push(Activation::LeakyRelu(SLOPE));
        }
        let last = Conv::new([width << 3, 1], Window::square(4, 1, 1), DEVIATION, generator);
        model.push(last.with_bias());
        Self { model }
    }
}

impl Module for PatchDiscriminator {
    fn forward(&self, pass: &Pass, x: &Var) -> Var {
        pass.run("model", &self.model, x)
    }

    fn list(&self, prefix: &str, entries: &mut Vec<Entry>) {
        self.model.list(&join(prefix, "model"), entries);
    }
}
