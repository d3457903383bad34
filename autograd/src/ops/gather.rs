//! Rows and values read at constant places, and the adjoint.

use std::sync::Arc;

use gobelin_kernels::cpu::gather;
use gobelin_kernels::cuda::gather as device;

use super::places::{Indices, Places};
use crate::ops;
use crate::tensor::Tensor;
use crate::var::Var;

/// The rows of `x` `(N, D)` that `rows` names, in that order and as often: `(rows, D)`. Derivative: [`scatter_add_rows`].
///
/// # Panics
/// If `x` is no matrix, or a row that the host sees does not exist.
#[track_caller]
pub fn gather_rows<'a>(x: &Var, rows: impl Into<Indices<'a>>) -> Var {
    let &[count, _] = x.shape() else { panic!("gather_rows: shape {:?}, expected (N, D)", x.shape()) };
    gather(x, Places::new("gather_rows", rows.into(), count, x.tensor()))
}

/// Adds the rows of `x` `(rows, D)` up, each in the row of the result that `rows` names: `(count, D)`. Rows that share a
/// place are added in their order. Derivative: [`gather_rows`].
///
/// # Panics
/// If `x` is no matrix with a row for each index, or an index that the host sees is not below `count`.
#[track_caller]
pub fn scatter_add_rows<'a>(x: &Var, rows: impl Into<Indices<'a>>, count: usize) -> Var {
    let rows = rows.into();
    let fits = x.shape().len() == 2 && x.shape()[0] == rows.len();
    assert!(fits, "scatter_add_rows: shape {:?}, expected ({}, D)", x.shape(), rows.len());
    scatter_add(x, Places::new("scatter_add_rows", rows, count, x.tensor()), count)
}

/// The values of `x`, seen as one row of numbers, at `indices`, in that order and as often: `(indices)`. Derivative: each
/// value's gradient added up where it came from.
///
/// # Panics
/// If an index that the host sees does not exist.
#[track_caller]
pub fn take<'a>(x: &Var, indices: impl Into<Indices<'a>>) -> Var {
    let (indices, count) = (indices.into(), x.tensor().len());
    let places = Places::new("take", indices, count, x.tensor());
    ops::reshape(&gather(&ops::reshape(x, &[count, 1]), places), &[indices.len()])
}

fn gather(x: &Var, rows: Arc<Places>) -> Var {
    let (count, width) = (x.shape()[0], x.shape()[1]);
    let shape = [rows.len(), width];
    let y = match &*rows {
        Places::Host(rows) => {
            Tensor::build(&shape, |y| gather::gather_rows(x.tensor().data(), width, rows, y))
        }
        Places::Device(rows) => Tensor::build_on(rows.device(), &shape, |y| {
            // SAFETY: the rows are there.
            unsafe { device::gather_rows(x.tensor().buffer(rows.device()), width, rows, y) }
        }),
    };
    Var::record("gather_rows", y, &[x], move |step| {
        vec![Some(scatter_add(&step.gradient, Arc::clone(&rows), count))]
    })
}

fn scatter_add(x: &Var, rows: Arc<Places>, count: usize) -> Var {
    let width = x.shape()[1];
    let shape = [count, width];
    let y = match &*rows {
        Places::Host(rows) => {
            Tensor::build(&shape, |y| gather::scatter_add_rows(x.tensor().data(), width, rows, y))
        }
        Places::Device(rows) => Tensor::build_on(rows.device(), &shape, |y| {
            device::scatter_add_rows(x.tensor().buffer(rows.device()), width, rows, y)
        }),
    };
    Var::record("scatter_add_rows", y, &[x], move |step| {
        vec![Some(gather(&step.gradient, Arc::clone(&rows)))]
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::GradientCheck;
    use crate::ops::testing::numbers;

    #[test]
    fn values() {
        let x: Var = Tensor::new(&[3, 2], [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]).into();
        let y = gather_rows(&x, &[2, 0, 2, 2]);
        assert_eq!((y.shape(), y.tensor().data()), (&[4, 2][..], &[5., 6., 1., 2., 5., 6., 5., 6.][..]));
        let back = scatter_add_rows(&y, &[1, 0, 1, 1], 3);
        assert_eq!(back.tensor().data(), [1.0, 2.0, 15.0, 18.0, 0.0, 0.0]);
        assert_eq!(take(&x, &[5, 0, 0]).tensor().data(), [6.0, 1.0, 1.0]);
        assert_eq!(take(&x, &[]).shape(), [0]);
    }

    #[test]
    fn gradients() {
        let check = GradientCheck::default();
        let rows = [2, 0, 2, 3, 3];
        check.assert(&[numbers(&[4, 3], 1)], |x| ops::square(&gather_rows(&x[0], &rows)));
        check.assert(&[numbers(&[5, 3], 1)], |x| ops::square(&scatter_add_rows(&x[0], &rows, 6)));
        check.assert(&[numbers(&[2, 2, 2], 1)], |x| ops::square(&take(&x[0], &[7, 1, 1, 4])));
    }

    #[test]
    #[should_panic(expected = "take: index 6, expected a whole number less than 6")]
    fn an_index_that_is_not_there_is_named() {
        let _ = take(&numbers(&[2, 3], 1).into(), &[6]);
    }
}
