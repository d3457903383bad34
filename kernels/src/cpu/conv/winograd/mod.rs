//! Convolutions by Winograd's minimal filtering.

mod correlation;
mod families;
mod filters;
mod lines;
mod measures;
mod mirrored;
mod outputs;
mod panels;
mod plane;
mod products;
mod tile;
mod weight;
mod windows;

#[cfg(test)]
mod tests;

pub use mirrored::{forward_mirrored, input_gradient_mirrored, serves_mirrored, weight_gradient_mirrored};
pub use outputs::{Activation, Epilogue};

use super::{Conv2d, Direction};
use crate::Buffer;
use crate::cpu::simd::{Form, form};
use correlation::{Correlation, Source};
use families::{Family, Five, Four, Three, ThreeByThree, Two};

/// A call of a function that is generic over the family, for the family that serves a convolution of pictures of any size.
macro_rules! by_kernel {
    ($c:expr, $($path:ident)::+ ( $($argument:expr),* )) => {
        match ($c.kernel, $c.stride) {
            ([3, 3], [1, 1]) => $($path)::+::<Three>($($argument),*),
            ([5, 5], _) => $($path)::+::<Five>($($argument),*),
            (_, [1, 1]) => $($path)::+::<Four>($($argument),*),
            _ => $($path)::+::<Two>($($argument),*),
        }
    };
}

/// The same for the family that serves pictures of this size best.
macro_rules! by_family {
    ($c:expr, $($path:ident)::+ ( $($argument:expr),* )) => {
        if fits_threes($c) {
            $($path)::+::<ThreeByThree>($($argument),*)
        } else {
            by_kernel!($c, $($path)::+($($argument),*))
        }
    };
}

/// Whether the outputs of a convolution with 3x3 taps lie in as many tiles of three by three as of four by four.
fn fits_threes(c: &Conv2d) -> bool {
    let fits = |length: usize| length.div_ceil(3) == length.div_ceil(4);
    (c.kernel, c.stride) == ([3, 3], [1, 1]) && fits(c.out_height()) && fits(c.out_width())
}

/// Filters transformed once, for weights that several convolutions share or that never change.
pub struct Filter {
    shape: [usize; 4],
    turned: bool,
    panels: Buffer,
}

fn shape(c: &Conv2d) -> [usize; 4] {
    [c.kernel[0], c.kernel[1], c.channels_in, c.channels_out]
}

/// Fewest tiles of four by four outputs worth their filters' transform. Against the direct kernels, in alternation: 16 tiles
/// gain 1.3 to 2.9 times at 3x3 with 64 to 512 channels, 4 tiles lose at 64 channels and 1 tile everywhere.
const FEWEST_TILES: usize = 16;
/// Fewest channels on either side, forward and input gradient: 8 gain 1.6 to 2.2 times at 3x3, 3 lose.
const FEWEST_CHANNELS: usize = 8;
/// For the weight gradient: 32 gain 2.6 to 3.2 times at 3x3 (two Zen 5 cores, AVX-512).
const FEWEST_CHANNELS_WEIGHT: usize = 32;

/// Whether these kernels serve a convolution: whether they can, and gain by it.
pub fn serves(c: &Conv2d, direction: Direction) -> bool {
    serves_large(c, direction) && by_family!(c, pays(c, direction))
}

/// Whether there are tiles enough, and they save half of the multiplications, or a third at 3x3 with stride 2: those at the
/// right and lower border compute outputs that do not exist.
fn pays<F: Family>(c: &Conv2d, direction: Direction) -> bool {
    let Correlation { target, tiling, filters, .. } =
        Correlation::new::<F>(c, direction == Direction::InputGradient);
    let tiles = tiling.count();
    // Each tile serves all phases of its window.
    let products = tiles * F::POINTS * F::POINTS * target.phases;
    let plain = c.batch * target.height * target.width * F::TAPS * F::TAPS;
    if filters.shortened() {
        // Of the products 81 of 100 are needed, of the taps 9 of 16 there. A third fewer gain 1.0 to 1.9 times.
        return tiles >= FEWEST_TILES && 3 * 81 * 16 * products <= 2 * 9 * 100 * plain;
    }
    tiles >= FEWEST_TILES && 2 * products <= plain
}

/// Whether these kernels serve such a convolution of pictures that are large enough: what filters that serve pictures of
/// every size are prepared for.
pub fn serves_large(c: &Conv2d, direction: Direction) -> bool {
    let channels = match direction {
        Direction::Forward | Direction::InputGradient => FEWEST_CHANNELS,
        Direction::WeightGradient => FEWEST_CHANNELS_WEIGHT,
    };
    possible(c) && !c.exact && c.channels_in.min(c.channels_out) >= channels
}

/// Whether these kernels can compute this convolution at all: 3x3, 4x4 or 5x5 with stride 1 and less padding than taps, or 3x3 or
/// 4x4 with stride 2 and padding 1.
pub fn possible(c: &Conv2d) -> bool {
    let square = c.kernel[0] == c.kernel[1] && (3..=5).contains(&c.kernel[0]);
    let plain = square && c.stride == [1, 1] && c.padding.iter().all(|&p| p < c.kernel[0]);
    let phases = square && c.kernel[0] < 5 && c.stride == [2, 2] && c.padding == [1, 1];
    plain || phases
}

#[track_caller]
fn check(c: &Conv2d) {
    assert!(
        possible(c),
        "winograd: only 3x3, 4x4 and 5x5 with stride 1, and 3x3 and 4x4 with stride 2 and padding 1, not {c:?}"
    );
}

#[track_caller]
fn check_weights(c: &Conv2d, w: &[f32]) {
    let weights: usize = shape(c).iter().product();
    assert!(w.len() == weights, "winograd: {c:?} has {weights} weights, not {}", w.len());
}

/// Floats of the input and of the output.
fn lengths(c: &Conv2d) -> (usize, usize) {
    (c.batch * c.height * c.width * c.channels_in, c.batch * c.out_height() * c.out_width() * c.channels_out)
}

impl Filter {
    /// Transforms `w` for [`forward_prepared`].
    #[track_caller]
    pub fn forward(c: &Conv2d, w: &[f32]) -> Self {
        Self::transform(form(), c, w, false)
    }

    /// Transforms `w` for [`input_gradient_prepared`].
    #[track_caller]
    pub fn input_gradient(c: &Conv2d, w: &[f32]) -> Self {
        Self::transform(form(), c, w, true)
    }

    #[track_caller]
    fn transform(form: Form, c: &Conv2d, w: &[f32], turned: bool) -> Self {
        check(c);
        check_weights(c, w);
        by_kernel!(c, Self::transform_as(form, c, w, turned))
    }

    #[track_caller]
    fn fit(&self, c: &Conv2d, turned: bool) -> Source<'_> {
        assert!(
            self.shape == shape(c) && self.turned == turned,
            "winograd: a filter of shape {:?} (rows, columns, in, out), {}, does not fit {c:?}",
            self.shape,
            if self.turned { "for the input gradient" } else { "for the forward direction" },
        );
        Source::Transformed(&self.panels)
    }

    fn transform_as<F: Family>(form: Form, c: &Conv2d, w: &[f32], turned: bool) -> Self {
        let correlation = Correlation::new::<F>(c, turned);
        let mut panels = Buffer::new(correlation.filters_len::<F>());
        correlation.transform_filters::<F>(form, w, &mut panels);
        Self { shape: shape(c), turned, panels }
    }
}

/// `y = x * w` in a given form.
#[track_caller]
pub(super) fn forward_as(form: Form, c: &Conv2d, x: &[f32], w: &[f32], y: &mut [f32]) {
    correlate(form, c, false, x, Source::Plain(w), Epilogue::default(), y);
}

/// The gradient of the input in a given form.
#[track_caller]
pub(super) fn input_gradient_as(form: Form, c: &Conv2d, dy: &[f32], w: &[f32], dx: &mut [f32]) {
    correlate(form, c, true, dy, Source::Plain(w), Epilogue::default(), dx);
}

/// `y = x * w`, then the epilogue.
#[track_caller]
pub fn forward(c: &Conv2d, x: &[f32], w: &[f32], epilogue: Epilogue, y: &mut [f32]) {
    correlate(form(), c, false, x, Source::Plain(w), epilogue, y);
}

/// [`forward`] with filters transformed before.
#[track_caller]
pub fn forward_prepared(c: &Conv2d, x: &[f32], filter: &Filter, epilogue: Epilogue, y: &mut [f32]) {
    correlate(form(), c, false, x, filter.fit(c, false), epilogue, y);
}

/// The gradient of the input from that of the output.
#[track_caller]
pub fn input_gradient(c: &Conv2d, dy: &[f32], w: &[f32], dx: &mut [f32]) {
    correlate(form(), c, true, dy, Source::Plain(w), Epilogue::default(), dx);
}

/// [`input_gradient`] with filters transformed before.
#[track_caller]
pub fn input_gradient_prepared(c: &Conv2d, dy: &[f32], filter: &Filter, dx: &mut [f32]) {
    correlate(form(), c, true, dy, filter.fit(c, true), Epilogue::default(), dx);
}

#[track_caller]
fn correlate(
    form: Form,
    c: &Conv2d,
    turned: bool,
    from: &[f32],
    filters: Source,
    epilogue: Epilogue,
    to: &mut [f32],
) {
    check(c);
    if let Source::Plain(weights) = filters {
        check_weights(c, weights);
    }
    let (input, output) = lengths(c);
    let (source, target) = if turned { (output, input) } else { (input, output) };
    assert!(
        from.len() == source && to.len() == target,
        "winograd: {c:?} goes from {source} to {target} floats, not from {} to {}",
        from.len(),
        to.len()
    );
    if let Some(bias) = epilogue.bias {
        assert!(bias.len() == c.channels_out, "winograd: {} biases for {c:?}", bias.len());
    }
    match filters {
        Source::Plain(_) => by_family!(c, correlate_as(form, c, turned, from, filters, epilogue, to)),
        Source::Transformed(_) => by_kernel!(c, correlate_as(form, c, turned, from, filters, epilogue, to)),
    }
}

fn correlate_as<F: Family>(
    form: Form,
    c: &Conv2d,
    turned: bool,
    from: &[f32],
    filters: Source,
    epilogue: Epilogue,
    to: &mut [f32],
) {
    Correlation::new::<F>(c, turned).run::<F>(form, from, filters, epilogue, to);
}

/// The gradient of the weights from the input and the output's gradient.
#[track_caller]
pub fn weight_gradient(c: &Conv2d, x: &[f32], dy: &[f32], dw: &mut [f32]) {
    weight_gradient_as(form(), c, x, dy, dw);
}

#[track_caller]
pub(super) fn weight_gradient_as(form: Form, c: &Conv2d, x: &[f32], dy: &[f32], dw: &mut [f32]) {
    check(c);
    let (input, output) = lengths(c);
    let weights: usize = shape(c).iter().product();
    assert!(
        x.len() == input && dy.len() == output && dw.len() == weights,
        "winograd: the weight gradient of {c:?} takes {input} and {output} floats to {weights}, not {} and {} to {}",
        x.len(),
        dy.len(),
        dw.len()
    );
    by_family!(c, weight::weight_gradient(form, c, x, dy, dw));
}
