//! Powers with a constant exponent.

use gobelin_kernels::cpu::math::Power;
use gobelin_kernels::cuda::elementwise::Map;

use crate::ops;
use crate::var::Var;

/// `x^exponent`; NaN for negative `x` unless the exponent is whole, infinite at 0 if it is negative, 1 everywhere if it is 0.
///
/// Derivative: `exponent * x^(exponent - 1)`. Where `x` is 0 and that is infinite (an exponent below 1) it is 0 instead, as for
/// [`ops::sqrt`], and so are the higher ones: a product of indices that touches 0 then has no NaN in its gradient.
///
/// # Panics
/// If the exponent is infinite or NaN.
pub fn power(x: &Var, exponent: f32) -> Var {
    raise(x, exponent, false)
}

/// [`power`], or 0 where `x` is 0 and the exponent negative, as the derivatives have it.
fn raise(x: &Var, exponent: f32, is_derivative: bool) -> Var {
    if exponent == 0.0 {
        return x.tensor().full_beside(x.shape(), 1.0).into();
    }
    // The common exponents have quicker ops of their own.
    if exponent == 1.0 {
        return x.clone();
    }
    if exponent == 2.0 {
        return ops::square(x);
    }
    let power = Power::new(exponent);
    let y = if is_derivative && exponent < 0.0 {
        x.tensor().map_as(Map::PowerOrZero(exponent), move |v| if v == 0.0 { 0.0 } else { power.of(v) })
    } else {
        x.tensor().map_as(Map::Power(exponent), move |v| power.of(v))
    };
    let saved = x.clone();
    Var::record("power", y, &[x], move |step| {
        let slope = ops::scale(&raise(&saved, exponent - 1.0, true), exponent);
        vec![Some(ops::mul(&step.gradient, &slope))]
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
        let positive = numbers(&[3, 5], 1).map(|v| v.abs() + 0.5);
        for exponent in [0.0, 0.3, 0.5, 1.0, 2.0, 3.0, 4.5, -1.0, -0.5] {
            GradientCheck::default().assert(std::slice::from_ref(&positive), |x| power(&x[0], exponent));
        }
        for exponent in [1.0, 2.0, 3.0] {
            GradientCheck::default().assert(&[numbers(&[3, 5], 1)], |x| power(&x[0], exponent));
        }
    }

    #[test]
    fn derivatives_at_zero_are_zero_or_exact() {
        for (exponent, value, slope) in
            [(0.3, 0.0, 0.0), (-1.0, f32::INFINITY, 0.0), (0.0, 1.0, 0.0), (1.0, 0.0, 1.0), (3.0, 0.0, 0.0)]
        {
            let tape = Tape::new();
            let x = tape.leaf(Tensor::scalar(0.0));
            let y = power(&x, exponent);
            assert_eq!(y.item(), value, "{exponent}");
            let gradient = tape.differentiable_gradients(&y, &[&x]).remove(0);
            assert_eq!(gradient.item(), slope, "{exponent}");
            assert_eq!(tape.differentiable_gradients(&gradient, &[&x])[0].item(), 0.0, "{exponent}");
        }
    }

    #[test]
    fn a_negative_base_needs_a_whole_exponent() {
        let x = Tensor::scalar(-2.0).into();
        assert_eq!((power(&x, 3.0).item(), power(&x, -2.0).item()), (-8.0, 0.25));
        assert!(power(&x, 0.5).item().is_nan());
    }
}
