//! Two-dimensional convolution over channels-last pictures, and its two gradients: products of matrices whose pictures are
//! gathered on the way. A transposed convolution is [`input_gradient`], as on the host.

use super::device::{Device, address_of};
use super::divide::Divide;
use super::driver::{Address, Parameter};
use super::error::Result;
use super::layout;
use super::memory::DeviceBuffer;
use super::tiles::{Finish, Plan, Precision, Sides};

pub use crate::cpu::conv::{Activation, Conv2d};

/// As the kernels' `Conv`.
#[repr(C)]
struct Arguments {
    pictures: Address,
    other: Address,
    out: Address,
    parts: Address,
    batch: u32,
    size: [u32; 2],
    channels_in: u32,
    out_size: [u32; 2],
    channels_out: u32,
    kept: [u32; 2],
    kernel: [u32; 2],
    stride: [u32; 2],
    padding: [u32; 2],
    splits: u32,
    phase: [u32; 2],
    by_channels_in: Divide,
    by_channels_out: Divide,
    by_kernel_width: Divide,
    by_out_width: Divide,
    by_out_height: Divide,
    by_phase_width: Divide,
    by_phase_height: Divide,
    by_few_taps: Divide,
    by_many_taps: Divide,
    epilogue: Finish,
}

// SAFETY: the same fields in the same order on both sides.
unsafe impl Parameter for Arguments {}

#[derive(Clone, Copy)]
enum Direction {
    Forward,
    InputGradient,
    WeightGradient,
}

/// What a forward convolution does to its outputs before they are written.
#[derive(Clone, Copy, Debug, Default)]
pub struct Epilogue<'a> {
    /// Added to each output, one for each channel.
    pub bias: Option<&'a DeviceBuffer>,
    /// Applied after the bias.
    pub activation: Activation,
}

/// `y = x * w`: the output of the convolution, `(N, out height, out width, channels out)`.
///
/// # Errors
/// If the device does not answer or has no memory left.
///
/// # Panics
/// If a buffer does not have its tensor's length.
#[track_caller]
pub fn forward(
    c: &Conv2d,
    precision: Precision,
    x: &DeviceBuffer,
    w: &DeviceBuffer,
    epilogue: Epilogue,
    y: &mut DeviceBuffer,
) -> Result<()> {
    check(c, "conv2d", x.len(), w.len(), y.len());
    let (activation, slope) = match epilogue.activation {
        Activation::Identity => (0, 0.0),
        Activation::Relu => (1, 0.0),
        Activation::LeakyRelu(slope) => (2, slope),
    };
    if let Some(bias) = epilogue.bias {
        assert_eq!(bias.len(), c.channels_out, "conv2d: {c:?} was given a bias of {} floats", bias.len());
    }
    let finish = Finish { bias: address_of(epilogue.bias), activation, slope, accumulate: 0 };
    run(Direction::Forward, c, precision, x, w, finish, y)
}

/// The gradient of the input from that of the output: also the transposed convolution of `dy`.
///
/// # Errors
/// If the device does not answer or has no memory left.
///
/// # Panics
/// If a buffer does not have its tensor's length.
#[track_caller]
pub fn input_gradient(
    c: &Conv2d,
    precision: Precision,
    dy: &DeviceBuffer,
    w: &DeviceBuffer,
    dx: &mut DeviceBuffer,
) -> Result<()> {
    check(c, "conv2d's input gradient", dx.len(), w.len(), dy.len());
    run(Direction::InputGradient, c, precision, dy, w, Finish::default(), dx)
}

/// The gradient of the filters, summed over the batch.
///
/// # Errors
/// If the device does not answer or has no memory left.
///
/// # Panics
/// If a buffer does not have its tensor's length.
#[track_caller]
pub fn weight_gradient(
    c: &Conv2d,
    precision: Precision,
    x: &DeviceBuffer,
    dy: &DeviceBuffer,
    dw: &mut DeviceBuffer,
) -> Result<()> {
    check(c, "conv2d's weight gradient", x.len(), dw.len(), dy.len());
    run(Direction::WeightGradient, c, precision, x, dy, Finish::default(), dw)
}

#[track_caller]
fn check(c: &Conv2d, op: &str, x: usize, w: usize, y: usize) {
    let (input, weight, output) = (c.input_len(), c.weight_len(), c.output_len());
    assert!(
        x == input && w == weight && y == output,
        "{op}: {c:?} has an input of {input}, filters of {weight} and an output of {output} floats, \
         but was given {x}, {w} and {y}",
    );
}

fn run(
    direction: Direction,
    c: &Conv2d,
    precision: Precision,
    pictures: &DeviceBuffer,
    other: &DeviceBuffer,
    finish: Finish,
    out: &mut DeviceBuffer,
) -> Result<()> {
    if out.is_empty() {
        return Ok(());
    }
    let device = out.device().clone();
    // The kernels move four channels at a time.
    let fours = [c.channels_in, c.channels_out].map(|channels| channels.next_multiple_of(4));
    let filters = [c.kernel[0] * c.kernel[1], c.channels_in, c.channels_out];
    let (read, with) = match direction {
        Direction::Forward => {
            (widen(&device, pictures, c.channels_in)?, widen_filters(&device, other, filters)?)
        }
        Direction::InputGradient => {
            (widen(&device, pictures, c.channels_out)?, widen_filters(&device, other, filters)?)
        }
        Direction::WeightGradient => {
            (widen(&device, pictures, c.channels_in)?, widen(&device, other, c.channels_out)?)
        }
    };
    let out_size = [c.out_height(), c.out_width()];
    let taps = c.kernel[0] * c.kernel[1];
    let phase = [c.height.div_ceil(c.stride[0]), c.width.div_ceil(c.stride[1])];
    let (name, file, sides) = match direction {
        Direction::Forward => {
            let (rows, depth) = (c.batch * out_size[0] * out_size[1], taps * fours[0]);
            let sides = Sides { rows, columns: c.channels_out, depth, items: 1, along_depth: [true, false] };
            ("conv_forward", "conv_forward", sides)
        }
        Direction::InputGradient => {
            let (rows, items) = (c.batch * phase[0] * phase[1], c.stride[0] * c.stride[1]);
            let depth = taps.div_ceil(items) * fours[1];
            let sides = Sides { rows, columns: c.channels_in, depth, items, along_depth: [true, true] };
            ("conv_input_gradient", "conv_input_gradient", sides)
        }
        Direction::WeightGradient => {
            let (rows, depth) = (taps * fours[0], c.batch * out_size[0] * out_size[1]);
            let sides = Sides { rows, columns: c.channels_out, depth, items: 1, along_depth: [false, false] };
            ("conv_weight_gradient", "conv_weight_gradient", sides)
        }
    };
    let plan = Plan::new(sides, device.driver().multiprocessors())?;
    let plane = sides.rows * sides.columns;
    let parts = if plan.splits > 1 {
        Some(DeviceBuffer::<f32>::new(&device, plan.splits * sides.items * plane)?)
    } else {
        None
    };
    let pair = |values: [usize; 2]| values.map(|value| value as u32);
    let arguments = Arguments {
        pictures: read.as_ref().unwrap_or(pictures).address(),
        other: with.as_ref().unwrap_or(other).address(),
        out: out.address(),
        parts: address_of(parts.as_ref()),
        batch: c.batch as u32,
        size: pair([c.height, c.width]),
        channels_in: fours[0] as u32,
        out_size: pair(out_size),
        channels_out: fours[1] as u32,
        kept: pair([c.channels_in, c.channels_out]),
        kernel: pair(c.kernel),
        stride: pair(c.stride),
        padding: pair(c.padding),
        splits: plan.splits as u32,
        phase: pair(phase),
        by_channels_in: Divide::by(fours[0]),
        by_channels_out: Divide::by(fours[1]),
        by_kernel_width: Divide::by(c.kernel[1]),
        by_out_width: Divide::by(out_size[1]),
        by_out_height: Divide::by(out_size[0]),
        by_phase_width: Divide::by(phase[1]),
        by_phase_height: Divide::by(phase[0]),
        by_few_taps: Divide::by(c.kernel[1] / c.stride[1]),
        by_many_taps: Divide::by(c.kernel[1].div_ceil(c.stride[1])),
        epilogue: finish,
    };
    // SAFETY: all lengths were checked; the widened operands and the parts were made for this shape.
    unsafe {
        device.launch(file, &plan.kernel(name, precision), plan.launch, &[&arguments])?;
        if parts.is_some() {
            let mut launch = device.over(plane);
            launch.grid[1] = sides.items as u32;
            device.launch(file, &format!("{name}_sum_parts"), launch, &[&arguments])?;
        }
    }
    Ok(())
}

/// Pictures with zeros after each pixel's channels up to a multiple of four, if there is anything to add.
fn widen(device: &Device, pictures: &DeviceBuffer, channels: usize) -> Result<Option<DeviceBuffer>> {
    let wide = channels.next_multiple_of(4);
    if wide == channels {
        return Ok(None);
    }
    let pixels = pictures.len() / channels;
    let mut out = DeviceBuffer::new(device, pixels * wide)?;
    layout::embed(pictures, &[pixels, wide], &[0, 0], &[pixels, channels], &mut out)?;
    Ok(Some(out))
}

/// Filters likewise, on both sides.
fn widen_filters(device: &Device, filters: &DeviceBuffer, shape: [usize; 3]) -> Result<Option<DeviceBuffer>> {
    let wide = [shape[0], shape[1].next_multiple_of(4), shape[2].next_multiple_of(4)];
    if wide == shape {
        return Ok(None);
    }
    let mut out = DeviceBuffer::new(device, wide.iter().product())?;
    layout::embed(filters, &wide, &[0; 3], &shape, &mut out)?;
    Ok(Some(out))
}
