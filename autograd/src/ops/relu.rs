//! Rectified linear units, plain and leaky.

use gobelin_kernels::cuda::elementwise::{Map, Zip};

use crate::ops;
use crate::tensor::Tensor;
use crate::var::Var;

/// `max(x, 0)`. Derivative: 1 where `x > 0`, else 0 (also at 0, as in PyTorch).
pub fn relu(x: &Var) -> Var {
    leaky_relu(x, 0.0)
}

/// `x` where it is positive, `slope * x` elsewhere (Maas et al. 2013); NaN stays NaN. Derivative: 1 where `x > 0`, else
/// `slope`.
///
/// `slope` must not be negative: the sign of the output then tells that of the input, so only the output is kept.
pub fn leaky_relu(x: &Var, slope: f32) -> Var {
    assert!(slope >= 0.0, "leaky_relu: slope {slope}, expected 0 or more");
    // With slope 0 the product would turn infinities into NaN.
    let y = if slope == 0.0 {
        x.tensor().map_as(Map::Relu, |v| if v <= 0.0 { 0.0 } else { v })
    } else {
        x.tensor().map_as(Map::LeakyRelu(slope), move |v| if v > 0.0 { v } else { slope * v })
    };
    let saved = y.clone();
    Var::record("leaky_relu", y, &[x], move |step| {
        if step.is_final() {
            let pass = move |g: f32, y: f32| if y > 0.0 { g } else { slope * g };
            let gradient = step.gradient.into_tensor();
            return vec![Some(gradient.zip_into_as(&saved, Zip::LeakyReluGradient(slope), pass).into())];
        }
        let slopes: Tensor = saved.map_as(Map::LeakySlope(slope), move |y| if y > 0.0 { 1.0 } else { slope });
        vec![Some(ops::mul(&step.gradient, &slopes.into()))]
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::GradientCheck;
    use crate::ops::testing::numbers;
    use crate::tape::Tape;

    #[test]
    fn gradients() {
        let check = GradientCheck::default().with_kinks(&[0.0]);
        check.assert(&[numbers(&[3, 5], 1)], |x| ops::square(&relu(&x[0])));
        check.assert(&[numbers(&[3, 5], 1)], |x| ops::square(&leaky_relu(&x[0], 0.2)));
    }

    #[test]
    fn the_gradient_at_zero_is_zero() {
        let tape = Tape::new();
        let x = tape.leaf(Tensor::new(&[3], [-1.0, 0.0, 1.0]));
        assert_eq!(tape.gradients(&ops::sum(&relu(&x)), &[&x])[0].data(), [0.0, 0.0, 1.0]);
    }

    #[test]
    fn nan_is_not_hidden() {
        assert!(relu(&Tensor::scalar(f32::NAN).into()).item().is_nan());
    }
}
