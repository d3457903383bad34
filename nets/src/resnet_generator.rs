//! CycleGAN's generator (Zhu et al. 2017, appendix 7.2): c7s1-64, d128, d256, R256 a few times, u128, u64, c7s1-3.
//!
//! Mirrored borders, instance norms without parameters, tanh. With transposed convolutions its tensors have the names and
//! shapes of the authors' code (`model.1.weight`, `model.10.conv_block.1.weight`, ...), trained there without dropout.

use gobelin_autograd::Var;
use gobelin_autograd::ops::Window;
use gobelin_autograd::random::Generator;

use crate::dcgan::Upsampling;
use crate::layers::{Activation, Conv, ConvTranspose, InstanceNorm, ReflectionPad, ResidualBlock, Upsample};
use crate::module::{Entry, Module, Sequential, join};
use crate::pass::Pass;

const DEVIATION: f32 = 0.02;

/// What the generator looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Residual blocks: 6 for pictures of 128 pixels, 9 for larger ones.
    pub blocks: usize,
    /// Channels of the widest map (64 in the paper); the blocks have four times as many.
    pub width: usize,
    /// Channels of a picture.
    pub channels: usize,
    /// How maps are doubled.
    pub upsampling: Upsampling,
}

impl Default for Options {
    fn default() -> Self {
        Self { blocks: 9, width: 64, channels: 3, upsampling: Upsampling::Deconv }
    }
}

/// Translates pictures `(N, H, W, channels)` in [-1, 1] to others of the same size, which is a multiple of 4 and at
/// least 8.
pub struct ResnetGenerator {
    model: Sequential,
}

impl ResnetGenerator {
    /// A generator with fresh weights from N(0, 0.02).
    pub fn new(options: Options, generator: &mut Generator) -> Self {
        let Options { blocks, width, channels, upsampling } = options;
        let mut model = Sequential::new();
        let first = Conv::new([channels, width], Window::square(7, 1, 0), DEVIATION, generator);
        model.push(ReflectionPad(3)).push(first.with_cancelled_bias());
        model.push(InstanceNorm::new()).push(Activation::Relu);
        for level in 0..2 {
            let channels = [width << level, width << (level + 1)];
            let down = Conv::new(channels, Window::square(3, 2, 1), DEVIATION, generator);
            model.push(down.with_cancelled_bias()).push(InstanceNorm::new()).push(Activation::Relu);
        }
        for _ in 0..blocks {
            let norm = |_| InstanceNorm::new();
            model.push(ResidualBlock::new("conv_block", 4 * width, norm, DEVIATION, generator));
        }
        for level in (0..2).rev() {
            up(&mut model, [width << (level + 1), width << level], upsampling, generator);
            model.push(InstanceNorm::new()).push(Activation::Relu);
        }
        let last = Conv::new([width, channels], Window::square(7, 1, 0), DEVIATION, generator);
        model.push(ReflectionPad(3)).push(last.with_bias()).push(Activation::Tanh);
        Self { model }
    }
}

/// Doubles rows and columns.
fn up(model: &mut Sequential, channels: [usize; 2], upsampling: Upsampling, generator: &mut Generator) {
    match upsampling {
        Upsampling::Deconv => {
            let up = ConvTranspose::new(channels, Window::square(3, 2, 1), 1, DEVIATION, generator);
            model.push(up.with_cancelled_bias());
        }
        Upsampling::Resize => {
            let conv = Conv::new(channels, Window::square(3, 1, 0), DEVIATION, generator);
            model.push(Upsample(2)).push(ReflectionPad(1)).push(conv.with_cancelled_bias());
        }
    }
}

impl Module for ResnetGenerator {
    fn forward(&self, pass: &Pass, x: &Var) -> Var {
        pass.run("model", &self.model, x)
    }

    fn list(&self, prefix: &str, entries: &mut Vec<Entry>) {
        self.model.list(&join(prefix, "model"), entries);
    }
}
