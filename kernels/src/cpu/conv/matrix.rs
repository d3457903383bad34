//! Convolutions that are one product of matrices as they lie in memory: 1x1 with stride 1, where the rows are pixels,
//! and filters as large as the picture, where the rows are pictures (the first layer of a DCGAN generator, the last
//! of its discriminator).

use super::Conv2d;
use crate::cpu::gemm::{Gemm, gemm_as};
use crate::cpu::simd::Form;

/// Rows, channels read and channels written of the product that is the forward pass.
fn sizes(c: &Conv2d) -> (usize, usize, usize) {
    let rows = c.batch * c.out_height() * c.out_width();
    (rows, c.kernel[0] * c.kernel[1] * c.channels_in, c.channels_out)
}

pub(super) fn forward(form: Form, c: &Conv2d, x: &[f32], w: &[f32], y: &mut [f32]) {
    let (rows, read, written) = sizes(c);
    gemm_as(form, &Gemm::new(rows, written, read), x, w, y);
}

pub(super) fn input_gradient(form: Form, c: &Conv2d, dy: &[f32], w: &[f32], dx: &mut [f32]) {
    let (rows, read, written) = sizes(c);
    gemm_as(form, &Gemm { transpose_b: true, ..Gemm::new(rows, read, written) }, dy, w, dx);
}

pub(super) fn weight_gradient(form: Form, c: &Conv2d, x: &[f32], dy: &[f32], dw: &mut [f32]) {
    let (rows, read, written) = sizes(c);
    gemm_as(form, &Gemm { transpose_a: true, ..Gemm::new(read, written, rows) }, x, dy, dw);
}
