//! The convolution layer.

use gobelin_autograd::random::{self, Generator};
use gobelin_autograd::{Parameter, Tensor, Var, ops};

use crate::module::{Entry, Kind, Module, join};
use crate::pass::Pass;

/// A convolution, with a bias or without.
pub struct Conv {
    weight: Parameter,
    bias: Option<Parameter>,
    bias_cancels: bool,
    window: ops::Window,
}

impl Conv {
    /// A layer from `channels_in` to `channels_out`, weights drawn from N(0, `deviation`), no bias.
    pub fn new(
        [channels_in, channels_out]: [usize; 2],
        window: ops::Window,
        deviation: f32,
        generator: &mut Generator,
    ) -> Self {
        let [height, width] = window.kernel;
        let weight = random::normal(&[height, width, channels_in, channels_out], 0.0, deviation, generator);
        Self { weight: Parameter::new(weight), bias: None, bias_cancels: false, window }
    }

    /// Adds a bias that starts at 0.
    pub fn with_bias(mut self) -> Self {
        let channels = self.weight.shape()[3];
        self.bias = Some(Parameter::new(Tensor::zeros(&[channels])));
        self
    }

    /// Adds a bias that the norm behind this layer takes away again with the mean: it has its place in weight files, but no
    /// effect and no gradient, so nothing is computed for it except where a tap shows this layer's own output.
    pub fn with_cancelled_bias(self) -> Self {
        Self { bias_cancels: true, ..self.with_bias() }
    }
}

impl Conv {
    /// Whether it sees but one pixel at a time.
    pub(crate) fn is_pointwise(&self) -> bool {
        self.window == ops::Window { exact: self.window.exact, ..ops::Window::square(1, 1, 0) }
    }

    /// What each of some convolutions that are pointwise makes of `x`, before their biases.
    pub(crate) fn run_beside(convs: &[&Self], pass: &Pass, x: &Var) -> Vec<Var> {
        let weights: Vec<Var> = convs.iter().map(|conv| pass.parameter(&conv.weight)).collect();
        ops::pointwise(x, &weights.iter().collect::<Vec<_>>(), pass.is_exact())
    }

    fn window(&self, pass: &Pass) -> ops::Window {
        ops::Window { exact: pass.is_exact(), ..self.window }
    }
}

impl Module for Conv {
    fn forward(&self, pass: &Pass, x: &Var) -> Var {
        self.behind_first_conv(pass, &ops::conv2d(x, &pass.parameter(&self.weight), self.window(pass)))
    }

    fn forward_mirrored(&self, pass: &Pass, x: &Var, mirrored: usize) -> Var {
        if self.window.padding != [0, 0] {
            return self.forward(pass, &ops::pad_reflect(x, ops::Sides::all(mirrored)));
        }
        let weight = pass.parameter(&self.weight);
        self.behind_first_conv(pass, &ops::conv2d_mirrored(x, &weight, self.window(pass), mirrored))
    }

    fn first_conv(&self) -> Option<&Conv> {
        Some(self)
    }

    fn behind_first_conv(&self, pass: &Pass, y: &Var) -> Var {
        match &self.bias {
            Some(bias) if pass.is_tapped() || !self.bias_cancels => ops::add(y, &pass.parameter(bias)),
            _ => y.clone(),
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
