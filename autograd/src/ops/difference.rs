//! Mean squared and mean absolute differences: what most losses end in.

use gobelin_kernels::cpu::reduce;
use gobelin_kernels::cuda::elementwise::Zip;
use gobelin_kernels::cuda::reduce::{Pairs, sum_of_pairs};

use crate::ops;
use crate::tape::Step;
use crate::tensor::Tensor;
use crate::var::Var;

/// The mean of `(a - b)^2`, of shape `[]`, in one pass over memory; NaN of no values. Derivatives: `2 (a - b) / count` and
/// its negative, one pass each.
///
/// # Panics
/// If the shapes differ.
#[track_caller]
pub fn mean_squared_difference(a: &Var, b: &Var) -> Var {
    check("mean_squared_difference", a, b);
    let count = a.tensor().len() as f32;
    let y = mean(a, b, Pairs::SquaredDifferences, |a, b| (a - b) * (a - b));
    let saved = (a.clone(), b.clone());
    Var::record("mean_squared_difference", y, &[a, b], move |step| {
        let (a, b) = &saved;
        if step.is_final() {
            return fused(&step, a, b, 2.0 / count, Zip::ScaledDifference, |d| d);
        }
        let factor = ops::scale(&step.gradient, 2.0 / count);
        composed(&step, &ops::mul(&ops::sub(a, b), &factor))
    })
}

/// The mean of `|a - b|`, of shape `[]`, in one pass over memory; NaN of no values. Derivatives: the sign of `a - b` (0 where
/// they are equal) over the count, and its negative.
///
/// # Panics
/// If the shapes differ.
#[track_caller]
pub fn mean_absolute_difference(a: &Var, b: &Var) -> Var {
    check("mean_absolute_difference", a, b);
    let count = a.tensor().len() as f32;
    let y = mean(a, b, Pairs::AbsoluteDifferences, |a, b| (a - b).abs());
    let saved = (a.tensor().clone(), b.tensor().clone());
    let sign = |d: f32| if d > 0.0 { 1.0 } else { -f32::from(d < 0.0) };
    Var::record("mean_absolute_difference", y, &[a, b], move |step| {
        let (a, b) = &saved;
        if step.is_final() {
            let (a, b) = (a.clone().into(), b.clone().into());
            return fused(&step, &a, &b, 1.0 / count, Zip::ScaledSignOfDifference, sign);
        }
        let signs = a.zip_as(b, Zip::ScaledSignOfDifference(1.0), |a, b| sign(a - b)).into();
        composed(&step, &ops::mul(&signs, &ops::scale(&step.gradient, 1.0 / count)))
    })
}

#[track_caller]
fn check(op: &str, a: &Var, b: &Var) {
    assert!(a.shape() == b.shape(), "{op}: shapes {:?} and {:?}, expected the same", a.shape(), b.shape());
}

/// The mean of a function, which a device knows by `name`, of all pairs.
fn mean(a: &Var, b: &Var, name: Pairs, function: impl Fn(f32, f32) -> f32 + Sync) -> Tensor {
    let count = a.tensor().len() as f64;
    Tensor::compute(
        &[],
        [a.tensor(), b.tensor()],
        |[a, b], out| out[0] = (reduce::sum_of_pairs(a, b, function) / count) as f32,
        |[a, b], out| sum_of_pairs(a, b, name, 1.0 / count, out),
    )
}

fn fused(
    step: &Step,
    a: &Var,
    b: &Var,
    factor: f32,
    name: fn(f32) -> Zip,
    slope: impl Fn(f32) -> f32 + Sync,
) -> Vec<Option<Var>> {
    let (a, b) = (a.tensor(), b.tensor());
    if Tensor::common_device(&[a, b]).is_some() {
        // The gradient lies there and is not read: a pass more instead of waiting.
        let scaled = |factor: f32| {
            let difference = a.zip_as(b, name(factor), |a, b| factor * slope(a - b));
            ops::mul(&difference.into(), &step.gradient)
        };
        return vec![step.needs(0).then(|| scaled(factor)), step.needs(1).then(|| scaled(-factor))];
    }
    let factor = factor * step.gradient.item();
    let for_a = step.needs(0).then(|| a.zip(b, |a, b| factor * slope(a - b)).into());
    let for_b = step.needs(1).then(|| a.zip(b, |a, b| -factor * slope(a - b)).into());
    vec![for_a, for_b]
}

fn composed(step: &Step, for_a: &Var) -> Vec<Option<Var>> {
    vec![step.needs(0).then(|| for_a.clone()), step.needs(1).then(|| ops::neg(for_a))]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::GradientCheck;
    use crate::ops::testing::numbers;
    use crate::tape::Tape;

    #[test]
    fn gradients() {
        let inputs = [numbers(&[3, 5], 1), numbers(&[3, 5], 2).map(|v| v + 8.0)];
        GradientCheck::default().assert(&inputs, |x| mean_squared_difference(&x[0], &x[1]));
        GradientCheck::default().assert(&inputs, |x| ops::square(&mean_absolute_difference(&x[0], &x[1])));
    }

    #[test]
    fn values_and_signs() {
        let tape = Tape::new();
        let a = tape.leaf(Tensor::new(&[4], [1.0, 5.0, -2.0, 0.0]));
        let b = tape.leaf(Tensor::new(&[4], [1.0, 2.0, 0.0, -1.0]));
        let (squared, absolute) = (mean_squared_difference(&a, &b), mean_absolute_difference(&a, &b));
        assert_eq!((squared.item(), absolute.item()), (3.5, 1.5));
        assert_eq!(tape.gradients(&squared, &[&b])[0].data(), [0.0, -1.5, 1.0, -0.5]);
        let gradients = tape.gradients(&absolute, &[&a, &b]);
        assert_eq!(gradients[0].data(), [0.0, 0.25, -0.25, 0.25]);
        assert_eq!(gradients[1].data(), [0.0, -0.25, 0.25, -0.25]);
    }

    #[test]
    #[should_panic(expected = "shapes [2] and [1], expected the same")]
    fn shapes_must_be_the_same() {
        let _ = mean_squared_difference(&numbers(&[2], 1).into(), &numbers(&[1], 1).into());
    }
}
