//! Rows and values read by constant indices, and the adjoint.

use std::sync::Arc;

use gobelin_kernels::cpu::gather;
use gobelin_kernels::cuda::{self, DeviceBuffer, gather as device};

use crate::ops;
use crate::tensor::Tensor;
use crate::var::Var;

/// The rows of `x` `(N, D)` that `rows` names, in that order and as often: `(rows, D)`. Derivative: [`scatter_add_rows`].
///
/// # Panics
/// If `x` is no matrix or a row does not exist.
#[track_caller]
pub fn gather_rows(x: &Var, rows: &[usize]) -> Var {
    let &[count, _] = x.shape() else { panic!("gather_rows: shape {:?}, expected (N, D)", x.shape()) };
    check("gather_rows", rows, count);
    gather(x, Arc::from(rows))
}

/// Adds the rows of `x` `(rows, D)` up, each in the row of the result that `rows` names: `(count, D)`. Rows that share a
/// place are added in their order. Derivative: [`gather_rows`].
///
/// # Panics
/// If `x` is no matrix with a row for each index, or an index is not below `count`.
#[track_caller]
pub fn scatter_add_rows(x: &Var, rows: &[usize], count: usize) -> Var {
    let fits = x.shape().len() == 2 && x.shape()[0] == rows.len();
    assert!(fits, "scatter_add_rows: shape {:?}, expected ({}, D)", x.shape(), rows.len());
    check("scatter_add_rows", rows, count);
    scatter_add(x, Arc::from(rows), count)
}

/// The values of `x`, seen as one row of numbers, at `indices`, in that order and as often: `(indices)`. Derivative: each
/// value's gradient added up where it came from.
///
/// # Panics
/// If an index does not exist.
#[track_caller]
pub fn take(x: &Var, indices: &[usize]) -> Var {
    let count = x.tensor().len();
    check("take", indices, count);
    ops::reshape(&gather(&ops::reshape(x, &[count, 1]), Arc::from(indices)), &[indices.len()])
}

fn gather(x: &Var, rows: Arc<[usize]>) -> Var {
    let (count, width) = (x.shape()[0], x.shape()[1]);
    let y = Tensor::compute(
        &[rows.len(), width],
        [x.tensor()],
        |[x], y| gather::gather_rows(x, width, &rows, y),
        |[x], y| {
            let rows = upload(&rows, x)?;
            // SAFETY: the public faces check that the rows are there.
            unsafe { device::gather_rows(x, width, &rows, y) }
        },
    );
    Var::record("gather_rows", y, &[x], move |step| {
        vec![Some(scatter_add(&step.gradient, Arc::clone(&rows), count))]
    })
}

fn scatter_add(x: &Var, rows: Arc<[usize]>, count: usize) -> Var {
    let width = x.shape()[1];
    let y = Tensor::compute(
        &[count, width],
        [x.tensor()],
        |[x], y| gather::scatter_add_rows(x, width, &rows, y),
        |[x], y| device::scatter_add_rows(x, width, &upload(&rows, x)?, y),
    );
    Var::record("scatter_add_rows", y, &[x], move |step| {
        vec![Some(gather(&step.gradient, Arc::clone(&rows)))]
    })
}

/// The rows, on the device of `x`.
fn upload(rows: &[usize], x: &DeviceBuffer) -> cuda::Result<DeviceBuffer<u32>> {
    let rows: Vec<u32> = rows.iter().map(|&row| row as u32).collect();
    DeviceBuffer::from_slice(x.device(), &rows)
}

#[track_caller]
fn check(op: &str, indices: &[usize], count: usize) {
    if let Some(beyond) = indices.iter().find(|&&index| index >= count) {
        panic!("{op}: index {beyond}, expected less than {count}");
    }
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
    #[should_panic(expected = "take: index 6, expected less than 6")]
    fn an_index_that_is_not_there_is_named() {
        let _ = take(&numbers(&[2, 3], 1).into(), &[6]);
    }
}
