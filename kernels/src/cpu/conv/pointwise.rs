//! Several 1x1 convolutions of one picture, as the branches of an inception begin with: one walk over what they share.
//!
//! Each filter is `(channels in, channels out)` with channels out of its own; pictures are rows of pixels.

use crate::cpu::gemm::{Added, Beside, Gemm, gemm_beside, gemm_sum};

/// The output of each filter: `(pixels, channels out)`.
///
/// # Panics
/// If a slice does not have its tensor's length.
#[track_caller]
pub fn forward(channels_in: usize, x: &[f32], filters: &[&[f32]], ys: &mut [&mut [f32]]) {
    let pixels = x.len() / channels_in;
    let part = |(&b, c)| beside(channels_in, pixels, b, c);
    let mut parts: Vec<Beside> = filters.iter().zip(ys.iter_mut().map(|y| &mut **y)).map(part).collect();
    let n = parts.iter().map(|part| part.n).sum();
    gemm_beside(&Gemm::new(pixels, n, channels_in), x, &mut parts);
}

/// The gradient of the picture: the sum of what goes back through each filter.
///
/// # Panics
/// As [`forward`].
#[track_caller]
pub fn input_gradient(channels_in: usize, dys: &[&[f32]], filters: &[&[f32]], dx: &mut [f32]) {
    let pixels = dx.len() / channels_in;
    let parts = dys.iter().zip(filters).map(|(&a, &b)| Added { k: b.len() / channels_in, a, b });
    let parts: Vec<Added> = parts.collect();
    let k = parts.iter().map(|part| part.k).sum();
    gemm_sum(&Gemm { transpose_b: true, ..Gemm::new(pixels, channels_in, k) }, &parts, dx);
}

/// The gradient of each filter.
///
/// # Panics
/// As [`forward`].
#[track_caller]
pub fn weight_gradient(channels_in: usize, x: &[f32], dys: &[&[f32]], dws: &mut [&mut [f32]]) {
    let pixels = x.len() / channels_in;
    let part = |(&b, c)| beside(pixels, channels_in, b, c);
    let mut parts: Vec<Beside> = dys.iter().zip(dws.iter_mut().map(|dw| &mut **dw)).map(part).collect();
    let n = parts.iter().map(|part| part.n).sum();
    gemm_beside(&Gemm { transpose_a: true, ..Gemm::new(channels_in, n, pixels) }, x, &mut parts);
}

/// A product whose B has `k` rows and whose C has `m`.
#[track_caller]
fn beside<'a>(k: usize, m: usize, b: &'a [f32], c: &'a mut [f32]) -> Beside<'a> {
    let n = b.len() / k;
    assert!(b.len() == k * n && c.len() == m * n, "pointwise: {} floats for {k} x n to {m} x n", b.len());
    Beside { n, b, c }
}
