//! A convolution, batch norm and ReLU: what FaceNet and U-Net are built of.

use gobelin_autograd::ops::Window;
use gobelin_autograd::random::Generator;

use super::{Activation, BatchNorm, Conv};
use crate::module::Sequential;

/// The deviation of weights that keeps the size of what ReLUs pass on (He et al. 2015).
pub(crate) fn he_deviation(window: Window, channels_in: usize) -> f32 {
    (2.0 / (window.kernel[0] * window.kernel[1] * channels_in) as f32).sqrt()
}

/// A convolution without bias from `channels[0]` to `channels[1]`, padded by half the kernel; batch norm; ReLU. The tensors
/// are `0.weight`, and of the norm `1.weight` and so on.
pub(crate) fn conv_norm_relu(
    channels: [usize; 2],
    kernel: usize,
    stride: usize,
    generator: &mut Generator,
) -> Sequential {
    let window = Window::square(kernel, stride, kernel / 2);
    let mut block = Sequential::new();
    block
        .push(Conv::new(channels, window, he_deviation(window, channels[0]), generator))
        .push(BatchNorm::new(channels[1], 0.0, generator))
        .push(Activation::Relu);
    block
}
