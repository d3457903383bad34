//! Values of each row of a matrix at places of its own, and the adjoint.

use gobelin_kernels::cpu::along;
use gobelin_kernels::cuda::along as device;

use crate::tensor::Tensor;
use crate::var::Var;

/// The value of each row of `x` `(R, C)` at each of its `places` `(R, K)`, which are whole numbers, exact up to 2^24: `(R, K)`. What is no
/// place of a row, such as -1, gives 0. Where the places lie on a device they are not read. Derivative: each value's gradient added
/// up where it came from.
///
/// # Panics
/// If they are no matrices of equally many rows.
#[track_caller]
pub fn take_along(x: &Var, places: &Tensor) -> Var {
    let shapes = (x.shape(), places.shape());
    let (&[rows, columns], &[others, taken]) = shapes else { misfit("take_along", x, places) };
    if rows != others {
        misfit("take_along", x, places);
    }
    take(x, places, rows, [columns, taken])
}

#[track_caller]
fn misfit(op: &str, x: &Var, places: &Tensor) -> ! {
    panic!("{op}: shapes {:?} and {:?}, expected (R, C) and (R, K)", x.shape(), places.shape())
}

fn take(x: &Var, places: &Tensor, rows: usize, [columns, taken]: [usize; 2]) -> Var {
    let y = Tensor::compute(
        &[rows, taken],
        [x.tensor(), places],
        |[x, places], y| along::take_along(x, rows, places, y),
        |[x, places], y| device::take_along(x, rows, places, y),
    );
    let places = places.clone();
    Var::record("take_along", y, &[x], move |step| {
        vec![Some(add(&step.gradient, &places, rows, [columns, taken]))]
    })
}

/// The adjoint: zeros `(R, C)`, to which each value of `x` `(R, K)` is added at its place.
fn add(x: &Var, places: &Tensor, rows: usize, [columns, taken]: [usize; 2]) -> Var {
    let y = Tensor::compute(
        &[rows, columns],
        [x.tensor(), places],
        |[x, places], y| along::add_along(x, rows, places, y),
        |[x, places], y| device::add_along(x, rows, places, y),
    );
    let places = places.clone();
    Var::record("add_along", y, &[x], move |step| {
        vec![Some(take(&step.gradient, &places, rows, [columns, taken]))]
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::GradientCheck;
    use crate::ops;
    use crate::ops::testing::{assert_same_on_a_card, numbers};

    fn places() -> Tensor {
        Tensor::new(&[3, 4], [0.0, 3.0, 3.0, -1.0, 4.0, 1.0, 1.0, 5.0, -1.0, -1.0, -1.0, -1.0])
    }

    #[test]
    fn values() {
        let x = Tensor::new(&[2, 3], [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        let y = take_along(&x.into(), &Tensor::new(&[2, 2], [2.0, -1.0, 0.0, 0.0]));
        assert_eq!((y.shape(), y.tensor().data()), (&[2, 2][..], &[3.0, 0.0, 4.0, 4.0][..]));
    }

    #[test]
    fn gradients() {
        let inputs = [numbers(&[3, 5], 1)];
        let function = |x: &[Var]| ops::square(&take_along(&x[0], &places()));
        GradientCheck::default().assert(&inputs, function);
        assert_same_on_a_card(&inputs, function);
    }
}
