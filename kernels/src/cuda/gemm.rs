//! Products of matrices: `C = A B`.

use super::device::Device;
use super::driver::{Address, Parameter};
use super::error::Result;
use super::memory::DeviceBuffer;
use super::tiles::{Finish, MOST_ACROSS, Plan, Precision, Sides};

pub use crate::cpu::gemm::{Batch, Gemm};

const FILE: &str = "gemm";

/// As the kernels' `Gemm`.
#[repr(C)]
struct Arguments {
    a: Address,
    b: Address,
    c: Address,
    parts: Address,
    m: u32,
    n: u32,
    k: u32,
    items: u32,
    splits: u32,
    stride_a: u64,
    stride_b: u64,
    stride_c: u64,
    aligned_a: u32,
    aligned_b: u32,
    epilogue: Finish,
}

// SAFETY: the same fields in the same order on both sides.
unsafe impl Parameter for Arguments {}

/// Computes one product.
///
/// # Errors
/// If the device does not answer or has no memory left, or there are more than 4 million columns.
///
/// # Panics
/// If a buffer is shorter than its matrix.
#[track_caller]
pub fn gemm(
    shape: &Gemm,
    precision: Precision,
    a: &DeviceBuffer,
    b: &DeviceBuffer,
    c: &mut DeviceBuffer,
) -> Result<()> {
    let batch = Batch { count: 1, stride_a: 0, stride_b: 0, stride_c: shape.m * shape.n };
    gemm_batch(shape, &batch, precision, a, b, c)
}

/// Computes `batch.count` products of one shape.
///
/// # Errors
/// If the device does not answer or has no memory left, or there are more than 4 million columns.
///
/// # Panics
/// If a buffer is shorter than its matrices, or the results overlap.
#[track_caller]
pub fn gemm_batch(
    shape: &Gemm,
    batch: &Batch,
    precision: Precision,
    a: &DeviceBuffer,
    b: &DeviceBuffer,
    c: &mut DeviceBuffer,
) -> Result<()> {
    let &Gemm { m, n, k, .. } = shape;
    if batch.count == 0 || m == 0 || n == 0 {
        return Ok(());
    }
    let last = batch.count - 1;
    assert!(
        a.len() >= last * batch.stride_a + m * k
            && b.len() >= last * batch.stride_b + k * n
            && c.len() >= last * batch.stride_c + m * n
            && (last == 0 || batch.stride_c >= m * n),
        "gemm: {shape:?} with {batch:?} does not fit buffers of {} (A), {} (B) and {} (C) floats",
        a.len(),
        b.len(),
        c.len(),
    );
    // More products than a grid has blocks: several launches.
    for first in (0..batch.count).step_by(MOST_ACROSS) {
        let batch = Batch { count: MOST_ACROSS.min(batch.count - first), ..*batch };
        let from = |buffer: &DeviceBuffer, stride| buffer.address().after::<f32>(first * stride);
        let [a, b] = [from(a, batch.stride_a), from(b, batch.stride_b)];
        launch(shape, &batch, precision, [a, b, from(c, batch.stride_c)], c.device())?;
    }
    Ok(())
}

fn launch(
    shape: &Gemm,
    batch: &Batch,
    precision: Precision,
    [a, b, c]: [Address; 3],
    device: &Device,
) -> Result<()> {
    let &Gemm { m, n, k, transpose_a, transpose_b, accumulate } = shape;
    let along_depth = [!transpose_a, transpose_b];
    let sides = Sides { rows: m, columns: n, depth: k, items: batch.count, along_depth };
    let plan = Plan::new(sides, device.driver().multiprocessors())?;
    let parts = if plan.splits > 1 {
        Some(DeviceBuffer::<f32>::new(device, plan.splits * batch.count * m * n)?)
    } else {
        None
    };
    // Four adjacent values at a time, where they lie on a boundary of four.
    let is_aligned =
        |line: usize, stride: usize| u32::from(line.is_multiple_of(4) && stride.is_multiple_of(4));
    let arguments = Arguments {
        a,
        b,
        c,
        parts: super::device::address_of(parts.as_ref()),
        m: m as u32,
        n: n as u32,
        k: k as u32,
        items: batch.count as u32,
        splits: plan.splits as u32,
        stride_a: batch.stride_a as u64,
        stride_b: batch.stride_b as u64,
        stride_c: batch.stride_c as u64,
        aligned_a: is_aligned(if transpose_a { m } else { k }, batch.stride_a),
        aligned_b: is_aligned(if transpose_b { k } else { n }, batch.stride_b),
        epilogue: Finish { accumulate: u32::from(accumulate), ..Finish::default() },
    };
    let side = |transposed: bool| if transposed { 't' } else { 'n' };
    let kernel = plan.kernel(&format!("gemm_{}{}", side(transpose_a), side(transpose_b)), precision);
    // SAFETY: the matrices lie within their buffers; the parts have room for every part of every sum.
    unsafe {
        device.launch(FILE, &kernel, plan.launch, &[&arguments])?;
        if parts.is_some() {
            device.launch(FILE, "gemm_sum_parts", device.over(batch.count * m * n), &[&arguments])?;
        }
    }
    Ok(())
}
