//! Filters that never change, kept as the algorithm of one direction wants them.

use rayon::prelude::*;

use super::choose::{Algorithm, choose};
use super::winograd::{self, Activation, Epilogue};
use super::{Conv2d, Direction, forward_as, input_gradient_as};
use crate::Buffer;
use crate::cpu::simd::{Kernel, Vector, dispatch, form};

/// Filters for [`forward_prepared`] or [`input_gradient_prepared`], for pictures of any number and size.
///
/// Where Winograd's algorithm serves, they are transformed already and take four times the memory of the weights;
/// elsewhere they are a copy.
pub struct Prepared {
    direction: Direction,
    kept: Kept,
}

enum Kept {
    Winograd(winograd::Filter),
    Plain(Buffer),
}

impl Prepared {
    /// Prepares the filters `w` of `c` for a direction.
    ///
    /// # Panics
    /// If `w` does not have the filters' length, or the direction is that of the weight gradient, which reads none.
    #[track_caller]
    pub fn new(c: &Conv2d, direction: Direction, w: &[f32]) -> Self {
        assert!(direction != Direction::WeightGradient, "conv2d: a weight gradient reads no filters");
        assert!(w.len() == c.weight_len(), "conv2d: {c:?} has {} weights, not {}", c.weight_len(), w.len());
        // By the channels alone: results must not depend on which size of picture came first.
        let kept = match direction {
            _ if !winograd::serves_large(c, direction) => Kept::Plain(Buffer::from(w)),
            Direction::Forward => Kept::Winograd(winograd::Filter::forward(c, w)),
            _ => Kept::Winograd(winograd::Filter::input_gradient(c, w)),
        };
        Self { direction, kept }
    }
}

/// `y = x * w`, then the epilogue.
///
/// # Panics
/// If a slice does not have its tensor's length, or the filters are prepared for something else.
#[track_caller]
pub fn forward_prepared(c: &Conv2d, x: &[f32], filters: &Prepared, epilogue: Epilogue, y: &mut [f32]) {
    assert!(filters.direction == Direction::Forward, "conv2d: filters prepared for the input gradient");
    match &filters.kept {
        Kept::Winograd(filter) => winograd::forward_prepared(c, x, filter, epilogue, y),
        Kept::Plain(w) => {
            c.check("conv2d", x.len(), w.len(), y.len());
            forward_as(form(), choose(c, Direction::Forward), c, x, w, y);
            finish(c.channels_out, epilogue, y);
        }
    }
}

/// `y = x * w`, then the epilogue, with weights as they are.
///
/// # Panics
/// If a slice does not have its tensor's length.
#[track_caller]
pub fn forward_then(c: &Conv2d, x: &[f32], w: &[f32], epilogue: Epilogue, y: &mut [f32]) {
    match choose(c, Direction::Forward) {
        Algorithm::Winograd if !y.is_empty() => winograd::forward(c, x, w, epilogue, y),
        algorithm => {
            c.check("conv2d", x.len(), w.len(), y.len());
            forward_as(form(), algorithm, c, x, w, y);
            finish(c.channels_out, epilogue, y);
        }
    }
}

/// The gradient of the input from that of the output.
///
/// # Panics
/// As [`forward_prepared`].
#[track_caller]
pub fn input_gradient_prepared(c: &Conv2d, dy: &[f32], filters: &Prepared, dx: &mut [f32]) {
    assert!(filters.direction == Direction::InputGradient, "conv2d: filters prepared for the forward pass");
    match &filters.kept {
        Kept::Winograd(filter) => winograd::input_gradient_prepared(c, dy, filter, dx),
        Kept::Plain(w) => {
            c.check("conv2d's input gradient", dx.len(), w.len(), dy.len());
            input_gradient_as(form(), choose(c, Direction::InputGradient), c, dy, w, dx);
        }
    }
}

/// Floats a task finishes: 64 KiB, as for other element-wise work.
const CHUNK: usize = 16 * 1024;

/// The epilogue in a pass of its own.
fn finish(channels: usize, epilogue: Epilogue, y: &mut [f32]) {
    if epilogue.bias.is_none() && epilogue.activation == Activation::Identity {
        return;
    }
    let zeros;
    let bias = if let Some(bias) = epilogue.bias {
        bias
    } else {
        zeros = vec![0.0; channels];
        &zeros
    };
    assert!(bias.len() == channels, "conv2d: {} biases for {channels} channels", bias.len());
    y.par_chunks_mut(CHUNK.div_ceil(channels) * channels).for_each(|y| {
        dispatch(Finish { bias, activation: epilogue.activation, y });
    });
}

struct Finish<'a> {
    bias: &'a [f32],
    activation: Activation,
    y: &'a mut [f32],
}

impl Kernel for Finish<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Self { bias, activation, y } = self;
        for pixel in y.chunks_exact_mut(bias.len()) {
            for (value, bias) in pixel.iter_mut().zip(bias) {
                let sum = *value + bias;
                *value = match activation {
                    Activation::Identity => sum,
                    // NaN stays.
                    Activation::Relu => {
                        if sum <= 0.0 {
                            0.0
                        } else {
                            sum
                        }
                    }
                    Activation::LeakyRelu(slope) => {
                        if sum > 0.0 {
                            sum
                        } else {
                            slope * sum
                        }
                    }
                };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpu::conv::{forward, input_gradient};

    fn numbers(count: usize, seed: usize) -> Vec<f32> {
        (0..count).map(|i| ((i * 7919 + seed * 104_729) % 211) as f32 / 100.0 - 1.05).collect()
    }

    #[test]
    fn prepared_filters_give_what_fresh_ones_give() {
        for (channels_in, channels_out) in [(3, 40), (40, 48), (33, 5)] {
            let c = Conv2d {
                batch: 2,
                height: 11,
                width: 15,
                channels_in,
                channels_out,
                kernel: [3, 3],
                stride: [1, 1],
                padding: [1, 1],
                exact: false,
            };
            let (x, w) = (numbers(c.input_len(), 1), numbers(c.weight_len(), 2));
            let (bias, dy) = (numbers(channels_out, 3), numbers(c.output_len(), 4));
            let (mut plain, mut found) = (vec![0.0; c.output_len()], vec![9.0; c.output_len()]);
            forward(&c, &x, &w, &mut plain);
            let filters = Prepared::new(&c, Direction::Forward, &w);
            for activation in [Activation::Identity, Activation::Relu, Activation::LeakyRelu(0.2)] {
                let epilogue = Epilogue { bias: Some(&bias), activation };
                let mut unprepared = vec![9.0; c.output_len()];
                forward_then(&c, &x, &w, epilogue, &mut unprepared);
                forward_prepared(&c, &x, &filters, epilogue, &mut found);
                assert_eq!(found, unprepared);
                for (i, (&found, &plain)) in found.iter().zip(&plain).enumerate() {
                    let sum = plain + bias[i % channels_out];
                    let expected = match activation {
                        Activation::Identity => sum,
                        Activation::Relu => sum.max(0.0),
                        Activation::LeakyRelu(slope) => sum.max(slope * sum),
                    };
                    assert_eq!(found, expected, "{channels_in} to {channels_out}, {activation:?}");
                }
            }
            let (mut plain, mut found) = (vec![0.0; c.input_len()], vec![9.0; c.input_len()]);
            input_gradient(&c, &dy, &w, &mut plain);
            let filters = Prepared::new(&c, Direction::InputGradient, &w);
            input_gradient_prepared(&c, &dy, &filters, &mut found);
            assert_eq!(found, plain);
        }
    }

    #[test]
    fn which_pictures_come_first_does_not_matter() {
        let large = Conv2d {
            batch: 1,
            height: 16,
            width: 16,
            channels_in: 16,
            channels_out: 16,
            kernel: [3, 3],
            stride: [1, 1],
            padding: [1, 1],
            exact: false,
        };
        let small = Conv2d { height: 3, width: 3, ..large };
        let w = numbers(large.weight_len(), 1);
        for c in [small, large] {
            let x = numbers(c.input_len(), 2);
            let outputs = [small, large].map(|first| {
                let mut y = vec![0.0; c.output_len()];
                let filters = Prepared::new(&first, Direction::Forward, &w);
                forward_prepared(&c, &x, &filters, Epilogue::default(), &mut y);
                y
            });
            assert_eq!(outputs[0], outputs[1], "{c:?}");
        }
    }

    #[test]
    fn nan_is_not_hidden() {
        for channels in [4, 32] {
            let c = Conv2d {
                batch: 1,
                height: 1,
                width: 1,
                channels_in: channels,
                channels_out: channels,
                kernel: [3, 3],
                stride: [1, 1],
                padding: [1, 1],
                exact: false,
            };
            let filters = Prepared::new(&c, Direction::Forward, &numbers(c.weight_len(), 1));
            let mut y = vec![0.0; channels];
            let epilogue = Epilogue { bias: None, activation: Activation::Relu };
            forward_prepared(&c, &vec![f32::NAN; channels], &filters, epilogue, &mut y);
            assert!(y.iter().all(|value| value.is_nan()), "{channels} channels");
        }
    }
}
