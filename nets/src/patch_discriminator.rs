//! The 70 by 70 PatchGAN (Isola et al. 2017; Zhu et al. 2017, appendix 7.2): C64-C128-C256-C512.
//!
//! Each of its logits sees 70 by 70 pixels; with fewer layers, as the authors' code offers them, fewer. Instance norms without parameters, leaky ReLUs. Its tensors have the names and
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
/// down; in general `2^layers` in place of 8.
pub struct PatchDiscriminator {
    model: Sequential,
}

impl PatchDiscriminator {
    /// A discriminator with fresh weights from N(0, 0.02); `width` is the channels of its first map (64 in the paper).
    pub fn new(width: usize, channels: usize, generator: &mut Generator) -> Self {
        Self::with_layers(3, width, channels, generator)
    }

    /// A discriminator with so many convolutions between the first and the last, from 1 to 3: its logits see 16 by 16, 34 by
    /// 34 or 70 by 70 pixels.
    ///
    /// # Panics
    /// If there are more or fewer.
    #[track_caller]
    pub fn with_layers(layers: usize, width: usize, channels: usize, generator: &mut Generator) -> Self {
        assert!((1..=3).contains(&layers), "patch discriminator: {layers} layers, expected 1 to 3");
        let mut model = Sequential::new();
        let first = Conv::new([channels, width], Window::square(4, 2, 1), DEVIATION, generator);
        model.push(first.with_bias()).push(Activation::LeakyRelu(SLOPE));
        for level in 1..=layers {
            let stride = if level < layers { 2 } else { 1 };
            let channels = [width << (level - 1), width << level];
            let conv = Conv::new(channels, Window::square(4, stride, 1), DEVIATION, generator);
            model.push(conv.with_cancelled_bias()).push(InstanceNorm::new());
            model.push(Activation::LeakyRelu(SLOPE));
        }
        let last = Conv::new([width << layers, 1], Window::square(4, 1, 1), DEVIATION, generator);
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
