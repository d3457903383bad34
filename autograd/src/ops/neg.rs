//! The opposite.

use gobelin_kernels::cuda::elementwise::Map;

use crate::var::Var;

/// `-x`. Derivative: -1.
pub fn neg(x: &Var) -> Var {
    Var::record("neg", x.tensor().map_as(Map::Neg, |v| -v), &[x], |step| vec![Some(neg(&step.gradient))])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::GradientCheck;
    use crate::ops::testing::numbers;

    #[test]
    fn gradients() {
        GradientCheck::default().assert(&[numbers(&[3, 5], 1)], |x| neg(&x[0]));
    }
}
