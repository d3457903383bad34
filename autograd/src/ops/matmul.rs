//! The matrix product.

use gobelin_kernels::cpu::gemm::{self, Batch, Gemm};
use gobelin_kernels::cuda::gemm as device;

use crate::profile;
use crate::tensor::Tensor;
use crate::var::Var;

/// Whether an operand of [`matmul`] is taken as it lies or transposed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// As it lies: rows, columns.
    Plain,
    /// Transposed: its columns are the rows.
    Transposed,
}

use Side::{Plain, Transposed};

/// The product of two matrices, each as it lies or transposed: `(M, K)` by `(K, N)` gives `(M, N)`. With a leading axis
/// on both, one product for each entry: `(B, M, K)` by `(B, K, N)` gives `(B, M, N)`.
///
/// Derivatives: products of the gradient with the other operand.
///
/// # Panics
/// If the shapes do not fit.
#[track_caller]
pub fn matmul(a: &Var, a_side: Side, b: &Var, b_side: Side) -> Var {
    let y = product(a.tensor(), a_side, b.tensor(), b_side);
    let saved = (a.clone(), b.clone());
    Var::record("matmul", y, &[a, b], move |step| {
        let (a, b) = &saved;
        let g = &step.gradient;
        let flip = |side| if side == Plain { Transposed } else { Plain };
        let for_a = || match a_side {
            Plain => matmul(g, Plain, b, flip(b_side)),
            Transposed => matmul(b, b_side, g, Transposed),
        };
        let for_b = || match b_side {
            Plain => matmul(a, flip(a_side), g, Plain),
            Transposed => matmul(g, Transposed, a, a_side),
        };
        vec![step.needs(0).then(for_a), step.needs(1).then(for_b)]
    })
}

#[track_caller]
fn product(a: &Tensor, a_side: Side, b: &Tensor, b_side: Side) -> Tensor {
    let misfit = || -> ! {
        panic!(
            "matmul: shapes {:?} ({a_side:?}) and {:?} ({b_side:?}) do not fit: expected (M, K) and (K, N), or (B, M, K) and (B, K, N)",
            a.shape(),
            b.shape()
        )
    };
    let matrix = |shape: &[usize], side| match (shape, side) {
        (&[rows, columns], Plain) | (&[columns, rows], Transposed) => (None, rows, columns),
        (&[batch, rows, columns], Plain) | (&[batch, columns, rows], Transposed) => {
            (Some(batch), rows, columns)
        }
        _ => misfit(),
    };
    let (a_batch, m, k) = matrix(a.shape(), a_side);
    let (b_batch, b_rows, n) = matrix(b.shape(), b_side);
    if a_batch != b_batch || k != b_rows {
        misfit();
    }
    let shape: Vec<usize> = a_batch.into_iter().chain([m, n]).collect();
    let shape_of_one =
        Gemm { transpose_a: a_side == Transposed, transpose_b: b_side == Transposed, ..Gemm::new(m, n, k) };
    profile::count(2 * a_batch.unwrap_or(1) * m * n * k);
    let batch = Batch { count: a_batch.unwrap_or(1), stride_a: m * k, stride_b: k * n, stride_c: m * n };
    Tensor::compute(
        &shape,
        [a, b],
        |[a, b], out| gemm::gemm_batch(&shape_of_one, &batch, a, b, out),
        |[a, b], out| device::gemm_batch(&shape_of_one, &batch, a.device().precision(), a, b, out),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::GradientCheck;
    use crate::ops::testing::numbers;

    #[test]
    fn values_and_gradients_of_all_four_forms() {
        let shape = |batch: Option<usize>, rows: usize, columns: usize, side| -> Vec<usize> {
            let matrix = if side == Plain { [rows, columns] } else { [columns, rows] };
            batch.into_iter().chain(matrix).collect()
        };
        for batch in [None, Some(2)] {
            for (a_side, b_side) in
                [(Plain, Plain), (Plain, Transposed), (Transposed, Plain), (Transposed, Transposed)]
            {
                let a = numbers(&shape(batch, 3, 5, a_side), 1);
                let b = numbers(&shape(batch, 5, 4, b_side), 2);
                let y = product(&a, a_side, &b, b_side);
                for (i, &found) in y.data().iter().enumerate() {
                    let (entry, row, column) = (i / 12, i / 4 % 3, i % 4);
                    let a_at = |k| if a_side == Plain { row * 5 + k } else { k * 3 + row };
                    let b_at = |k| if b_side == Plain { k * 4 + column } else { column * 5 + k };
                    let expected: f32 =
                        (0..5).map(|k| a.data()[entry * 15 + a_at(k)] * b.data()[entry * 20 + b_at(k)]).sum();
                    assert!((found - expected).abs() < 1e-5);
                }
                GradientCheck::default().assert(&[a, b], |x| matmul(&x[0], a_side, &x[1], b_side));
            }
        }
    }

    #[test]
    #[should_panic(expected = "matmul: shapes [2, 3] (Plain) and [4, 5] (Plain) do not fit")]
    fn shapes_that_do_not_fit_are_named() {
        let _ = matmul(&numbers(&[2, 3], 1).into(), Plain, &numbers(&[4, 5], 2).into(), Plain);
    }
}
