//! The same values under another shape.

use crate::var::Var;

/// `x` with another shape, nothing copied. Derivative: the gradient with the old shape.
///
/// # Panics
/// If the shapes hold different numbers of values.
#[track_caller]
pub fn reshape(x: &Var, shape: &[usize]) -> Var {
    if x.shape() == shape {
        return x.clone();
    }
    let from = x.shape().to_vec();
    Var::record("reshape", x.tensor().reshape(shape), &[x], move |step| {
        vec![Some(reshape(&step.gradient, &from))]
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::GradientCheck;
    use crate::ops;
    use crate::ops::testing::numbers;

    #[test]
    fn gradients() {
        GradientCheck::default().assert(&[numbers(&[2, 6], 1)], |x| ops::square(&reshape(&x[0], &[3, 4])));
    }
}
