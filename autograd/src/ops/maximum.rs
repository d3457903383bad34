//! The larger and the smaller of two tensors.

use gobelin_kernels::cpu::elementwise;
use gobelin_kernels::cuda::elementwise::{self as device, Zip, ZipThree};

use super::arithmetic::combine;
use super::broadcast::sum_to;
use crate::ops;
use crate::tensor::Tensor;
use crate::var::Var;

/// `max(a, b)`, broadcast; NaN if either is. Derivative: 1 to the larger, half to each of equal ones, as in PyTorch; summed
/// over repeated axes.
///
/// # Panics
/// If the shapes do not broadcast.
#[track_caller]
pub fn maximum(a: &Var, b: &Var) -> Var {
    let names = (Zip::Maximum, Zip::MaximumShare, ZipThree::MaximumGradient);
    choose("maximum", a, b, names, |a, b| a > b)
}

/// `min(a, b)`, as [`maximum`].
///
/// # Panics
/// As [`maximum`].
#[track_caller]
pub fn minimum(a: &Var, b: &Var) -> Var {
    let names = (Zip::Minimum, Zip::MinimumShare, ZipThree::MinimumGradient);
    choose("minimum", a, b, names, |a, b| a < b)
}

#[track_caller]
fn choose(
    op: &'static str,
    a: &Var,
    b: &Var,
    (name, share_name, gradient_name): (Zip, Zip, ZipThree),
    beats: impl Fn(f32, f32) -> bool + Copy + Sync + 'static,
) -> Var {
    let y = combine(op, a, b, name, move |a, b| if beats(a, b) || a.is_nan() { a } else { b });
    let share = move |own: f32, other: f32| {
        if own == other { 0.5 } else { f32::from(!beats(other, own)) }
    };
    let saved = (a.clone(), b.clone());
    Var::record(op, y, &[a, b], move |step| {
        let (a, b) = &saved;
        let passed = |own: &Var, other: &Var| {
            if step.is_final() && own.shape() == other.shape() {
                return Tensor::compute(
                    own.shape(),
                    [step.gradient.tensor(), own.tensor(), other.tensor()],
                    |all, out| elementwise::zip_three(all, out, |g, own, other| g * share(own, other)),
                    |all, out| device::zip_three(all, out, gradient_name),
                )
                .into();
            }
            let shares = combine(op, own, other, share_name, share).into();
            sum_to(&ops::mul(&step.gradient, &shares), own.shape())
        };
        vec![step.needs(0).then(|| passed(a, b)), step.needs(1).then(|| passed(b, a))]
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::GradientCheck;
    use crate::random;
    use crate::tape::Tape;

    #[test]
    fn gradients_with_broadcasting() {
        for (a, b) in [(&[2, 3][..], &[2, 3][..]), (&[2, 3], &[3]), (&[1], &[4, 1]), (&[], &[2])] {
            let (count, split) =
                (a.iter().product::<usize>() + b.iter().product::<usize>(), a.iter().product());
            let values = random::separated(&[count], 0.5, &mut random::generator(1, 0));
            let inputs = [Tensor::new(a, &values.data()[..split]), Tensor::new(b, &values.data()[split..])];
            GradientCheck::default().assert(&inputs, |x| ops::square(&maximum(&x[0], &x[1])));
            GradientCheck::default().assert(&inputs, |x| ops::square(&minimum(&x[0], &x[1])));
        }
    }

    #[test]
    fn equal_values_share_the_gradient_and_nan_is_not_hidden() {
        let tape = Tape::new();
        let a = tape.leaf(Tensor::new(&[5], [1.0, 2.0, 3.0, f32::NAN, 1.0]));
        let b = tape.leaf(Tensor::new(&[5], [1.0, 5.0, 0.0, 1.0, f32::NAN]));
        for (y, for_a, for_b) in [
            (maximum(&a, &b), [0.5, 0.0, 1.0, 1.0, 1.0], [0.5, 1.0, 0.0, 1.0, 1.0]),
            (minimum(&a, &b), [0.5, 1.0, 0.0, 1.0, 1.0], [0.5, 0.0, 1.0, 1.0, 1.0]),
        ] {
            assert!(y.tensor().data()[3..].iter().all(|v| v.is_nan()));
            let gradients = tape.gradients(&ops::sum(&y), &[&a, &b]);
            assert_eq!((gradients[0].data(), gradients[1].data()), (&for_a[..], &for_b[..]));
        }
    }
}
