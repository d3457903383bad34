//! Embeddings of length 1.

use gobelin_kernels::cpu::unit;
use gobelin_kernels::cuda::elementwise::Map;
use gobelin_kernels::cuda::unit as device;

use crate::ops;
use crate::tensor::Tensor;
use crate::var::Var;

/// Rows shorter than this are divided by it instead of their length, as in PyTorch.
const SHORTEST: f32 = 1e-12;

/// Each row (the last axis) divided by its Euclidean length, or by 1e-12 if it is shorter: zeros stay zeros.
///
/// Derivative, from the output: `(g - y (y . g)) / length`, and `g / 1e-12` for rows that are too short.
///
/// # Panics
/// If `x` has no axis, or an empty last one.
#[track_caller]
pub fn l2_normalise(x: &Var) -> Var {
    let row = x.shape().last().copied().unwrap_or(0);
    assert!(row > 0, "l2_normalise: shape {:?}, expected a last axis that is not empty", x.shape());
    let last = x.shape().len() - 1;
    let mut rows = x.shape().to_vec();
    rows[last] = 1;
    let mut reciprocals = x.tensor().full_beside(&rows, 0.0);
    let y = match x.tensor().device() {
        None => Tensor::build(x.shape(), |y| {
            unit::normalise_rows(x.tensor().data(), row, SHORTEST, y, reciprocals.data_mut());
        }),
        Some(place) => Tensor::build_on(place, x.shape(), |y| {
            device::normalise_rows(x.tensor().buffer(place), row, SHORTEST, y, reciprocals.buffer_mut(place))
        }),
    };
    let saved = (x.clone(), y.clone(), reciprocals);
    Var::record("l2_normalise", y, &[x], move |step| {
        let (x, y, reciprocals) = &saved;
        if step.is_final() {
            let gradient = step.gradient.into_tensor().change(
                [y, reciprocals],
                |g, [y, reciprocals]| unit::normalise_rows_gradient(y, row, SHORTEST, reciprocals, g),
                |g, [y, reciprocals]| device::normalise_rows_gradient(y, row, SHORTEST, reciprocals, g),
            );
            return vec![Some(gradient.into())];
        }
        let y = step.output(y);
        let length = ops::sqrt(&ops::sum_axes(&ops::square(x), &[last]));
        let long_enough =
            reciprocals.map_as(Map::IsBelow(1.0 / SHORTEST), |r| f32::from(r < 1.0 / SHORTEST)).into();
        let along = ops::mul(&ops::sum_axes(&ops::mul(&step.gradient, &y), &[last]), &long_enough);
        let reciprocal = ops::reciprocal_or_zero(&ops::clamp(&length, SHORTEST, f32::INFINITY));
        vec![Some(ops::mul(&ops::sub(&step.gradient, &ops::mul(&y, &along)), &reciprocal))]
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::GradientCheck;
    use crate::ops::testing::numbers;
    use crate::tape::Tape;

    #[test]
    fn values() {
        let y = l2_normalise(&Tensor::new(&[2, 2], [3.0, -4.0, 0.0, 0.0]).into());
        assert_eq!(y.tensor().data(), [0.6, -0.8, 0.0, 0.0]);
    }

    #[test]
    fn gradients() {
        for shape in [&[3, 4][..], &[2, 3, 9]] {
            GradientCheck::default().assert(&[numbers(shape, 1)], |x| l2_normalise(&x[0]));
        }
    }

    #[test]
    fn the_gradient_at_zeros_is_finite_and_that_of_pytorch() {
        let tape = Tape::new();
        let x = tape.leaf(Tensor::zeros(&[1, 2]));
        let loss = ops::sum(&l2_normalise(&x));
        for gradient in [
            tape.differentiable_gradients(&loss, &[&x]).remove(0).into_tensor(),
            tape.gradients(&loss, &[&x]).remove(0),
        ] {
            assert_eq!(gradient.data(), [1e12, 1e12]);
        }
    }
}
