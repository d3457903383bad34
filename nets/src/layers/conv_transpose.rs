//! The transposed convolution layer.

use gobelin_autograd::random::{self, Generator};
use gobelin_autograd::{Parameter, Tensor, Var, ops};

use crate::module::{Entry, Kind, Module, join};
use crate::pass::Pass;

/// A transposed convolution: the adjoint of a convolution from its output's channels to its input's.
pub struct ConvTranspose {
    weight: Parameter,
    bias: Option<Parameter>,
    bias_cancels: bool,
    window: ops::Window,
    output_padding: usize,
}

impl ConvTranspose {
    /// A layer from `channels_in` to `channels_out`, weights drawn from N(0, `deviation`), no bias.
    ///
    /// The output has `(size - 1) * stride - 2 * padding + kernel + output_padding` rows and columns.
    pub fn new(
        [channels_in, channels_out]: [usize; 2],
        window: ops::Window,
        output_padding: usize,
        deviation: f32,
        generator: &mut Generator,
    ) -> Self {
        let [height, width] = window.kernel;
        let weight = random::normal(&[height, width, channels_out, channels_in], 0.0, deviation, generator);
        Self { weight: Parameter::new(weight), bias: None, bias_cancels: false, window, output_padding }
    }

    /// Adds a bias that starts at 0.
    pub fn with_bias(mut self) -> Self {
        let channels = self.weight.shape()[2];
        self.bias = Some(Parameter::new(Tensor::zeros(&[channels])));
        self
    }

    /// Adds a bias that the norm behind this layer takes away again, as [`super::Conv::with_cancelled_bias`].
    pub fn with_cancelled_bias(self) -> Self {
        Self { bias_cancels: true, ..self.with_bias() }
    }
}

impl Module for ConvTranspose {
    fn forward(&self, pass: &Pass, x: &Var) -> Var {
        let window = ops::Window { exact: pass.is_exact(), ..self.window };
        let size = std::array::from_fn(|axis| {
            let reach = (x.shape()[1 + axis] - 1) * window.stride[axis] + window.kernel[axis];
            reach + self.output_padding - 2 * window.padding[axis]
        });
        let y = ops::conv2d_input_gradient(x, &pass.parameter(&self.weight), window, size);
        match &self.bias {
            Some(bias) if pass.is_tapped() || !self.bias_cancels => ops::add(&y, &pass.parameter(bias)),
            _ => y,
        }
    }

    fn list(&self, prefix: &str, entries: &mut Vec<Entry>) {
        let entry = |name, parameter: &Parameter, kind| Entry {
            name: join(prefix, name),
            parameter: parameter.clone(),
            kind,
        };
        entries.push(entry("weight", &self.weight, Kind::Filter));
        entries.extend(self.bias.iter().map(|bias| entry("bias", bias, Kind::Plain)));
    }
}
