//! The hyperbolic tangent.

use gobelin_kernels::cpu::math;
use gobelin_kernels::cuda::elementwise::{Map, Zip};

use crate::ops;
use crate::var::Var;

/// `tanh x`. Derivative, from the output: `1 - y^2`.
pub fn tanh(x: &Var) -> Var {
    let y = x.tensor().map_as(Map::Tanh, math::tanh);
    let saved = y.clone();
    Var::record("tanh", y, &[x], move |step| {
        if step.is_final() {
            let gradient =
                step.gradient.into_tensor().zip_into_as(&saved, Zip::TanhGradient, |g, y| g * (1.0 - y * y));
            return vec![Some(gradient.into())];
        }
        let y = step.output(&saved);
        let slope = ops::add_scalar(&ops::neg(&ops::square(&y)), 1.0);
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
        GradientCheck::default().assert(&[numbers(&[3, 5], 1)], |x| tanh(&x[0]));
    }
}
