//! Two-dimensional convolution over channels-last pictures, and its two gradients.
//!
//! Pictures are `(N, H, W, C)`, filters `(kernel height, kernel width, channels in, channels out)`, all row-major.
//! No operation ever holds the unfolded pictures (im2col): the kernels read the pictures where they lie, or copy
//! cache-sized pieces.
//!
//! A transposed convolution is [`input_gradient`] of the convolution that leads from its output to its input: the
//! description names the large side, so that an output padding needs no field of its own.

mod areas;
mod choose;
mod dots;
mod gather;
mod matrix;
mod narrow;
mod plan;
pub mod pointwise;
mod prepared;
#[cfg(test)]
mod tests;
mod walk;
mod weight;
pub mod winograd;

use crate::cpu::simd::{Form, form};
use choose::{Algorithm, choose};

pub use prepared::{Prepared, forward_prepared, forward_then, input_gradient_prepared};
pub use winograd::{Activation, Epilogue};

/// What is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// The output.
    Forward,
    /// The gradient of the input.
    InputGradient,
    /// The gradient of the filters.
    WeightGradient,
}

/// A convolution with zero padding, equal on opposite sides; no dilation, no groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Conv2d {
    /// Number of pictures.
    pub batch: usize,
    /// Rows of the input.
    pub height: usize,
    /// Columns of the input.
    pub width: usize,
    /// Channels of the input.
    pub channels_in: usize,
    /// Channels of the output.
    pub channels_out: usize,
    /// Rows and columns of the filter.
    pub kernel: [usize; 2],
    /// Rows and columns from one output to the next, in input pixels.
    pub stride: [usize; 2],
    /// Rows above and below, columns left and right, of zeros.
    pub padding: [usize; 2],
    /// Only algorithms that multiply what the definition multiplies: no Winograd, whose error is a few times larger.
    pub exact: bool,
}

impl Conv2d {
    /// Rows of the output: `floor((height + 2 padding - kernel) / stride) + 1`.
    ///
    /// # Panics
    /// If the filter is larger than the padded input.
    #[track_caller]
    pub fn out_height(&self) -> usize {
        self.out(0, self.height)
    }

    /// Columns of the output, as [`Conv2d::out_height`].
    ///
    /// # Panics
    /// If the filter is larger than the padded input.
    #[track_caller]
    pub fn out_width(&self) -> usize {
        self.out(1, self.width)
    }

    #[track_caller]
    fn out(&self, axis: usize, size: usize) -> usize {
        let (kernel, stride, padded) = (self.kernel[axis], self.stride[axis], size + 2 * self.padding[axis]);
        assert!(
            kernel > 0 && stride > 0 && kernel <= padded,
            "conv2d: {self:?}: the filter must not be larger than the padded input, the stride not 0",
        );
        (padded - kernel) / stride + 1
    }

    /// Floats of the input.
    pub fn input_len(&self) -> usize {
        self.batch * self.height * self.width * self.channels_in
    }

    /// Floats of the output.
    ///
    /// # Panics
    /// If the filter is larger than the padded input.
    #[track_caller]
    pub fn output_len(&self) -> usize {
        self.batch * self.out_height() * self.out_width() * self.channels_out
    }

    /// Floats of the filters.
    pub fn weight_len(&self) -> usize {
        self.kernel[0] * self.kernel[1] * self.channels_in * self.channels_out
    }

    /// Additions and multiplications of the definition, zeros of the padding included.
    ///
    /// # Panics
    /// If the filter is larger than the padded input.
    #[track_caller]
    pub fn operations(&self) -> usize {
        2 * self.batch * self.out_height() * self.out_width() * self.weight_len()
    }

    #[track_caller]
    fn check(&self, op: &str, x: usize, w: usize, y: usize) {
        let (input, weight, output) = (self.input_len(), self.weight_len(), self.output_len());
        assert!(
            x == input && w == weight && y == output,
            "{op}: {self:?} has an input of {input}, filters of {weight} and an output of {output} floats, \
             but was given {x}, {w} and {y}",
        );
    }
}

/// `y = x * w`: the output of the convolution, `(N, out height, out width, channels out)`.
///
/// # Panics
/// If a slice does not have its tensor's length.
#[track_caller]
pub fn forward(c: &Conv2d, x: &[f32], w: &[f32], y: &mut [f32]) {
    c.check("conv2d", x.len(), w.len(), y.len());
    forward_as(form(), choose(c, Direction::Forward), c, x, w, y);
}

/// The gradient of the input from that of the output: also the transposed convolution of `dy`.
///
/// # Panics
/// If a slice does not have its tensor's length.
#[track_caller]
pub fn input_gradient(c: &Conv2d, dy: &[f32], w: &[f32], dx: &mut [f32]) {
    c.check("conv2d's input gradient", dx.len(), w.len(), dy.len());
    input_gradient_as(form(), choose(c, Direction::InputGradient), c, dy, w, dx);
}

/// The gradient of the filters, summed over the batch.
///
/// # Panics
/// If a slice does not have its tensor's length.
#[track_caller]
pub fn weight_gradient(c: &Conv2d, x: &[f32], dy: &[f32], dw: &mut [f32]) {
    c.check("conv2d's weight gradient", x.len(), dw.len(), dy.len());
    weight_gradient_as(form(), choose(c, Direction::WeightGradient), c, x, dy, dw);
}

fn forward_as(form: Form, algorithm: Algorithm, c: &Conv2d, x: &[f32], w: &[f32], y: &mut [f32]) {
    if y.is_empty() {
        return;
    }
    match algorithm {
        Algorithm::Winograd => winograd::forward_as(form, c, x, w, y),
        Algorithm::Matrix => matrix::forward(form, c, x, w, y),
        Algorithm::FewWritten => dots::run(form, &[plan::forward(c)], x, w, y),
        Algorithm::FewRead | Algorithm::Implicit => gather::run(form, &[plan::forward(c)], x, w, y),
    }
}

fn input_gradient_as(form: Form, algorithm: Algorithm, c: &Conv2d, dy: &[f32], w: &[f32], dx: &mut [f32]) {
    if dx.is_empty() {
        return;
    }
    match algorithm {
        Algorithm::Winograd => winograd::input_gradient_as(form, c, dy, w, dx),
        Algorithm::Matrix => matrix::input_gradient(form, c, dy, w, dx),
        Algorithm::FewWritten => dots::run(form, &plan::input_gradient(c), dy, w, dx),
        Algorithm::FewRead | Algorithm::Implicit => gather::run(form, &plan::input_gradient(c), dy, w, dx),
    }
}

fn weight_gradient_as(form: Form, algorithm: Algorithm, c: &Conv2d, x: &[f32], dy: &[f32], dw: &mut [f32]) {
    if c.batch == 0 {
        dw.fill(0.0);
    }
    if c.batch == 0 || dw.is_empty() {
        return;
    }
    match algorithm {
        Algorithm::Winograd => winograd::weight_gradient_as(form, c, x, dy, dw),
        Algorithm::Matrix => matrix::weight_gradient(form, c, x, dy, dw),
        Algorithm::FewRead => narrow::input(form, c, x, dy, dw),
        Algorithm::FewWritten => narrow::output(form, c, x, dy, dw),
        Algorithm::Implicit => weight::run(form, c, x, dy, dw),
    }
}
