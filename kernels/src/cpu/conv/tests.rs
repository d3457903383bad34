use super::*;
use crate::cpu::simd::forms;

/// Numbers in [-1, 1) that repeat after a long time.
fn numbers(count: usize, seed: u32) -> Vec<f32> {
    let mut state = seed.wrapping_mul(2_654_435_761).wrapping_add(1);
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / 8_388_608.0 - 1.0
    };
    (0..count).map(|_| next()).collect()
}

/// Batch, rows and columns, channels in and out, kernel, stride, padding.
type Shape = (usize, [usize; 2], [usize; 2], [usize; 2], [usize; 2], [usize; 2]);

fn conv((batch, size, channels, kernel, stride, padding): Shape) -> Conv2d {
    Conv2d {
        batch,
        height: size[0],
        width: size[1],
        channels_in: channels[0],
        channels_out: channels[1],
        kernel,
        stride,
        padding,
        exact: true,
    }
}

const SHAPES: &[Shape] = &[
    // One pixel; a filter larger than the picture without its padding.
    (1, [1, 1], [1, 1], [1, 1], [1, 1], [0, 0]),
    (3, [1, 1], [5, 17], [3, 3], [1, 1], [1, 1]),
    (3, [2, 3], [17, 5], [5, 5], [1, 1], [2, 2]),
    (1, [2, 2], [3, 3], [5, 5], [2, 2], [2, 2]),
    // 3x3, with and without padding, strided with odd and even sizes.
    (1, [9, 7], [17, 64], [3, 3], [1, 1], [1, 1]),
    (3, [8, 8], [64, 17], [3, 3], [1, 1], [1, 1]),
    (2, [7, 10], [100, 33], [3, 3], [1, 1], [0, 0]),
    (3, [9, 11], [17, 20], [3, 3], [2, 2], [1, 1]),
    (1, [10, 8], [64, 100], [3, 3], [2, 2], [1, 1]),
    (1, [20, 70], [5, 9], [3, 3], [1, 1], [1, 1]),
    // The 4x4 filters of generators and discriminators.
    (3, [8, 8], [17, 64], [4, 4], [2, 2], [1, 1]),
    (2, [16, 16], [3, 64], [4, 4], [2, 2], [1, 1]),
    (3, [4, 4], [64, 17], [4, 4], [1, 1], [0, 0]),
    (3, [4, 4], [100, 1], [4, 4], [1, 1], [0, 0]),
    (1, [5, 6], [64, 1], [4, 4], [1, 1], [1, 1]),
    // Few channels at either end.
    (1, [12, 13], [3, 17], [7, 7], [1, 1], [0, 0]),
    (2, [15, 9], [3, 64], [7, 7], [2, 2], [3, 3]),
    (1, [40, 37], [32, 3], [9, 9], [1, 1], [4, 4]),
    (2, [9, 8], [17, 3], [7, 7], [1, 1], [0, 0]),
    (1, [6, 7], [20, 4], [3, 3], [1, 1], [2, 2]),
    (3, [6, 5], [17, 2], [3, 3], [2, 2], [1, 1]),
    (1, [6, 5], [1, 1], [3, 3], [1, 1], [1, 1]),
    // Padding beyond the filter.
    (1, [5, 4], [9, 3], [2, 2], [1, 1], [3, 3]),
    // 1x1, strided and not, and filters that do not overlap.
    (3, [5, 5], [64, 100], [1, 1], [1, 1], [0, 0]),
    (3, [6, 5], [17, 1], [1, 1], [1, 1], [0, 0]),
    (2, [7, 5], [17, 5], [1, 1], [2, 2], [0, 0]),
    (2, [6, 8], [17, 40], [2, 2], [2, 2], [0, 0]),
    // Sides that differ, a stride that leaves rows over.
    (1, [9, 30], [20, 24], [3, 1], [2, 1], [1, 0]),
    (2, [11, 8], [9, 17], [2, 3], [3, 2], [0, 1]),
    // Long sums, many channels.
    (1, [6, 6], [300, 40], [3, 3], [1, 1], [1, 1]),
    (2, [4, 4], [40, 300], [3, 3], [1, 1], [1, 1]),
];

/// Calls `meet(input, weight, output)` with the indexes of every product in the definition.
fn definition(c: &Conv2d, mut meet: impl FnMut(usize, usize, usize)) {
    let (rows, columns) = (c.out_height(), c.out_width());
    for item in 0..c.batch {
        for (row, column) in (0..rows).flat_map(|row| (0..columns).map(move |column| (row, column))) {
            for (down, right) in (0..c.kernel[0]).flat_map(|down| (0..c.kernel[1]).map(move |r| (down, r))) {
                let y = (row * c.stride[0] + down).wrapping_sub(c.padding[0]);
                let x = (column * c.stride[1] + right).wrapping_sub(c.padding[1]);
                if y >= c.height || x >= c.width {
                    continue;
                }
                for i in 0..c.channels_in {
                    for o in 0..c.channels_out {
                        let input = ((item * c.height + y) * c.width + x) * c.channels_in + i;
                        let tap = down * c.kernel[1] + right;
                        let weight = (tap * c.channels_in + i) * c.channels_out + o;
                        meet(input, weight, ((item * rows + row) * columns + column) * c.channels_out + o);
                    }
                }
            }
        }
    }
}

struct Case {
    c: Conv2d,
    x: Vec<f32>,
    w: Vec<f32>,
    dy: Vec<f32>,
}

impl Case {
    fn new(shape: Shape) -> Self {
        let c = conv(shape);
        Self {
            c,
            x: numbers(c.input_len(), 1),
            w: numbers(c.weight_len(), 2),
            dy: numbers(c.output_len(), 3),
        }
    }

    fn run(&self, form: Form, direction: Direction) -> Vec<f32> {
        let c = &self.c;
        let algorithm = choose(c, direction);
        // Not a number where nothing is written.
        let mut result;
        match direction {
            Direction::Forward => {
                result = vec![f32::NAN; self.dy.len()];
                forward_as(form, algorithm, c, &self.x, &self.w, &mut result);
            }
            Direction::InputGradient => {
                result = vec![f32::NAN; self.x.len()];
                input_gradient_as(form, algorithm, c, &self.dy, &self.w, &mut result);
            }
            Direction::WeightGradient => {
                result = vec![f32::NAN; self.w.len()];
                weight_gradient_as(form, algorithm, c, &self.x, &self.dy, &mut result);
            }
        }
        result
    }

    fn expected(&self, direction: Direction) -> Vec<f64> {
        let (x, w, dy) = (&self.x, &self.w, &self.dy);
        let mut result = vec![
            0.0;
            match direction {
                Direction::Forward => dy.len(),
                Direction::InputGradient => x.len(),
                Direction::WeightGradient => w.len(),
            }
        ];
        definition(&self.c, |i, k, o| match direction {
            Direction::Forward => result[o] += f64::from(x[i]) * f64::from(w[k]),
            Direction::InputGradient => result[i] += f64::from(dy[o]) * f64::from(w[k]),
            Direction::WeightGradient => result[k] += f64::from(x[i]) * f64::from(dy[o]),
        });
        result
    }
}

const DIRECTIONS: [Direction; 3] = [Direction::Forward, Direction::InputGradient, Direction::WeightGradient];

fn check(direction: Direction) {
    let forms: Vec<Form> = forms().collect();
    for &shape in SHAPES {
        let case = Case::new(shape);
        let expected = case.expected(direction);
        for &form in &forms {
            let result = case.run(form, direction);
            for (i, (r, e)) in result.iter().zip(&expected).enumerate() {
                // Terms below 1 in size, sums of up to 2,700 of them: rounding reaches 2.2e-5, a lost term 1.
                let error = (f64::from(*r) - e).abs();
                assert!(error < 5e-5, "{direction:?} of {shape:?}, {form:?}: element {i} is {r}, not {e}");
            }
        }
    }
}

#[test]
fn the_output_is_the_definition() {
    check(Direction::Forward);
}

#[test]
fn the_input_gradient_is_the_definition() {
    check(Direction::InputGradient);
}

#[test]
fn the_weight_gradient_is_the_definition() {
    check(Direction::WeightGradient);
}

#[test]
fn the_three_are_adjoint() {
    let dot =
        |a: &[f32], b: &[f32]| -> f64 { a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum() };
    for &shape in SHAPES {
        let case = Case::new(shape);
        let [y, dx, dw] = DIRECTIONS.map(|direction| case.run(form(), direction));
        let (a, b, c) = (dot(&y, &case.dy), dot(&dx, &case.x), dot(&dw, &case.w));
        let scale = case.dy.len() as f64;
        assert!((a - b).abs() < 1e-5 * scale && (a - c).abs() < 1e-5 * scale, "{shape:?}: {a}, {b}, {c}");
    }
}

#[test]
fn threads_do_not_change_a_bit() {
    let large: Shape = (2, [33, 40], [20, 36], [3, 3], [1, 1], [1, 1]);
    for &shape in SHAPES.iter().chain([&large]) {
        let case = Case::new(shape);
        for direction in DIRECTIONS {
            let [one, two, three] = [1, 2, 3].map(|threads| {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
                let result = pool.install(|| case.run(form(), direction));
                result.into_iter().map(f32::to_bits).collect::<Vec<_>>()
            });
            assert!(one == two && one == three, "{direction:?} of {shape:?}");
        }
    }
}

#[test]
fn an_empty_batch_has_a_zero_weight_gradient() {
    let c = conv((0, [4, 4], [3, 20], [3, 3], [1, 1], [1, 1]));
    let mut dw = vec![1.0; c.weight_len()];
    forward(&c, &[], &vec![1.0; c.weight_len()], &mut []);
    weight_gradient(&c, &[], &[], &mut dw);
    assert!(dw.iter().all(|&v| v == 0.0));
}

#[test]
#[should_panic(expected = "the filter must not be larger than the padded input")]
fn a_filter_beyond_the_padding_is_refused() {
    forward(&conv((1, [2, 2], [1, 1], [5, 5], [1, 1], [1, 1])), &[0.0; 4], &[0.0; 25], &mut []);
}
