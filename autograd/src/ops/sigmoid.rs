//! The logistic function.

use gobelin_kernels::cpu::math;
use gobelin_kernels::cuda::elementwise::{Map, Zip};

use crate::ops;
use crate::var::Var;

/// `1 / (1 + e^-x)`. Derivative, from the output: `y (1 - y)`.
pub fn sigmoid(x: &Var) -> Var {
    let y = x.tensor().map_as(Map::Sigmoid, math::sigmoid);
    let saved = y.clone();
    Var::record("sigmoid", y, &[x], move |step| {
        if step.is_final() {
            let gradient = step
                .gradient
                .into_tensor()
                .zip_into_as(&saved, Zip::SigmoidGradient, |g, y| g * y * (1.0 - y));
            return vec![Some(gradient.into())];
        }
        let y = step.output(&saved);
        let slope = ops::mul(&y, &ops::add_scalar(&ops::neg(&y), 1.0));
        vec![Some(ops::mul(&step.gradient, &slope))]
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::GradientCheck;
    use crate::ops::testing::numbers;

    #[test]
    fn gradients() {
        GradientCheck::default().assert(&[numbers(&[3, 5], 1)], |x| sigmoid(&x[0]));
    }
}
