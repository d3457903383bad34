//! 3x3 convolutions of pictures with a mirrored border, which is read where it mirrors and never made.
//!
//! The gradient of the input is the adjoint of the forward algorithm, its matrices transposed: each tile of the output's gradient is
//! spread over six by six pixels, those of the border onto those they mirror. That takes as many tiles as the forward pass,
//! where a convolution to the padded size would take more (81 for 64 at 32 by 32) and a pass to fold the border.

use super::correlation::{Correlation, Source};
use super::families::{Family, Three, ThreeAdjoint};
use super::filters::Filters;
use super::lines::Line;
use super::outputs::Epilogue;
use super::{check_weights, fits_threes, lengths, serves, weight};
use crate::cpu::conv::Conv2d;
use crate::cpu::conv::Direction;
use crate::cpu::simd::{Form, form};

/// Whether these kernels serve a convolution whose padding is a mirrored border: whether they can, and gain by it.
pub fn serves_mirrored(c: &Conv2d) -> bool {
    let directions = [Direction::Forward, Direction::InputGradient, Direction::WeightGradient];
    possible(c) && !fits_threes(c) && directions.into_iter().all(|direction| serves(c, direction))
}

fn possible(c: &Conv2d) -> bool {
    c.kernel == [3, 3] && c.stride == [1, 1] && c.padding == [1, 1] && c.height.min(c.width) > 1
}

#[track_caller]
fn check(c: &Conv2d, x: usize, y: usize) {
    assert!(possible(c), "winograd: mirrored borders only of one pixel, at 3x3 with stride 1, not {c:?}");
    assert!(
        lengths(c) == (x, y),
        "winograd: {c:?} goes from and to {:?} floats, not {x} and {y}",
        lengths(c)
    );
}

fn forward_of(c: &Conv2d) -> Correlation {
    let mut forward = Correlation::new::<Three>(c, false);
    forward.source.mirrored = c.padding[0];
    forward
}

fn adjoint_of(c: &Conv2d) -> Correlation {
    let Correlation { mut source, mut target, mut tiling, filters } =
        Correlation::new::<ThreeAdjoint>(c, true);
    let tile = <ThreeAdjoint as Family>::Input::FROM;
    source.advance = tile;
    source.origin = [0; 2];
    target.advance = tile;
    target.origin = [-1; 2];
    target.mirrored = c.padding[0];
    tiling.rows = source.height.div_ceil(tile);
    tiling.columns = source.width.div_ceil(tile);
    Correlation { source, target, tiling, filters: Filters { adjoint: true, ..filters } }
}

/// `y = x * w`, the padding of `x` being a mirrored border.
///
/// # Panics
/// If a slice does not have its tensor's length, or the convolution is not 3x3 with stride 1 and padding 1.
#[track_caller]
pub fn forward_mirrored(c: &Conv2d, x: &[f32], w: &[f32], y: &mut [f32]) {
    forward_as(form(), c, x, w, y);
}

/// The gradient of the input from that of the output.
///
/// # Panics
/// As [`forward_mirrored`].
#[track_caller]
pub fn input_gradient_mirrored(c: &Conv2d, dy: &[f32], w: &[f32], dx: &mut [f32]) {
    input_gradient_as(form(), c, dy, w, dx);
}

/// The gradient of the weights from the input and the output's gradient.
///
/// # Panics
/// As [`forward_mirrored`].
#[track_caller]
pub fn weight_gradient_mirrored(c: &Conv2d, x: &[f32], dy: &[f32], dw: &mut [f32]) {
    weight_gradient_as(form(), c, x, dy, dw);
}

#[track_caller]
pub(super) fn forward_as(form: Form, c: &Conv2d, x: &[f32], w: &[f32], y: &mut [f32]) {
    check(c, x.len(), y.len());
    check_weights(c, w);
    forward_of(c).run::<Three>(form, x, Source::Plain(w), Epilogue::default(), y);
}

#[track_caller]
pub(super) fn input_gradient_as(form: Form, c: &Conv2d, dy: &[f32], w: &[f32], dx: &mut [f32]) {
    check(c, dx.len(), dy.len());
    check_weights(c, w);
    // By filters, so that one task has all tiles of its channels, which overlap.
    adjoint_of(c).run_by_filters::<ThreeAdjoint>(form, dy, Source::Plain(w), Epilogue::default(), dx);
}

#[track_caller]
pub(super) fn weight_gradient_as(form: Form, c: &Conv2d, x: &[f32], dy: &[f32], dw: &mut [f32]) {
    check(c, x.len(), dy.len());
    check_weights(c, dw);
    weight::gradient_of::<Three>(form, forward_of(c), x, dy, dw);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpu::resample::{AxisMap, map_axes};
    use crate::cpu::simd::forms;

    fn numbers(count: usize, seed: usize) -> Vec<f32> {
        (0..count).map(|i| ((i * 7919 + seed * 104_729) % 2003) as f32 / 1000.0 - 1.0).collect()
    }

    /// Largest difference, relative to the largest value.
    fn difference(found: &[f32], right: &[f32]) -> f32 {
        let size = right.iter().fold(0.0f32, |size, v| size.max(v.abs()));
        // Not a number stays.
        found
            .iter()
            .zip(right)
            .map(|(a, b)| (a - b).abs() / size)
            .fold(0.0, |m, e| if e > m || e.is_nan() { e } else { m })
    }

    #[test]
    fn they_equal_convolutions_of_pictures_padded_before() {
        for (batch, [height, width], [channels_in, channels_out]) in
            [(1, [4, 4], [8, 8]), (2, [2, 3], [16, 19]), (3, [9, 14], [40, 33]), (2, [16, 7], [260, 272])]
        {
            let [kernel, stride] = [[3, 3], [1, 1]];
            let padding = [1, 1];
            let c = Conv2d {
                batch,
                height,
                width,
                channels_in,
                channels_out,
                kernel,
                stride,
                padding,
                exact: false,
            };
            let padded = Conv2d { height: height + 2, width: width + 2, padding: [0, 0], ..c };
            let (x, w) = (numbers(c.input_len(), 1), numbers(c.weight_len(), 2));
            let dy = numbers(c.output_len(), 3);
            let (rows, columns) = (AxisMap::reflection(height, 1, 1), AxisMap::reflection(width, 1, 1));
            let mut large = vec![f32::NAN; padded.input_len()];
            map_axes(&x, [batch, channels_in], &rows, &columns, &mut large);
            for form in forms() {
                let (mut y, mut found) = (vec![0.0; dy.len()], vec![f32::NAN; dy.len()]);
                super::super::forward_as(form, &padded, &large, &w, &mut y);
                forward_as(form, &c, &x, &w, &mut found);
                assert!(difference(&found, &y) < 1e-5, "forward of {c:?} as {form:?}");

                let (mut dw, mut found) = (vec![0.0; w.len()], vec![f32::NAN; w.len()]);
                super::super::weight_gradient_as(form, &padded, &large, &dy, &mut dw);
                weight_gradient_as(form, &c, &x, &dy, &mut found);
                assert!(difference(&found, &dw) < 1e-5, "weight gradient of {c:?} as {form:?}");

                let (mut wide, mut dx) = (vec![0.0; large.len()], vec![0.0; x.len()]);
                super::super::input_gradient_as(form, &padded, &dy, &w, &mut wide);
                map_axes(&wide, [batch, channels_in], &rows.transposed(), &columns.transposed(), &mut dx);
                let mut found = vec![f32::NAN; x.len()];
                input_gradient_as(form, &c, &dy, &w, &mut found);
                assert!(difference(&found, &dx) < 1e-5, "input gradient of {c:?} as {form:?}");

                let bits = [1, 2, 3].map(|threads| {
                    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
                    let mut dx = vec![f32::NAN; x.len()];
                    pool.install(|| input_gradient_as(form, &c, &dy, &w, &mut dx));
                    dx.into_iter().map(f32::to_bits).collect::<Vec<_>>()
                });
                assert!(bits[0] == bits[1] && bits[0] == bits[2], "threads, {c:?} as {form:?}");
            }
        }
    }
}
