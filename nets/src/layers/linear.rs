//! The linear layer.

use gobelin_autograd::random::{self, Generator};
use gobelin_autograd::{Parameter, Tensor, Var, ops};

use crate::module::{Entry, Kind, Module, join};
use crate::pass::Pass;

/// `x W' + b` of rows `(N, I)`, to `(N, O)`; the weight is `(O, I)` as in PyTorch.
pub struct Linear {
    weight: Parameter,
    bias: Parameter,
}

impl Linear {
    /// A layer from `inputs` to `outputs` numbers, weights drawn from N(0, `deviation`), biases 0.
    pub fn new([inputs, outputs]: [usize; 2], deviation: f32, generator: &mut Generator) -> Self {
        let weight = random::normal(&[outputs, inputs], 0.0, deviation, generator);
        Self { weight: Parameter::new(weight), bias: Parameter::new(Tensor::zeros(&[outputs])) }
    }
}

impl Module for Linear {
    fn forward(&self, pass: &Pass, x: &Var) -> Var {
        let y = ops::matmul(x, ops::Side::Plain, &pass.parameter(&self.weight), ops::Side::Transposed);
        ops::add(&y, &pass.parameter(&self.bias))
    }

    fn list(&self, prefix: &str, entries: &mut Vec<Entry>) {
        for (name, parameter) in [("weight", &self.weight), ("bias", &self.bias)] {
            entries.push(Entry { name: join(prefix, name), parameter: parameter.clone(), kind: Kind::Plain });
        }
    }
}
