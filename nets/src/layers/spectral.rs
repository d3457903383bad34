//! A convolution whose weight has spectral norm 1.

use gobelin_autograd::random::{self, Generator};
use gobelin_autograd::{Parameter, Tensor, Var, ops};

use crate::module::{Entry, Kind, Module, join};
use crate::pass::{Pass, Statistics};

/// A convolution without bias whose weight is divided by its largest singular value (Miyato et al. 2018).
///
/// The weight is seen as a matrix of output channels by all else. One power iteration in each training pass keeps the
/// singular vector; gradients flow through the division, the vectors are constants. The raw weight is `weight_orig` and
/// the vector `weight_u`, as PyTorch's `spectral_norm` names them (its `weight_v` follows from these).
pub struct SpectralConv {
    weight: Parameter,
    vector: Parameter,
    window: ops::Window,
}

impl SpectralConv {
    /// A layer from `channels_in` to `channels_out`, weights drawn from N(0, `deviation`).
    pub fn new(
        [channels_in, channels_out]: [usize; 2],
        window: ops::Window,
        deviation: f32,
        generator: &mut Generator,
    ) -> Self {
        let [height, width] = window.kernel;
        let weight = random::normal(&[height, width, channels_in, channels_out], 0.0, deviation, generator);
        let vector = unit(&random::normal(&[channels_out], 0.0, 1.0, generator));
        Self { weight: Parameter::new(weight), vector: Parameter::new(vector), window }
    }

    /// The weight divided by its largest singular value.
    fn normalised(&self, pass: &Pass) -> Var {
        let weight = pass.parameter(&self.weight);
        let matrix = matrix(&weight.detach());
        let mut left = self.vector.value().reshape(&[1, matrix.shape()[1]]);
        let right = unit(&product(&left, &matrix, ops::Side::Transposed));
        if pass.statistics() == Statistics::Learned {
            left = unit(&product(&right, &matrix, ops::Side::Plain));
            self.vector.set(left.reshape(&[left.len()]));
        }
        divide(&weight, left, right)
    }
}

/// A filter as a matrix: all else by output channels.
fn matrix(weight: &Var) -> Var {
    let channels_out = weight.shape()[3];
    ops::reshape(weight, &[weight.tensor().len() / channels_out, channels_out])
}

fn product(row: &Tensor, matrix: &Var, side: ops::Side) -> Tensor {
    ops::matmul(&row.clone().into(), ops::Side::Plain, matrix, side).into_tensor()
}

/// `weight / (right W left)`: with singular vectors of the weight's matrix `W`, its largest singular value becomes 1.
fn divide(weight: &Var, left: Tensor, right: Tensor) -> Var {
    let along = ops::matmul(&right.into(), ops::Side::Plain, &matrix(weight), ops::Side::Plain);
    ops::div(weight, &ops::sum(&ops::mul(&along, &left.into())))
}

/// A vector of length 1 in the same direction.
fn unit(vector: &Tensor) -> Tensor {
    if vector.device().is_some() {
        return ops::l2_normalise(&vector.clone().into()).into_tensor();
    }
    let square: f64 = vector.data().iter().map(|&v| f64::from(v) * f64::from(v)).sum();
    let factor = 1.0 / square.sqrt().max(1e-12) as f32;
    vector.map(move |v| v * factor)
}

impl Module for SpectralConv {
    fn forward(&self, pass: &Pass, x: &Var) -> Var {
        let window = ops::Window { exact: pass.is_exact(), ..self.window };
        ops::conv2d(x, &self.normalised(pass), window)
    }

    fn list(&self, prefix: &str, entries: &mut Vec<Entry>) {
        for (name, parameter, kind) in
            [("weight_orig", &self.weight, Kind::Filter), ("weight_u", &self.vector, Kind::Buffer)]
        {
            entries.push(Entry { name: join(prefix, name), parameter: parameter.clone(), kind });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gobelin_autograd::check::GradientCheck;

    fn layer() -> SpectralConv {
        SpectralConv::new([3, 5], ops::Window::square(3, 1, 1), 0.5, &mut random::generator(3, 0))
    }

    #[test]
    fn the_largest_singular_value_becomes_one() {
        let layer = layer();
        for _ in 0..50 {
            layer.normalised(&Pass::frozen());
        }
        let weight = layer.normalised(&Pass::evaluation());
        // Power iteration on the Gram matrix, independent of the layer's own vectors.
        let matrix = ops::reshape(&weight, &[27, 5]);
        let gram = ops::matmul(&matrix, ops::Side::Transposed, &matrix, ops::Side::Plain);
        let mut vector = Var::constant(Tensor::new(&[5, 1], [1.0, -0.5, 0.25, 0.7, 0.1]));
        for _ in 0..200 {
            vector =
                unit(&ops::matmul(&gram, ops::Side::Plain, &vector, ops::Side::Plain).into_tensor()).into();
        }
        let image = ops::matmul(&gram, ops::Side::Plain, &vector, ops::Side::Plain);
        let square: f32 = image.tensor().data().iter().zip(vector.tensor().data()).map(|(a, b)| a * b).sum();
        assert!((square.sqrt() - 1.0).abs() < 1e-4, "{}", square.sqrt());
    }

    #[test]
    fn gradients_flow_through_the_norm() {
        let layer = layer();
        let mut numbers = random::generator(4, 0);
        let left = unit(&random::normal(&[1, 5], 0.0, 1.0, &mut numbers));
        let right = unit(&product(&left, &matrix(&layer.weight.value().into()), ops::Side::Transposed));
        GradientCheck::default()
            .assert(&[layer.weight.value()], |v| divide(&v[0], left.clone(), right.clone()));
    }
}
