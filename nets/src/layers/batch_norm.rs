//! Batch normalisation with running statistics.

use gobelin_autograd::random::{self, Generator};
use gobelin_autograd::{Parameter, Tensor, Var, ops};

use super::Activation;
use crate::module::{Entry, Kind, Module, join};
use crate::pass::{Pass, Statistics};

/// Batch normalisation (Ioffe and Szegedy 2015) with PyTorch's defaults: epsilon 1e-5; running statistics move by 0.1
/// towards each batch's, the variance with Bessel's correction.
pub struct BatchNorm {
    weight: Parameter,
    bias: Parameter,
    mean: Parameter,
    variance: Parameter,
    batches: Parameter,
}

impl BatchNorm {
    /// What is added to variances.
    pub const EPSILON: f32 = 1e-5;
    /// How far the running statistics move towards a batch's.
    pub const MOMENTUM: f32 = 0.1;

    /// A norm of `channels` whose scale is drawn from N(1, `deviation`).
    pub fn new(channels: usize, deviation: f32, generator: &mut Generator) -> Self {
        let norm = Self::plain(channels);
        norm.weight.set(random::normal(&[channels], 1.0, deviation, generator));
        norm
    }

    /// A norm of `channels` whose scale is 1.
    pub fn plain(channels: usize) -> Self {
        Self {
            weight: Parameter::new(Tensor::ones(&[channels])),
            bias: Parameter::new(Tensor::zeros(&[channels])),
            mean: Parameter::new(Tensor::zeros(&[channels])),
            variance: Parameter::new(Tensor::ones(&[channels])),
            batches: Parameter::new(Tensor::scalar(0.0)),
        }
    }

    fn update_statistics(&self, normalised: &ops::Normalised, count: usize) {
        let correction = count as f32 / (count.max(2) - 1) as f32;
        self.mean.approach(&normalised.mean, 1.0, Self::MOMENTUM);
        self.variance.approach(&normalised.variance, correction, Self::MOMENTUM);
        self.batches.add(1.0);
    }

    /// With a leaky rectifier of this slope and the largest values of windows behind, if there are such.
    fn run(&self, pass: &Pass, x: &Var, slope: Option<f32>, window: Option<ops::Window>) -> Var {
        let (weight, bias) = (pass.parameter(&self.weight), pass.parameter(&self.bias));
        if pass.statistics() == Statistics::Running {
            let reciprocal = self.variance.value().map(|v| 1.0 / (v + Self::EPSILON).sqrt());
            let centred = ops::sub(x, &self.mean.value().into());
            let y = ops::add(&ops::mul(&centred, &ops::mul(&weight, &reciprocal.into())), &bias);
            let y = slope.map_or(y.clone(), |slope| ops::leaky_relu(&y, slope));
            return window.map_or(y.clone(), |window| ops::max_pool(&y, window));
        }
        let (scale, shift) = (Some(&weight), Some(&bias));
        let normalised = match window {
            Some(window) => ops::normalise_max_pool(x, Self::EPSILON, scale, shift, slope, window),
            None => ops::normalise(x, ops::Over::Batch, Self::EPSILON, scale, shift, slope),
        };
        if pass.statistics() == Statistics::Learned {
            self.update_statistics(&normalised, x.tensor().len() / weight.shape()[0]);
        }
        normalised.output
    }
}

impl Module for BatchNorm {
    fn forward(&self, pass: &Pass, x: &Var) -> Var {
        self.run(pass, x, None, None)
    }

    fn forward_activated(&self, pass: &Pass, x: &Var, activation: Activation) -> Var {
        match activation.slope() {
            Some(slope) => self.run(pass, x, Some(slope), None),
            None => activation.forward(pass, &self.forward(pass, x)),
        }
    }

    fn forward_pooled(
        &self,
        pass: &Pass,
        x: &Var,
        activation: Option<Activation>,
        window: ops::Window,
    ) -> Var {
        match activation.map(Activation::slope) {
            None => self.run(pass, x, None, Some(window)),
            Some(Some(slope)) => self.run(pass, x, Some(slope), Some(window)),
            Some(None) => {
                let y = self.forward(pass, x);
                ops::max_pool(
                    &activation.map_or(y.clone(), |activation| activation.forward(pass, &y)),
                    window,
                )
            }
        }
    }

    fn list(&self, prefix: &str, entries: &mut Vec<Entry>) {
        let all = [
            ("weight", &self.weight, Kind::Plain),
            ("bias", &self.bias, Kind::Plain),
            ("running_mean", &self.mean, Kind::Buffer),
            ("running_var", &self.variance, Kind::Buffer),
            ("num_batches_tracked", &self.batches, Kind::Count),
        ];
        let entry = |(name, parameter, kind): (_, &Parameter, _)| Entry {
            name: join(prefix, name),
            parameter: parameter.clone(),
            kind,
        };
        entries.extend(all.into_iter().map(entry));
    }
}
