//! Squared distances between rows.

use gobelin_kernels::cpu::distance;
use gobelin_kernels::cuda::distance as device;

use crate::ops::{self, Side};
use crate::tensor::Tensor;
use crate::var::Var;

/// The squared Euclidean distance of every row of `x` `(N, D)` to every row of `y` `(M, D)`: `(N, M)`, never negative, exactly 0
/// between equal rows.
///
/// Derivative, with `g` the gradient: `2 (x * sum of g over M - g y)` and `2 (y * sum of g over N - transposed g x)`.
///
/// # Panics
/// If they are no matrices of equally long rows.
#[track_caller]
pub fn squared_distances(x: &Var, y: &Var) -> Var {
    let fits = x.shape().len() == 2 && y.shape().len() == 2 && x.shape()[1] == y.shape()[1];
    assert!(
        fits && x.shape()[1] > 0,
        "squared_distances: shapes {:?} and {:?}, expected (N, D) and (M, D)",
        x.shape(),
        y.shape()
    );
    let (rows, columns, width) = (x.shape()[0], y.shape()[0], x.shape()[1]);
    let distances = Tensor::compute(
        &[rows, columns],
        [x.tensor(), y.tensor()],
        |[x, y], out| distance::squared_distances(x, y, width, out),
        |[x, y], out| device::squared_distances(x, y, width, out),
    );
    let saved = (x.clone(), y.clone());
    Var::record("squared_distances", distances, &[x, y], move |step| {
        let (x, y) = &saved;
        let g = ops::scale(&step.gradient, 2.0);
        let for_x = step.needs(0).then(|| {
            let pull = ops::matmul(&g, Side::Plain, y, Side::Plain);
            ops::sub(&ops::mul(x, &ops::sum_axes(&g, &[1])), &pull)
        });
        let for_y = step.needs(1).then(|| {
            let pull = ops::matmul(&g, Side::Transposed, x, Side::Plain);
            ops::sub(&ops::mul(y, &ops::reshape(&ops::sum_axes(&g, &[0]), &[columns, 1])), &pull)
        });
        vec![for_x, for_y]
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::GradientCheck;
    use crate::ops::testing::numbers;

    #[test]
    fn values() {
        let x = Tensor::new(&[2, 2], [0.0, 0.0, 3.0, 4.0]).into();
        let y = Tensor::new(&[3, 2], [3.0, 4.0, 0.0, 1.0, 0.0, 0.0]).into();
        let d = squared_distances(&x, &y);
        assert_eq!((d.shape(), d.tensor().data()), (&[2, 3][..], &[25.0, 1.0, 0.0, 0.0, 18.0, 25.0][..]));
    }

    #[test]
    fn gradients() {
        let inputs = [numbers(&[5, 3], 1), numbers(&[4, 3], 2)];
        GradientCheck::default().assert(&inputs, |x| squared_distances(&x[0], &x[1]));
        GradientCheck::default().assert(&inputs[..1], |x| squared_distances(&x[0], &x[0]));
    }

    #[test]
    fn distances_of_rows_to_themselves_are_symmetric_with_zeros() {
        let x = numbers(&[37, 21], 1).into();
        let d = squared_distances(&x, &x);
        let d = d.tensor().data();
        for (i, j) in (0..37).flat_map(|i| (0..37).map(move |j| (i, j))) {
            assert!(d[i * 37 + j] == d[j * 37 + i] && (i != j) == (d[i * 37 + j] > 0.0));
        }
    }
}
