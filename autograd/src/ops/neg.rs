//! The opposite.

use crate::var::Var;

/// `-x`. Derivative: -1.
pub fn neg(x: &Var) -> Var {
    Var::record("neg", x.tensor().map(|v| -v), &[x], |step| vec![Some(neg(&step.gradient))])
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
