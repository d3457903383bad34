//! The exponential function.

use gobelin_kernels::cpu::math;
use gobelin_kernels::cuda::elementwise::Map;

use crate::ops;
use crate::var::Var;

/// `e^x`: 0 below -87.3, infinite above 88.7. Derivative: the output itself.
pub fn exp(x: &Var) -> Var {
    let y = x.tensor().map_as(Map::Exp, math::exp);
    let saved = y.clone();
    Var::record("exp", y, &[x], move |step| vec![Some(ops::mul(&step.gradient, &step.output(&saved)))])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::GradientCheck;
    use crate::ops::testing::numbers;

    #[test]
    fn gradients() {
        GradientCheck::default().assert(&[numbers(&[3, 5], 1)], |x| exp(&x[0]));
    }
}
