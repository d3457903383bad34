//! Sums, differences, products and quotients, with NumPy's broadcasting.

use gobelin_kernels::cpu::elementwise;
use gobelin_kernels::cuda::elementwise::{self as device, Zip};

use super::broadcast::{broadcast_shape, strides_for, sum_to};
use crate::ops;
use crate::tensor::Tensor;
use crate::var::Var;

/// `a + b`; axes of length 1 and missing leading axes are repeated. Derivatives: 1 and 1, summed over repeated axes.
#[track_caller]
pub fn add(a: &Var, b: &Var) -> Var {
    let (a_shape, b_shape) = (a.shape().to_vec(), b.shape().to_vec());
    Var::record("add", combine("add", a, b, Zip::Add, |a, b| a + b), &[a, b], move |step| {
        let for_a = step.needs(0).then(|| sum_to(&step.gradient, &a_shape));
        let for_b = step.needs(1).then(|| sum_to(&step.gradient, &b_shape));
        vec![for_a, for_b]
    })
}

/// `a - b`, broadcast. Derivatives: 1 and -1, summed over repeated axes.
#[track_caller]
pub fn sub(a: &Var, b: &Var) -> Var {
    let (a_shape, b_shape) = (a.shape().to_vec(), b.shape().to_vec());
    Var::record("sub", combine("sub", a, b, Zip::Sub, |a, b| a - b), &[a, b], move |step| {
        let for_b = step.needs(1).then(|| ops::neg(&sum_to(&step.gradient, &b_shape)));
        let for_a = step.needs(0).then(|| sum_to(&step.gradient, &a_shape));
        vec![for_a, for_b]
    })
}

/// `a * b`, broadcast. Derivatives: `b` and `a`, summed over repeated axes.
#[track_caller]
pub fn mul(a: &Var, b: &Var) -> Var {
    let saved = (a.clone(), b.clone());
    Var::record("mul", combine("mul", a, b, Zip::Mul, |a, b| a * b), &[a, b], move |step| {
        let (a, b) = &saved;
        let for_b = step.needs(1).then(|| sum_to(&mul(&step.gradient, a), b.shape()));
        let for_a = step.needs(0).then(|| sum_to(&mul(&step.gradient, b), a.shape()));
        vec![for_a, for_b]
    })
}

/// `a / b`, broadcast. Derivatives: `1 / b` and `-a / b^2`, summed over repeated axes.
#[track_caller]
pub fn div(a: &Var, b: &Var) -> Var {
    let saved = (a.clone(), b.clone());
    Var::record("div", combine("div", a, b, Zip::Div, |a, b| a / b), &[a, b], move |step| {
        let (a, b) = &saved;
        let over_b = div(&step.gradient, b);
        let for_b = step.needs(1).then(|| ops::neg(&sum_to(&mul(&over_b, &div(a, b)), b.shape())));
        let for_a = step.needs(0).then(|| sum_to(&over_b, a.shape()));
        vec![for_a, for_b]
    })
}

/// `function`, which a device knows by `name`, of two tensors, broadcast.
#[track_caller]
pub(super) fn combine(
    op: &str,
    a: &Var,
    b: &Var,
    name: Zip,
    function: impl Fn(f32, f32) -> f32 + Sync,
) -> Tensor {
    let (a, b) = (a.tensor(), b.tensor());
    if a.shape() == b.shape() {
        return a.zip_as(b, name, function);
    }
    let shape = broadcast_shape(op, a.shape(), b.shape());
    let (a_strides, b_strides) = (strides_for(a.shape(), &shape), strides_for(b.shape(), &shape));
    Tensor::compute(
        &shape,
        [a, b],
        |[a, b], out| elementwise::zip_strided(&shape, (a, &a_strides), (b, &b_strides), out, function),
        |[a, b], out| device::zip_strided(&shape, (a, &a_strides), (b, &b_strides), out, name),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::GradientCheck;
    use crate::ops::testing::numbers;

    #[test]
    fn gradients_with_every_kind_of_broadcasting() {
        type Op = fn(&Var, &Var) -> Var;
        let operations: [Op; 4] = [add, sub, mul, div];
        let shapes: [(&[usize], &[usize]); 7] = [
            (&[2, 3], &[2, 3]),
            (&[2, 3, 4], &[4]),
            (&[4], &[2, 3, 4]),
            (&[2, 1, 4], &[1, 3, 1]),
            (&[2, 3], &[]),
            (&[], &[]),
            (&[2, 1], &[2, 3]),
        ];
        for operation in operations {
            for (a, b) in shapes {
                let divisor = numbers(b, 2).map(|v| v + 2.0 * v.signum());
                GradientCheck::default().assert(&[numbers(a, 1), divisor], |x| operation(&x[0], &x[1]));
            }
        }
    }

    #[test]
    #[should_panic(expected = "mul: shapes [2, 3] and [2] do not broadcast")]
    fn shapes_that_do_not_fit_are_named() {
        let _ = mul(&numbers(&[2, 3], 1).into(), &numbers(&[2], 1).into());
    }
}
