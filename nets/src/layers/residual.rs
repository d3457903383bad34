//! A residual block.

use gobelin_autograd::ops::Window;
use gobelin_autograd::random::Generator;
use gobelin_autograd::{Var, ops};

use super::{Activation, Conv, ReflectionPad};
use crate::module::{Entry, Module, Sequential, join};
use crate::pass::Pass;

/// `x + body(x)` (He et al. 2016), the body being two mirrored 3 by 3 convolutions with norms and a ReLU between them. Its tensors are `NAME.1.weight`, ... with the name the body is given.
pub struct ResidualBlock {
    name: &'static str,
    body: Sequential,
}

impl ResidualBlock {
    /// A block of `channels`, weights drawn from N(0, `deviation`); `norm` makes the norms.
    pub fn new<Norm: Module + 'static>(
        name: &'static str,
        channels: usize,
        norm: fn(usize) -> Norm,
        deviation: f32,
        generator: &mut Generator,
    ) -> Self {
        let mut body = Sequential::new();
        for half in 0..2 {
            let conv = Conv::new([channels; 2], Window::square(3, 1, 0), deviation, generator);
            body.push(ReflectionPad(1)).push(conv.with_cancelled_bias()).push(norm(channels));
            if half == 0 {
                body.push(Activation::Relu);
            }
        }
        Self { name, body }
    }
}

impl Module for ResidualBlock {
    fn forward(&self, pass: &Pass, x: &Var) -> Var {
        ops::add(x, &pass.run(self.name, &self.body, x))
    }

    fn list(&self, prefix: &str, entries: &mut Vec<Entry>) {
        self.body.list(&join(prefix, self.name), entries);
    }
}
