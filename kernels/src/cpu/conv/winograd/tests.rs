//! Against the definition in double precision.

use super::*;
use crate::cpu::simd::forms;

/// Numbers in (-1, 1) without a pattern that sums could cancel by.
fn noise(count: usize, seed: u64) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    (0..count)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 40) as f32 / (1u64 << 23) as f32 - 1.0
        })
        .collect()
}

/// Largest error of forward, input gradient and weight gradient by F(4x4, 3x3) and F(3x3, 4x4).
const ERROR_THREE: [f64; 3] = [2e-6; 3];
/// By F(3x3, 3x3).
const ERROR_THREE_BY_THREE: [f64; 3] = [2e-6; 3];
/// By F(2x2, 5x5) and F(5x5, 2x2).
const ERROR_FIVE: [f64; 3] = [2e-6; 3];
/// By F(3x3, 4x4) and F(4x4, 3x3).
const ERROR_FOUR: [f64; 3] = [2e-6; 3];
/// By F(4x4, 2x2) and F(2x2, 4x4).
const ERROR_TWO: [f64; 3] = [2e-6; 3];

/// A convolution's tensors.
struct Case {
    c: Conv2d,
    x: Vec<f32>,
    w: Vec<f32>,
    dy: Vec<f32>,
}

impl Case {
    fn new(c: Conv2d) -> Self {
        Self {
            c,
            x: noise(c.batch * c.height * c.width * c.channels_in, 1),
            w: noise(c.kernel[0] * c.kernel[1] * c.channels_in * c.channels_out, 2),
            dy: noise(c.batch * c.out_height() * c.out_width() * c.channels_out, 3),
        }
    }

    /// Output, input gradient and weight gradient by their definitions, in double precision.
    fn exact(&self) -> [Vec<f64>; 3] {
        let Self { c, x, w, dy } = self;
        let [mut y, mut dx, mut dw] = [dy.len(), x.len(), w.len()].map(|n| vec![0.0; n]);
        let (rows, columns) = (c.out_height(), c.out_width());
        for place in 0..c.batch * rows * columns {
            let (picture, row, column) = (place / columns / rows, place / columns % rows, place % columns);
            for tap in 0..c.kernel[0] * c.kernel[1] {
                let from_row = (row * c.stride[0] + tap / c.kernel[1]).wrapping_sub(c.padding[0]);
                let from_column = (column * c.stride[1] + tap % c.kernel[1]).wrapping_sub(c.padding[1]);
                if from_row >= c.height || from_column >= c.width {
                    continue;
                }
                let pixel = (picture * c.height + from_row) * c.width + from_column;
                for i in 0..c.channels_in {
                    let value = f64::from(x[pixel * c.channels_in + i]);
                    let weights = (tap * c.channels_in + i) * c.channels_out;
                    let mut sum = 0.0;
                    for o in 0..c.channels_out {
                        let (weight, gradient) =
                            (f64::from(w[weights + o]), f64::from(dy[place * c.channels_out + o]));
                        y[place * c.channels_out + o] += value * weight;
                        dw[weights + o] += value * gradient;
                        sum += weight * gradient;
                    }
                    dx[pixel * c.channels_in + i] += sum;
                }
            }
        }
        [y, dx, dw]
    }

    /// The three by these kernels. Buffers start as NaN, so that what is not written shows.
    fn compute(&self, form: Form) -> [Vec<f32>; 3] {
        let Self { c, x, w, dy } = self;
        let [mut y, mut dx, mut dw] = [dy.len(), x.len(), w.len()].map(|n| vec![f32::NAN; n]);
        let none = Epilogue::default();
        correlate(form, c, false, x, Source::Plain(w), none, &mut y);
        correlate(form, c, true, dy, Source::Plain(w), none, &mut dx);
        weight_gradient_as(form, c, x, dy, &mut dw);
        [y, dx, dw]
    }
}

/// Root mean square of the difference, relative to that of what is right.
fn error(found: &[f32], right: &[f64]) -> f64 {
    let square = |values: &mut dyn Iterator<Item = f64>| values.map(|v| v * v).sum::<f64>();
    let difference = square(&mut found.iter().zip(right).map(|(&a, &b)| f64::from(a) - b));
    (difference / square(&mut right.iter().copied())).sqrt()
}

fn three(batch: usize, size: [usize; 2], channels: [usize; 2], padding: usize) -> Conv2d {
    Conv2d {
        batch,
        height: size[0],
        width: size[1],
        channels_in: channels[0],
        channels_out: channels[1],
        kernel: [3, 3],
        stride: [1, 1],
        padding: [padding; 2],
        exact: false,
    }
}

/// 4x4 with stride 1.
fn four(batch: usize, size: [usize; 2], channels: [usize; 2], padding: usize) -> Conv2d {
    Conv2d { kernel: [4, 4], ..three(batch, size, channels, padding) }
}

/// 5x5 with stride 1.
fn five(batch: usize, size: [usize; 2], channels: [usize; 2], padding: usize) -> Conv2d {
    Conv2d { kernel: [5, 5], ..three(batch, size, channels, padding) }
}

/// 4x4 with stride 2.
fn phases(batch: usize, size: [usize; 2], channels: [usize; 2]) -> Conv2d {
    Conv2d { stride: [2, 2], ..four(batch, size, channels, 1) }
}

/// 3x3 with stride 2.
fn shortened(batch: usize, size: [usize; 2], channels: [usize; 2]) -> Conv2d {
    Conv2d { stride: [2, 2], ..three(batch, size, channels, 1) }
}

#[test]
fn every_shape_equals_the_definition() {
    let cases = [
        three(1, [4, 4], [8, 8], 1),
        three(1, [3, 3], [16, 16], 0),
        three(3, [7, 10], [10, 19], 1),
        three(1, [9, 5], [130, 33], 0),
        three(3, [6, 13], [24, 66], 2),
        three(1, [1, 1], [8, 12], 1),
        three(1, [21, 22], [72, 40], 1),
        Conv2d { padding: [2, 0], ..three(2, [5, 8], [17, 9], 1) },
        three(5, [6, 6], [40, 50], 1),
        three(7, [3, 3], [33, 20], 1),
        three(2, [9, 6], [16, 72], 1),
        five(3, [6, 6], [32, 64], 2),
        five(2, [12, 7], [10, 19], 2),
        five(1, [5, 9], [130, 33], 0),
        five(2, [3, 4], [17, 9], 4),
        Conv2d { padding: [3, 1], ..five(1, [8, 5], [40, 34], 1) },
        four(1, [16, 16], [24, 40], 1),
        four(3, [5, 7], [10, 19], 0),
        four(1, [4, 4], [130, 9], 0),
        four(2, [3, 6], [8, 33], 3),
        Conv2d { padding: [2, 0], ..four(2, [5, 8], [17, 9], 1) },
        phases(1, [8, 8], [8, 8]),
        phases(3, [4, 4], [12, 20]),
        phases(1, [7, 9], [9, 35]),
        phases(3, [10, 30], [40, 70]),
        phases(1, [2, 2], [130, 16]),
        phases(7, [16, 8], [33, 24]),
        shortened(1, [8, 8], [8, 8]),
        shortened(3, [4, 4], [12, 20]),
        shortened(1, [7, 9], [9, 35]),
        shortened(3, [10, 30], [40, 70]),
        shortened(1, [1, 2], [130, 16]),
        shortened(7, [16, 8], [33, 24]),
        shortened(1, [12, 20], [80, 48]),
        shortened(2, [9, 8], [270, 264]),
    ];
    for c in cases {
        let case = Case::new(c);
        let exact = case.exact();
        for form in forms() {
            for (name, (found, right)) in ["forward", "input gradient", "weight gradient"]
                .iter()
                .zip(case.compute(form).iter().zip(&exact))
            {
                let error = error(found, right);
                assert!(error < 3e-6, "{name} as {form:?} of {c:?}: error {error:e}");
            }
        }
    }
}

#[test]
fn results_do_not_depend_on_threads() {
    for c in [
        three(3, [30, 33], [40, 72], 1),
        three(9, [6, 6], [40, 72], 1),
        five(3, [12, 13], [40, 72], 2),
        phases(5, [32, 34], [36, 48]),
        shortened(5, [32, 34], [36, 48]),
    ] {
        let case = Case::new(c);
        let run = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
            pool.install(|| case.compute(crate::cpu::simd::form()))
        };
        let one = run(1);
        assert_eq!(one, run(2));
        assert_eq!(one, run(3));
    }
}

#[test]
fn prepared_filters_give_the_same_bytes() {
    // Few filters, which are transformed first, and many, which are transformed where they are used.
    for c in [
        three(2, [9, 14], [40, 24], 1),
        three(1, [5, 7], [264, 260], 1),
        five(2, [7, 6], [40, 24], 2),
        four(2, [7, 9], [40, 24], 1),
        phases(2, [8, 8], [136, 150]),
        shortened(2, [9, 8], [136, 150]),
    ] {
        let case = Case::new(c);
        let none = Epilogue::default();
        let [mut y, mut dx] = [case.dy.len(), case.x.len()].map(|n| vec![f32::NAN; n]);
        forward_prepared(&c, &case.x, &Filter::forward(&c, &case.w), none, &mut y);
        input_gradient_prepared(&c, &case.dy, &Filter::input_gradient(&c, &case.w), &mut dx);
        let [right_y, right_dx, _] = case.compute(form());
        assert_eq!(y, right_y);
        assert_eq!(dx, right_dx);
    }
}

#[test]
fn an_epilogue_is_applied_to_each_output() {
    for c in [three(2, [7, 9], [16, 27], 1), phases(1, [12, 6], [8, 18])] {
        let case = Case::new(c);
        let bias = noise(c.channels_out, 4);
        let mut plain = vec![f32::NAN; case.dy.len()];
        forward(&c, &case.x, &case.w, Epilogue::default(), &mut plain);
        for (activation, slope) in
            [(Activation::Identity, 1.0), (Activation::Relu, 0.0), (Activation::LeakyRelu(0.2), 0.2)]
        {
            let mut y = vec![f32::NAN; plain.len()];
            forward(&c, &case.x, &case.w, Epilogue { bias: Some(&bias), activation }, &mut y);
            for (i, (&found, &before)) in y.iter().zip(&plain).enumerate() {
                let sum = before + bias[i % c.channels_out];
                assert_eq!(found, if sum > 0.0 { sum } else { sum * slope }, "{activation:?}, element {i}");
            }
        }
    }
}

#[test]
fn errors_stay_within_what_is_documented() {
    let three = Case::new(three(1, [24, 24], [256, 64], 1));
    let threes = Case::new(self::three(16, [6, 6], [256, 64], 1));
    let five = Case::new(self::five(4, [12, 12], [128, 64], 2));
    let four = Case::new(self::four(4, [16, 16], [128, 64], 1));
    let phases = Case::new(self::phases(4, [16, 16], [128, 64]));
    let shortened = Case::new(self::shortened(4, [16, 16], [128, 64]));
    let many_tiles = Case::new(Conv2d { batch: 16, ..self::three(1, [64, 64], [8, 8], 1) });
    for (case, bounds) in [
        (three, ERROR_THREE),
        (threes, ERROR_THREE_BY_THREE),
        (five, ERROR_FIVE),
        (four, ERROR_FOUR),
        (phases, ERROR_TWO),
        (shortened, ERROR_TWO),
        (many_tiles, ERROR_THREE),
    ] {
        let found = case.compute(form());
        for ((found, right), bound) in found.iter().zip(&case.exact()).zip(bounds) {
            let error = error(found, right);
            assert!(error < bound, "{:?}: error {error:e}, documented {bound:e}", case.c);
        }
    }
}

#[test]
#[should_panic(expected = "does not fit")]
fn a_filter_for_another_shape_is_refused() {
    let c = three(1, [8, 8], [8, 8], 1);
    let filter = Filter::forward(&c, &noise(9 * 64, 1));
    let other = three(1, [8, 8], [8, 16], 1);
    forward_prepared(&other, &noise(512, 1), &filter, Epilogue::default(), &mut vec![0.0; 1024]);
}
