//! A residual block.

use gobelin_autograd::ops::Window;
use gobelin_autograd::random::Generator;
use gobelin_autograd::{Var, ops};

use super::{Activation, BatchNorm, Conv, InstanceNorm, ReflectionPad};
use crate::module::{Entry, Module, Sequential, join};
use crate::pass::Pass;

/// `x + body(x)` (He et al. 2016), the body being two mirrored 3 by 3 convolutions with norms and a ReLU between them. Its tensors are `NAME.1.weight`, ... with the name the body is given.
pub struct ResidualBlock {
    name: &'static str,
    body: Sequential,
}

impl ResidualBlock {
    /// A block of `channels`, weights drawn from N(0, `deviation`); `norm` makes the norms.
    pub fn new(
        name: &'static str,
        channels: usize,
        norm: fn(usize) -> InstanceNorm,
        deviation: f32,
        generator: &mut Generator,
    ) -> Self {
        Self::of_halves(name, || (conv(channels, deviation, generator).with_cancelled_bias(), norm(channels)))
    }

    /// The same with batch norms, and convolutions without biases.
    pub fn with_batch_norm(
        name: &'static str,
        channels: usize,
        deviation: f32,
        generator: &mut Generator,
    ) -> Self {
        Self::of_halves(name, || (conv(channels, deviation, generator), BatchNorm::plain(channels)))
    }

    fn of_halves<Norm: Module + 'static>(name: &'static str, mut half: impl FnMut() -> (Conv, Norm)) -> Self {
        let ((first, first_norm), (second, second_norm)) = (half(), half());
        let mut body = Sequential::new();
        body.push(ReflectionPad(1)).push(first).push(first_norm).push(Activation::Relu);
        body.push(ReflectionPad(1)).push(second).push(second_norm);
        Self { name, body }
    }
}

fn conv(channels: usize, deviation: f32, generator: &mut Generator) -> Conv {
    Conv::new([channels; 2], Window::square(3, 1, 0), deviation, generator)
}

impl Module for ResidualBlock {
    fn forward(&self, pass: &Pass, x: &Var) -> Var {
        ops::add(x, &pass.run(self.name, &self.body, x))
    }

    fn list(&self, prefix: &str, entries: &mut Vec<Entry>) {
        self.body.list(&join(prefix, self.name), entries);
    }
}
