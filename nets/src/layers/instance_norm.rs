//! Instance normalisation.

use gobelin_autograd::{Parameter, Tensor, Var, ops};

use super::Activation;
use crate::module::{Entry, Kind, Module, join};
use crate::pass::Pass;

/// Instance normalisation (Ulyanov et al. 2016): each picture's channels to mean 0 and variance 1, in training and after.
pub struct InstanceNorm {
    affine: Option<(Parameter, Parameter)>,
}

impl InstanceNorm {
    /// What is added to variances.
    pub const EPSILON: f32 = 1e-5;

    /// A norm without parameters (PyTorch's default).
    pub fn new() -> Self {
        Self { affine: None }
    }

    /// A norm of `channels` with a scale that starts at 1 and a shift that starts at 0.
    pub fn with_affine(channels: usize) -> Self {
        let parameter = |value| Parameter::new(Tensor::full(&[channels], value));
        Self { affine: Some((parameter(1.0), parameter(0.0))) }
    }
}

impl Default for InstanceNorm {
    fn default() -> Self {
        Self::new()
    }
}

impl InstanceNorm {
    /// With a leaky rectifier of this slope behind, if there is one.
    fn run(&self, pass: &Pass, x: &Var, slope: Option<f32>) -> Var {
        let affine =
            self.affine.as_ref().map(|(scale, shift)| (pass.parameter(scale), pass.parameter(shift)));
        let (scale, shift) =
            (affine.as_ref().map(|(scale, _)| scale), affine.as_ref().map(|(_, shift)| shift));
        if let Some(moments) = pass.moments() {
            let y = moments.normalise(x, Self::EPSILON, scale, shift);
            return slope.map_or(y.clone(), |slope| ops::leaky_relu(&y, slope));
        }
        ops::normalise(x, ops::Over::Picture, Self::EPSILON, scale, shift, slope).output
    }
}

impl Module for InstanceNorm {
    fn forward(&self, pass: &Pass, x: &Var) -> Var {
        self.run(pass, x, None)
    }

    fn forward_activated(&self, pass: &Pass, x: &Var, activation: Activation) -> Var {
        match activation.slope() {
            Some(slope) => self.run(pass, x, Some(slope)),
            None => activation.forward(pass, &self.forward(pass, x)),
        }
    }

    fn list(&self, prefix: &str, entries: &mut Vec<Entry>) {
        if let Some((scale, shift)) = &self.affine {
            for (name, parameter) in [("weight", scale), ("bias", shift)] {
                entries.push(Entry {
                    name: join(prefix, name),
                    parameter: parameter.clone(),
                    kind: Kind::Plain,
                });
            }
        }
    }
}
