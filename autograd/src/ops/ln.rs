//! The natural logarithm.

use gobelin_kernels::cpu::math;
use gobelin_kernels::cuda::elementwise::Map;

use crate::ops;
use crate::var::Var;

/// `ln x`: -infinity at 0, NaN below. Derivative: `1 / x`.
pub fn ln(x: &Var) -> Var {
    let saved = x.clone();
    Var::record("ln", x.tensor().map_as(Map::Ln, math::ln), &[x], move |step| {
        vec![Some(ops::div(&step.gradient, &saved))]
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::GradientCheck;
    use crate::ops::testing::numbers;

    #[test]
    fn gradients() {
        let positive = numbers(&[3, 5], 1).map(|v| v * v + 0.5);
        GradientCheck::default().assert(&[positive], |x| ln(&x[0]));
    }
}
