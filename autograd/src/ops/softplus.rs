//! Softplus: the smooth ramp, and minus the logarithm of a probability given as a logit.

use gobelin_kernels::cpu::math;
use gobelin_kernels::cuda::elementwise::{Map, Zip};

use crate::ops;
use crate::var::Var;

/// `ln(1 + e^x)`, finite for every finite `x`. With a logit `z`, `softplus(-z)` is `-ln sigmoid(z)` and `softplus(z)` is
/// `-ln(1 - sigmoid(z))`. Derivative: `sigmoid(x)`.
pub fn softplus(x: &Var) -> Var {
    let saved = x.clone();
    Var::record("softplus", x.tensor().map_as(Map::Softplus, math::softplus), &[x], move |step| {
        if step.is_final() {
            let gradient =
                step.gradient
                    .into_tensor()
                    .zip_into_as(saved.tensor(), Zip::SoftplusGradient, |g, x| g * math::sigmoid(x));
            return vec![Some(gradient.into())];
        }
        vec![Some(ops::mul(&step.gradient, &ops::sigmoid(&saved)))]
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::GradientCheck;
    use crate::ops::testing::numbers;
    use crate::tape::Tape;
    use crate::tensor::Tensor;

    #[test]
    fn gradients() {
        GradientCheck::default().assert(&[numbers(&[3, 5], 1)], |x| softplus(&x[0]));
    }

    #[test]
    fn large_logits_are_finite() {
        let tape = Tape::new();
        let x = tape.leaf(Tensor::new(&[3], [-1e4, 0.0, 1e4]));
        let y = softplus(&x);
        assert_eq!(y.tensor().data(), [0.0, std::f32::consts::LN_2, 1e4]);
        assert_eq!(tape.gradients(&ops::sum(&y), &[&x])[0].data(), [0.0, 0.5, 1.0]);
    }
}
