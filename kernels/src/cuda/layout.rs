//! Copies that change the order or the extent of axes, as on the host.

use super::divide::Divide;
use super::driver::{Address, Launch, Parameter};
use super::elementwise::MOST_AXES;
use super::error::Result;
use super::memory::DeviceBuffer;
use crate::cpu::strides::{dense, join_axes};

const FILE: &str = "layout";

/// As the kernels' `Walk`.
#[repr(C)]
struct Walk {
    axes: u32,
    offset: u32,
    shape: [Divide; MOST_AXES],
    steps: [u32; MOST_AXES],
}

// SAFETY: 32-bit numbers on both sides.
unsafe impl Parameter for Walk {}

/// As the kernels' `Inside`.
#[repr(C)]
struct Inside {
    axes: u32,
    shape: [Divide; MOST_AXES],
    start: [u32; MOST_AXES],
    size: [u32; MOST_AXES],
}

// SAFETY: 32-bit numbers on both sides.
unsafe impl Parameter for Inside {}

/// Writes `x` with its axes in the order `axes`: axis `i` of the output is axis `axes[i]` of `x`, of shape `shape`.
///
/// # Errors
/// If the device does not answer.
///
/// # Panics
/// If `axes` is no permutation of the axes or the lengths do not fit.
pub fn permute(x: &DeviceBuffer, shape: &[usize], axes: &[usize], out: &mut DeviceBuffer) -> Result<()> {
    let fits = x.len() == out.len() && shape.len() == axes.len() && x.len() == shape.iter().product();
    assert!(fits, "permute: lengths");
    let mut seen = axes.to_vec();
    seen.sort_unstable();
    assert!(seen.iter().copied().eq(0..shape.len()), "permute: {axes:?} is no permutation");
    if out.is_empty() {
        return Ok(());
    }
    let strides = dense(shape);
    let out_shape: Vec<usize> = axes.iter().map(|&axis| shape[axis]).collect();
    let steps: Vec<usize> = axes.iter().map(|&axis| strides[axis]).collect();
    let (joined, [joined_steps]) = join_axes(&out_shape, [&steps]);
    // Matrices whose rows become columns, as between channels first and channels last.
    if let (&[.., rows, columns], &[.., down, across]) = (&*joined, &*joined_steps) {
        let matrices: usize = joined[..joined.len() - 2].iter().product();
        let is_dense = joined.len() == 2 || (joined.len() == 3 && joined_steps[0] == rows * columns);
        if is_dense && down == 1 && across == rows {
            return transpose(x, [matrices, columns, rows], out);
        }
    }
    strided_copy(x, 0, &out_shape, &steps, out)
}

/// Matrices of `rows` x `columns` become matrices of `columns` x `rows`.
fn transpose(x: &DeviceBuffer, [matrices, rows, columns]: [usize; 3], out: &mut DeviceBuffer) -> Result<()> {
    let grid = [(columns.div_ceil(32) * rows.div_ceil(32) * matrices) as u32, 1, 1];
    let launch = Launch { grid, threads: 256, shared: 32 * 33 * 4 };
    let arguments: [&dyn Parameter; 4] = [&x.address(), &(rows as u32), &(columns as u32), &out.address()];
    // SAFETY: the caller checked the lengths.
    unsafe { x.device().launch(FILE, "transpose", launch, &arguments) }
}

/// Tensors whose only values one launch gathers.
const GATHERED: usize = 32;

/// As the kernels' `Singles`.
#[repr(C)]
struct Singles([Address; GATHERED]);

// SAFETY: pointers on both sides.
unsafe impl Parameter for Singles {}

/// `out[i]` = the only value of `singles[i]`.
///
/// # Errors
/// If the device does not answer.
///
/// # Panics
/// If one has not a single value, or `out` not one for each.
pub fn gather_singles(singles: &[&DeviceBuffer], out: &mut DeviceBuffer) -> Result<()> {
    let fits = out.len() == singles.len() && singles.iter().all(|single| single.len() == 1);
    assert!(fits, "gather_singles: lengths");
    for (number, some) in singles.chunks(GATHERED).enumerate() {
        let mut places = Singles([Address::default(); GATHERED]);
        for (place, single) in places.0.iter_mut().zip(some) {
            *place = single.address();
        }
        let launch = Launch { grid: [1; 3], threads: GATHERED as u32, shared: 0 };
        let (count, to) = (some.len() as u32, out.address().after::<f32>(number * GATHERED));
        // SAFETY: each holds a value, and `out` as many.
        unsafe { out.device().launch(FILE, "gather_singles", launch, &[&places, &count, &to])? };
    }
    Ok(())
}

/// Writes the block of `x` (of shape `shape`) that starts at `start` and has the shape `size`.
///
/// # Errors
/// If the device does not answer.
///
/// # Panics
/// If the block reaches beyond `x` or the lengths do not fit.
pub fn block(
    x: &DeviceBuffer,
    shape: &[usize],
    start: &[usize],
    size: &[usize],
    out: &mut DeviceBuffer,
) -> Result<()> {
    let inside = (0..shape.len()).all(|axis| start[axis] + size[axis] <= shape[axis]);
    let lengths = x.len() == shape.iter().product() && out.len() == size.iter().product();
    assert!(inside && lengths, "block: {start:?} + {size:?} in {shape:?}");
    let strides = dense(shape);
    let offset = start.iter().zip(&strides).map(|(s, t)| s * t).sum();
    strided_copy(x, offset, size, &strides, out)
}

fn strided_copy(
    x: &DeviceBuffer,
    offset: usize,
    shape: &[usize],
    steps: &[usize],
    out: &mut DeviceBuffer,
) -> Result<()> {
    if out.is_empty() {
        return Ok(());
    }
    let (shape, [steps]) = join_axes(shape, [steps]);
    assert!(shape.len() <= MOST_AXES, "a copy of {shape:?}: at most {MOST_AXES} axes");
    let mut walk = Walk {
        axes: shape.len() as u32,
        offset: offset as u32,
        shape: [Divide::by(1); MOST_AXES],
        steps: [0; MOST_AXES],
    };
    for (place, axis) in (0..shape.len()).rev().enumerate() {
        walk.shape[place] = Divide::by(shape[axis]);
        walk.steps[place] = steps[axis] as u32;
    }
    let (device, count) = (x.device(), out.len());
    let arguments: [&dyn Parameter; 4] = [&x.address(), &walk, &out.address(), &(count as u32)];
    // SAFETY: the callers checked that the walk stays inside `x`.
    unsafe { device.launch(FILE, "strided_copy", device.over(count), &arguments) }
}

/// Writes `x`, of shape `size`, among zeros: into the block of `out` (of shape `shape`) that starts at `start`.
///
/// # Errors
/// If the device does not answer.
///
/// # Panics
/// If the block reaches beyond `out`, the lengths do not fit, or there are more than six axes.
pub fn embed(
    x: &DeviceBuffer,
    shape: &[usize],
    start: &[usize],
    size: &[usize],
    out: &mut DeviceBuffer,
) -> Result<()> {
    let inside = (0..shape.len()).all(|axis| start[axis] + size[axis] <= shape[axis]);
    let lengths = x.len() == size.iter().product() && out.len() == shape.iter().product();
    assert!(inside && lengths, "embed: {start:?} + {size:?} in {shape:?}");
    assert!(shape.len() <= MOST_AXES, "embed: {shape:?}: at most {MOST_AXES} axes");
    if out.is_empty() {
        return Ok(());
    }
    let mut axes = Inside {
        axes: shape.len() as u32,
        shape: [Divide::by(1); MOST_AXES],
        start: [0; MOST_AXES],
        size: [0; MOST_AXES],
    };
    for (place, axis) in (0..shape.len()).rev().enumerate() {
        axes.shape[place] = Divide::by(shape[axis]);
        (axes.start[place], axes.size[place]) = (start[axis] as u32, size[axis] as u32);
    }
    let (device, count) = (x.device(), out.len());
    let arguments: [&dyn Parameter; 4] = [&x.address(), &axes, &out.address(), &(count as u32)];
    // SAFETY: the block was checked to lie inside.
    unsafe { device.launch(FILE, "embed", device.over(count), &arguments) }
}

/// Writes rows made of one piece of every input in turn: each input is its values and the length of its pieces.
///
/// # Errors
/// If the device does not answer.
///
/// # Panics
/// If the inputs do not have equally many pieces or do not fill `out`.
pub fn interleave(inputs: &[(&DeviceBuffer, usize)], out: &mut DeviceBuffer) -> Result<()> {
    let row: usize = inputs.iter().map(|&(_, piece)| piece).sum();
    let rows = out.len() / row.max(1);
    let fits = inputs.iter().all(|&(x, piece)| x.len() == rows * piece) && out.len() == rows * row;
    assert!(fits, "interleave: lengths");
    let mut offset = 0;
    for &(x, piece) in inputs {
        if !x.is_empty() {
            let (device, count, by_piece) = (x.device(), x.len(), Divide::by(piece));
            let (length, place, total) = (row as u32, offset as u32, count as u32);
            let arguments: [&dyn Parameter; 6] =
                [&x.address(), &by_piece, &length, &place, &out.address(), &total];
            // SAFETY: every row of `out` has room for its piece.
            unsafe { device.launch(FILE, "put_pieces", device.over(count), &arguments)? };
        }
        offset += piece;
    }
    Ok(())
}
