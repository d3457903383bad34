//! What is compared: a table of named ways to solve a problem.

use gobelin_kernels::Buffer;
use gobelin_kernels::cpu::conv::{self, Conv2d, Epilogue, Prepared};
use gobelin_kernels::cpu::gemm::{Gemm, gemm};

/// A way to solve a problem.
pub struct Variant {
    pub name: &'static str,
    pub run: fn(&mut Problem),
}

/// For convolutions.
pub const VARIANTS: &[Variant] = &[
    Variant { name: "chosen", run: chosen },
    Variant { name: "exact", run: exact },
    Variant { name: "prepared", run: prepared },
    Variant { name: "matrixmultiply", run: matrixmultiply },
];

/// For products.
pub const PRODUCTS: &[Variant] = &[
    Variant { name: "chosen", run: product },
    Variant { name: "exact", run: product },
    Variant { name: "prepared", run: product },
    Variant { name: "matrixmultiply", run: matrixmultiply },
];

#[derive(Clone, Copy)]
pub enum Direction {
    Forward,
    Input,
    Weight,
}

impl Direction {
    pub fn name(self) -> &'static str {
        match self {
            Self::Forward => "forward",
            Self::Input => "input",
            Self::Weight => "weight",
        }
    }
}

/// Two tensors that are read, one that is written.
pub struct Problem {
    convolution: Option<(Conv2d, Direction)>,
    left: Buffer,
    right: Buffer,
    result: Buffer,
    filters: Option<Prepared>,
    /// The same number of operations as one product: sizes, and the matrices that are not the tensors themselves.
    sizes: [usize; 3],
    matrices: Option<[Buffer; 3]>,
}

fn numbers(length: usize) -> Buffer {
    let mut buffer = Buffer::new(length);
    buffer.iter_mut().enumerate().for_each(|(i, v)| *v = (i * 7919 % 1000) as f32 * 2e-3 - 1.0);
    buffer
}

impl Problem {
    pub fn product(m: usize, n: usize, k: usize) -> Self {
        Self {
            convolution: None,
            left: numbers(m * k),
            right: numbers(k * n),
            result: numbers(m * n),
            filters: None,
            sizes: [m, n, k],
            matrices: None,
        }
    }

    pub fn convolution(c: Conv2d, direction: Direction) -> Self {
        let (input, weight, output) = (c.input_len(), c.weight_len(), c.output_len());
        let taps = c.kernel[0] * c.kernel[1];
        let (pixels, places) = (output / c.channels_out, input / c.channels_in);
        let (lengths, sizes) = match direction {
            Direction::Forward => ([input, weight, output], [pixels, c.channels_out, taps * c.channels_in]),
            // Each input pixel meets the taps of its phase.
            Direction::Input => {
                ([output, weight, input], [places, c.channels_in, weight * pixels / places / c.channels_in])
            }
            Direction::Weight => ([input, output, weight], [taps * c.channels_in, c.channels_out, pixels]),
        };
        let [left, right, result] = lengths.map(numbers);
        Self { convolution: Some((c, direction)), left, right, result, filters: None, sizes, matrices: None }
    }
}

fn convolve(problem: &mut Problem, exact: bool) {
    let Problem { convolution, left, right, result, .. } = problem;
    let (c, direction) = convolution.expect("a convolution");
    let c = Conv2d { exact, ..c };
    match direction {
        Direction::Forward => conv::forward(&c, left, right, result),
        Direction::Input => conv::input_gradient(&c, left, right, result),
        Direction::Weight => conv::weight_gradient(&c, left, right, result),
    }
}

/// What the library chooses.
fn chosen(problem: &mut Problem) {
    convolve(problem, false);
}

/// With filters that were prepared before, which weight gradients do not have.
fn prepared(problem: &mut Problem) {
    let Problem { convolution, left, right, result, filters, .. } = problem;
    let (c, direction) = convolution.expect("a convolution");
    let prepare = |direction| Prepared::new(&c, direction, right);
    match direction {
        Direction::Forward => {
            let filters = filters.get_or_insert_with(|| prepare(conv::Direction::Forward));
            conv::forward_prepared(&c, left, filters, Epilogue::default(), result);
        }
        Direction::Input => {
            let filters = filters.get_or_insert_with(|| prepare(conv::Direction::InputGradient));
            conv::input_gradient_prepared(&c, left, filters, result);
        }
        Direction::Weight => conv::weight_gradient(&c, left, right, result),
    }
}

/// What it chooses when it must multiply what the definition multiplies.
fn exact(problem: &mut Problem) {
    convolve(problem, true);
}

fn product(problem: &mut Problem) {
    let [m, n, k] = problem.sizes;
    gemm(&Gemm::new(m, n, k), &problem.left, &problem.right, &mut problem.result);
}

/// One product with as many operations, its matrices ready in memory: the unfolding that it would need is not timed.
fn matrixmultiply(problem: &mut Problem) {
    let [m, n, k] = problem.sizes;
    let [a, b, c] = problem.matrices.get_or_insert_with(|| [m * k, k * n, m * n].map(numbers));
    // A weight gradient's left matrix lies by pixels, as the pictures do.
    let [down, along] = match problem.convolution {
        Some((_, Direction::Weight)) => [1, m],
        _ => [k, 1],
    };
    let [down, along, n_step] = [down, along, n].map(|stride| stride as isize);
    // SAFETY: the three buffers have the lengths of the three matrices.
    unsafe {
        matrixmultiply::sgemm(
            m,
            k,
            n,
            1.0,
            a.as_ptr(),
            down,
            along,
            b.as_ptr(),
            n_step,
            1,
            0.0,
            c.as_mut_ptr(),
            n_step,
            1,
        );
    }
}
