//! The square.

use gobelin_kernels::cuda::elementwise::{Map, Zip};

use crate::ops;
use crate::var::Var;

/// `x^2`. Derivative: `2 x`.
pub fn square(x: &Var) -> Var {
    let saved = x.clone();
    Var::record("square", x.tensor().map_as(Map::Square, |v| v * v), &[x], move |step| {
        if step.is_final() {
            let gradient =
                step.gradient
                    .into_tensor()
                    .zip_into_as(saved.tensor(), Zip::SquareGradient, |g, x| 2.0 * g * x);
            return vec![Some(gradient.into())];
        }
        vec![Some(ops::scale(&ops::mul(&step.gradient, &saved), 2.0))]
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::GradientCheck;
    use crate::ops::testing::numbers;

    #[test]
    fn gradients() {
        GradientCheck::default().assert(&[numbers(&[3, 5], 1)], |x| square(&x[0]));
    }
}
