//! The reciprocal.

use gobelin_kernels::cuda::elementwise::Map;

use crate::ops;
use crate::var::Var;

/// `1 / x`, and 0 where `x` is 0. Derivative: `-y^2`, so also 0 there.
pub fn reciprocal_or_zero(x: &Var) -> Var {
    let y = x.tensor().map_as(Map::ReciprocalOrZero, |v| if v == 0.0 { 0.0 } else { 1.0 / v });
    let saved = y.clone();
    Var::record("reciprocal_or_zero", y, &[x], move |step| {
        let slope = ops::neg(&ops::square(&step.output(&saved)));
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
        let away = numbers(&[3, 5], 1).map(|v| v + v.signum());
        GradientCheck::default().assert(&[away], |x| reciprocal_or_zero(&x[0]));
    }
}
