//! The image transformation network of feed-forward style transfer (Johnson et al. 2016, supplement), with instance norms
//! (Ulyanov et al. 2016) and nearest-neighbour upsampling, which leaves no checkerboard.
//!
//! c9s1-32, d64, d128, five residual blocks of 128, u64, u32, c9s1-3, with mirrored borders. Its tensors are named by place in
//! the sequence: `1.weight` (first convolution), `2.weight` (its norm), `12.b.1.weight` (in the first block), ...

use gobelin_autograd::Var;
use gobelin_autograd::ops::Window;
use gobelin_autograd::random::Generator;

use crate::layers::{Activation, Conv, InstanceNorm, ReflectionPad, ResidualBlock, Upsample, he_deviation};
use crate::module::{Entry, Module, Sequential};
use crate::pass::Pass;

const BLOCKS: usize = 5;

/// Transforms pictures `(N, H, W, 3)` to others of the same size, which is a multiple of 4 and at least 8; any range.
pub struct Transform {
    sequence: Sequential,
}

impl Transform {
    /// A network with fresh weights; `width` is the channels of its widest map (32 in the paper).
    pub fn new(width: usize, generator: &mut Generator) -> Self {
        let mut sequence = Sequential::new();
        for (channels, kernel, stride) in
            [([3, width], 9, 1), ([width, 2 * width], 3, 2), ([2 * width, 4 * width], 3, 2)]
        {
            conv_norm_relu(&mut sequence, channels, kernel, stride, generator);
        }
        let deviation = he_deviation(Window::square(3, 1, 0), 4 * width);
        for _ in 0..BLOCKS {
            let block = ResidualBlock::new("b", 4 * width, InstanceNorm::with_affine, deviation, generator);
            sequence.push(block);
        }
        for channels in [[4 * width, 2 * width], [2 * width, width]] {
            sequence.push(Upsample(2));
            conv_norm_relu(&mut sequence, channels, 3, 1, generator);
        }
        sequence.push(ReflectionPad(4)).push(conv([width, 3], 9, 1, generator).with_bias());
        Self { sequence }
    }
}

fn conv(channels: [usize; 2], kernel: usize, stride: usize, generator: &mut Generator) -> Conv {
    let window = Window::square(kernel, stride, 0);
    Conv::new(channels, window, he_deviation(window, channels[0]), generator)
}

fn conv_norm_relu(
    sequence: &mut Sequential,
    channels: [usize; 2],
    kernel: usize,
    stride: usize,
    generator: &mut Generator,
) {
    sequence
        .push(ReflectionPad(kernel / 2))
        .push(conv(channels, kernel, stride, generator).with_cancelled_bias())
        .push(InstanceNorm::with_affine(channels[1]))
        .push(Activation::Relu);
}

impl Module for Transform {
    fn forward(&self, pass: &Pass, x: &Var) -> Var {
        self.sequence.forward(pass, x)
    }

    fn list(&self, prefix: &str, entries: &mut Vec<Entry>) {
        self.sequence.list(prefix, entries);
    }
}
