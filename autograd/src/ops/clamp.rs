//! Values kept within bounds.

use gobelin_kernels::cuda::elementwise::{Map, Zip};

use crate::ops;
use crate::tensor::Tensor;
use crate::var::Var;

/// `x` kept within `low..=high`; an infinite bound is none, NaN stays NaN. Derivative: 1 within the bounds and on them, 0
/// beyond.
///
/// # Panics
/// If `low` is above `high` or either is NaN.
#[track_caller]
pub fn clamp(x: &Var, low: f32, high: f32) -> Var {
    assert!(low <= high, "clamp: bounds {low} and {high}, expected the lower one first");
    let saved = x.tensor().clone();
    let within = move |v: f32| {
        let v = if v < low { low } else { v };
        if v > high { high } else { v }
    };
    Var::record("clamp", x.tensor().map_as(Map::Clamp(low, high), within), &[x], move |step| {
        let inside = move |v: f32| v >= low && v <= high;
        let slopes = || saved.map_as(Map::IsInside(low, high), move |x| f32::from(inside(x)));
        if step.is_final() {
            let gradient = step.gradient.into_tensor();
            let gradient = if saved.device().is_some() {
                gradient.zip_into_as(&slopes(), Zip::Masked, |g, slope| if slope == 0.0 { 0.0 } else { g })
            } else {
                gradient.zip_into(&saved, move |g, x| if inside(x) { g } else { 0.0 })
            };
            return vec![Some(gradient.into())];
        }
        vec![Some(ops::mul(&step.gradient, &slopes().into()))]
    })
}

/// How many values lie outside of `low..=high`, NaN included: one value, of shape `[]`, of no derivative.
pub fn count_outside(x: &Tensor, low: f32, high: f32) -> Tensor {
    let is_inside = move |v: f32| v >= low && v <= high;
    if x.device().is_none() {
        return Tensor::scalar(x.data().iter().filter(|&&v| !is_inside(v)).count() as f32);
    }
    let inside = x.map_as(Map::IsInside(low, high), move |v| f32::from(is_inside(v)));
    ops::sum(&inside.map_into_as(Map::IsZero, |inside| f32::from(inside == 0.0)).into()).into_tensor()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::GradientCheck;
    use crate::ops::testing::numbers;
    use crate::tape::Tape;

    #[test]
    fn gradients() {
        let check = GradientCheck::default().with_kinks(&[-0.5, 0.8]);
        check.assert(&[numbers(&[4, 5], 1)], |x| ops::square(&clamp(&x[0], -0.5, 0.8)));
        check.assert(&[numbers(&[4, 5], 1)], |x| ops::square(&clamp(&x[0], -0.5, f32::INFINITY)));
    }

    #[test]
    fn the_bounds_belong_to_the_inside() {
        let tape = Tape::new();
        let x = tape.leaf(Tensor::new(&[5], [-2.0, -1.0, 0.5, 1.0, f32::NAN]));
        let y = clamp(&x, -1.0, 1.0);
        assert_eq!(y.tensor().data()[..4], [-1.0, -1.0, 0.5, 1.0]);
        assert!(y.tensor().data()[4].is_nan());
        assert_eq!(tape.gradients(&ops::sum(&y), &[&x])[0].data(), [0.0, 1.0, 1.0, 1.0, 0.0]);
        assert_eq!(count_outside(x.tensor(), -1.0, 1.0).item(), 2.0);
    }
}
