//! The absolute value.

use gobelin_kernels::cuda::elementwise::{Map, Zip};

use crate::ops;
use crate::var::Var;

/// `|x|`. Derivative: the sign of `x`, 0 at 0.
pub fn abs(x: &Var) -> Var {
    let saved = x.tensor().clone();
    Var::record("abs", x.tensor().map_as(Map::Abs, f32::abs), &[x], move |step| {
        let sign = |v: f32| if v > 0.0 { 1.0 } else { -f32::from(v < 0.0) };
        if step.is_final() {
            let gradient = step.gradient.into_tensor();
            return vec![Some(gradient.zip_into_as(&saved, Zip::AbsGradient, |g, x| g * sign(x)).into())];
        }
        vec![Some(ops::mul(&step.gradient, &saved.map_as(Map::Sign, sign).into()))]
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
        let check = GradientCheck::default().with_kinks(&[0.0]);
        check.assert(&[numbers(&[3, 5], 1)], |x| ops::square(&abs(&x[0])));
    }

    #[test]
    fn the_gradient_at_zero_is_zero() {
        let tape = Tape::new();
        let x = tape.leaf(Tensor::new(&[3], [-2.0, 0.0, 2.0]));
        assert_eq!(tape.gradients(&ops::sum(&abs(&x)), &[&x])[0].data(), [-1.0, 0.0, 1.0]);
    }
}
