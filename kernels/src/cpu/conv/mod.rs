//! Convolutions of pictures.

pub mod winograd;

/// The shape of a convolution: what goes in, what comes out, and how the kernel steps.
///
/// Input `(batch, height, width, channels_in)`, output `(batch, out_height, out_width, channels_out)`, weights
/// `(kernel[0], kernel[1], channels_in, channels_out)`, each row-major; zeros pad both sides alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Conv2d {
    /// Pictures.
    pub batch: usize,
    /// Rows of the input.
    pub height: usize,
    /// Columns of the input.
    pub width: usize,
    /// Channels of the input.
    pub channels_in: usize,
    /// Channels of the output: filters.
    pub channels_out: usize,
    /// Rows and columns of the kernel.
    pub kernel: [usize; 2],
    /// Rows and columns from one output to the next.
    pub stride: [usize; 2],
    /// Zeros above and below, left and right.
    pub padding: [usize; 2],
    /// Only algorithms that add the products of the definition: no Winograd.
    pub exact: bool,
}

impl Conv2d {
    /// Rows of the output.
    pub fn out_height(&self) -> usize {
        (self.height + 2 * self.padding[0] - self.kernel[0]) / self.stride[0] + 1
    }

    /// Columns of the output.
    pub fn out_width(&self) -> usize {
        (self.width + 2 * self.padding[1] - self.kernel[1]) / self.stride[1] + 1
    }
}
