//! The square root, with a defined derivative at 0.

use gobelin_kernels::cuda::elementwise::Map;

use crate::ops;
use crate::var::Var;

/// `sqrt(x)`; NaN below 0. Derivative: `1 / (2 y)`, and 0 at 0, where the true one is infinite: distances between equal
/// points then have a zero gradient instead of NaN.
pub fn sqrt(x: &Var) -> Var {
    let y = x.tensor().map_as(Map::Sqrt, f32::sqrt);
    let saved = y.clone();
    Var::record("sqrt", y, &[x], move |step| {
        let half = ops::scale(&step.gradient, 0.5);
        vec![Some(ops::mul(&half, &ops::reciprocal_or_zero(&step.output(&saved))))]
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
        let positive = numbers(&[3, 5], 1).map(|v| v * v + 0.5);
        GradientCheck::default().assert(&[positive], |x| sqrt(&x[0]));
    }

    #[test]
    fn the_gradient_at_zero_is_zero() {
        let tape = Tape::new();
        let x = tape.leaf(Tensor::new(&[2], [0.0, 4.0]));
        assert_eq!(tape.gradients(&ops::sum(&sqrt(&x)), &[&x])[0].data(), [0.0, 0.25]);
    }
}
