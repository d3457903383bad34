//! One value of many along an axis, chosen by a constant, and its adjoint.

use std::sync::Arc;

use gobelin_kernels::cpu::gather;
use gobelin_kernels::cuda::gather as device;

use super::places::{Indices, Places};
use crate::tensor::Tensor;
use crate::var::Var;

/// The value of each row of `x` `(..., C)` at its class, `(..., 1)`: what cross-entropy takes of log-probabilities. `classes`
/// has one number below C for each row. Derivative: the gradient put back among zeros.
///
/// # Panics
/// If there is not one class for each row, or one that the host sees is not below C.
#[track_caller]
pub fn pick<'a>(x: &Var, classes: impl Into<Indices<'a>>) -> Var {
    let classes = classes.into();
    let Some((&count, outer)) = x.shape().split_last() else {
        panic!("pick: a single number, expected a last axis of classes")
    };
    let rows: usize = outer.iter().product();
    assert!(classes.len() == rows, "pick: {} classes for the {rows} rows of {:?}", classes.len(), x.shape());
    choose(x, outer.len(), outer.len() + 1, Places::new("pick", classes, count, x.tensor()))
}

/// Along the axes `first..end` of `x`, taken as one, the value at the place given for each of the others; those axes stay
/// with length 1. Derivative: [`scatter`].
pub(super) fn choose(x: &Var, first: usize, end: usize, places: Arc<Places>) -> Var {
    let shape = x.shape().to_vec();
    let mut chosen = shape.clone();
    chosen[first..end].fill(1);
    let lengths = three_axes(&shape, first, end);
    let y = match &*places {
        Places::Host(places) => {
            Tensor::build(&chosen, |y| gather::pick(x.tensor().data(), lengths, places, y))
        }
        Places::Device(places) => Tensor::build_on(places.device(), &chosen, |y| {
            // SAFETY: the places are below the length.
            unsafe { device::pick(x.tensor().buffer(places.device()), lengths, places, y) }
        }),
    };
    Var::record("pick", y, &[x], move |step| {
        vec![Some(scatter(&step.gradient, &shape, first, end, Arc::clone(&places)))]
    })
}

/// The adjoint of [`choose`]: zeros of `shape`, and each value of `x` at its place.
fn scatter(x: &Var, shape: &[usize], first: usize, end: usize, places: Arc<Places>) -> Var {
    let lengths = three_axes(shape, first, end);
    let y = match &*places {
        Places::Host(places) => {
            Tensor::build(shape, |y| gather::place(x.tensor().data(), lengths, places, y))
        }
        Places::Device(places) => Tensor::build_on(places.device(), shape, |y| {
            device::place(x.tensor().buffer(places.device()), lengths, places, y)
        }),
    };
    Var::record("place", y, &[x], move |step| {
        vec![Some(choose(&step.gradient, first, end, Arc::clone(&places)))]
    })
}

/// The number of values before, along and after the axes `first..end`.
pub(super) fn three_axes(shape: &[usize], first: usize, end: usize) -> [usize; 3] {
    [shape[..first].iter().product(), shape[first..end].iter().product(), shape[end..].iter().product()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::GradientCheck;
    use crate::ops;
    use crate::ops::testing::numbers;

    #[test]
    fn values() {
        let x = Tensor::new(&[2, 1, 3], [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        let y = pick(&x.into(), &[2, 0]);
        assert_eq!((y.shape(), y.tensor().data()), (&[2, 1, 1][..], &[3.0, 4.0][..]));
    }

    #[test]
    fn gradients() {
        let check = GradientCheck::default();
        check.assert(&[numbers(&[2, 3, 4], 1)], |x| ops::square(&pick(&x[0], &[0, 3, 1, 1, 2, 0])));
        check.assert(&[numbers(&[2, 3, 2], 1)], |x| {
            let places = Places::new("choose", (&[0, 2, 1, 1]).into(), 3, x[0].tensor());
            ops::square(&choose(&x[0], 1, 2, places))
        });
    }

    #[test]
    #[should_panic(expected = "pick: index 3, expected a whole number less than 3")]
    fn a_class_that_is_not_there_is_named() {
        let _ = pick(&numbers(&[2, 3], 1).into(), &[0, 3]);
    }
}
