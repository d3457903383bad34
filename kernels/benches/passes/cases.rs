//! What is timed: a table of names and of what makes a case. The shapes are those of DCGAN, VGG-19, U-Net and FaceNet.

use gobelin_kernels::Buffer;
use gobelin_kernels::cpu::norm::{self, Affine, Groups};
use gobelin_kernels::cpu::optimiser::{self, Adam, RmsProp, Sgd};
use gobelin_kernels::cpu::pool::{self, Pool};
use gobelin_kernels::cpu::random::Philox;
use gobelin_kernels::cpu::resample::{self, AxisMap};
use gobelin_kernels::cpu::{distance, elementwise, layout, math, reduce, softmax};

/// A kernel with its tensors.
pub struct Case {
    /// Floats that must be read, that must be written, and that are read and written in place.
    pub read: usize,
    pub written: usize,
    pub updated: usize,
    pub run: Box<dyn FnMut()>,
}

/// DCGAN's largest activations: (64, 32, 32, 64).
const LARGE: usize = 64 * 32 * 32 * 64;
/// DCGAN's largest weights: (4, 4, 256, 512).
const WEIGHTS: usize = 4 * 4 * 256 * 512;

/// A name, and what makes the case.
type Row = (&'static str, fn() -> Case);

pub const CASES: &[Row] = &[
    ("scale (64, 32, 32, 64)", || map(|x| 2.0 * x)),
    ("leaky relu (64, 32, 32, 64)", || map(|x| if x > 0.0 { x } else { 0.2 * x })),
    ("tanh (64, 32, 32, 64)", || map(math::tanh)),
    ("exp (64, 32, 32, 64)", || map(math::exp)),
    ("add (64, 32, 32, 64)", || {
        let (a, b, mut y) = (numbers(LARGE), numbers(LARGE), numbers(LARGE));
        case(2 * LARGE, LARGE, move || elementwise::zip(&a, &b, &mut y, |a, b| a + b))
    }),
    ("norm: moments (64, 32, 32, 64)", || norm(Norm::moments, [1, 0, 0])),
    ("norm: affine, leaky (64, 32, 32, 64)", || norm(Norm::affine, [1, 1, 0])),
    ("norm: gradient sums (64, 32, 32, 64)", || norm(Norm::gradient_sums, [2, 0, 0])),
    ("norm: input gradient (64, 32, 32, 64)", || norm(Norm::input_gradient, [1, 0, 1])),
    ("maximum 2x2 (1, 256, 256, 64)", || {
        let (x, mut y, mut taps) = (numbers(POOL.large()), numbers(POOL.small()), vec![0; POOL.small()]);
        case(POOL.large(), POOL.small() * 5 / 4, move || pool::maximum(&POOL, &x, &mut y, &mut taps))
    }),
    ("maximum 2x2, back (1, 256, 256, 64)", || {
        let (mut x, y, taps) = (numbers(POOL.large()), numbers(POOL.small()), vec![1; POOL.small()]);
        case(POOL.small() * 5 / 4, POOL.large(), move || pool::put_back(&POOL, &y, &taps, &mut x))
    }),
    ("mean 2x2 (1, 256, 256, 64)", || {
        let (x, mut y) = (numbers(POOL.large()), numbers(POOL.small()));
        case(POOL.large(), POOL.small(), move || pool::mean(&POOL, &x, &mut y))
    }),
    ("log softmax (4096, 1000)", || {
        let (x, mut y) = (numbers(4_096_000), numbers(4_096_000));
        case(x.len(), y.len(), move || softmax::log_softmax(&x, 1000, &mut y))
    }),
    ("softmax (65536, 2)", || {
        let (x, mut y) = (numbers(131_072), numbers(131_072));
        case(x.len(), y.len(), move || softmax::softmax(&x, 2, &mut y))
    }),
    ("repeat 2x2 (4, 64, 64, 64)", || {
        let (x, mut y) = (numbers(1 << 20), numbers(1 << 22));
        case(x.len(), y.len(), move || resample::repeat(&x, [256, 64, 64], 2, &mut y))
    }),
    ("sum of 2x2 blocks to (4, 64, 64, 64)", || {
        let (x, mut y) = (numbers(1 << 22), numbers(1 << 20));
        case(x.len(), y.len(), move || resample::sum_blocks(&x, [256, 64, 64], 2, &mut y))
    }),
    ("bilinear (4, 64, 64, 64) to 128", || {
        let (x, mut y, axis) = (numbers(1 << 20), numbers(1 << 22), AxisMap::linear(64, 128));
        case(x.len(), y.len(), move || resample::map_axes(&x, [4, 64], &axis, &axis, &mut y))
    }),
    ("reflected border (2, 32, 32, 256)", || {
        let (x, mut y, axis) = (numbers(1 << 19), numbers(2 * 34 * 34 * 256), AxisMap::reflection(32, 1, 1));
        case(x.len(), y.len(), move || resample::map_axes(&x, [2, 256], &axis, &axis, &mut y))
    }),
    ("sum (64, 32, 32, 64)", || {
        let x = numbers(LARGE);
        case(LARGE, 0, move || {
            std::hint::black_box(reduce::sum(&x));
        })
    }),
    ("sum to channels (64, 32, 32, 64)", || {
        let (x, mut y) = (numbers(LARGE), numbers(64));
        case(LARGE, 64, move || reduce::sum_middle(&x, [1, LARGE / 64, 64], &mut y))
    }),
    ("permute to (N, C, H, W) (64, 32, 32, 64)", || {
        let (x, mut y) = (numbers(LARGE), numbers(LARGE));
        case(LARGE, LARGE, move || layout::permute(&x, &[64, 32, 32, 64], &[0, 3, 1, 2], &mut y))
    }),
    ("squared distances (1024, 128)", || {
        let (x, mut y) = (numbers(1024 * 128), numbers(1024 * 1024));
        case(x.len(), y.len(), move || distance::squared_distances(&x, &x, 128, &mut y))
    }),
    ("sgd with momentum (4, 4, 256, 512)", || {
        let [mut p, g, mut v] = [(); 3].map(|()| numbers(WEIGHTS));
        let rule = Sgd { rate: 1e-3, decay: 0.0, momentum: 0.9, gain: 1.0, nesterov: false };
        update(WEIGHTS, 2 * WEIGHTS, move || optimiser::sgd(rule, &mut p, &g, Some(&mut v)))
    }),
    ("adam (4, 4, 256, 512)", || {
        let [mut p, g, mut first, mut second] = [(); 4].map(|()| positive(WEIGHTS));
        let rule = Adam {
            rate: 1e-3,
            decay: 0.0,
            keep: 1.0,
            betas: [0.5, 0.999],
            gains: [0.5, 0.001],
            correction: 1.0,
            epsilon: 1e-8,
        };
        update(WEIGHTS, 3 * WEIGHTS, move || optimiser::adam(rule, &mut p, &g, [&mut first, &mut second]))
    }),
    ("rmsprop (4, 4, 256, 512)", || {
        let [mut p, g, mut square] = [(); 3].map(|()| positive(WEIGHTS));
        let rule = RmsProp { rate: 1e-3, decay: 0.0, alpha: 0.99, gain: 0.01, epsilon: 1e-8, momentum: 0.0 };
        update(WEIGHTS, 2 * WEIGHTS, move || optimiser::rmsprop(rule, &mut p, &g, &mut square, None, None))
    }),
    ("normal numbers (64, 100)", || {
        let (mut y, mut philox) = (numbers(6400), Philox { key: 1, stream: 0, counter: 0 });
        case(0, 6400, move || philox.normal(0.0, 1.0, &mut y))
    }),
];

/// VGG-19's first pooling.
const POOL: Pool =
    Pool { batch: 1, height: 256, width: 256, channels: 64, kernel: [2, 2], stride: [2, 2], padding: [0, 0] };

fn case(read: usize, written: usize, run: impl FnMut() + 'static) -> Case {
    Case { read, written, updated: 0, run: Box::new(run) }
}

/// Of a kernel that changes tensors in place.
fn update(read: usize, updated: usize, run: impl FnMut() + 'static) -> Case {
    Case { updated, ..case(read, 0, run) }
}

fn numbers(length: usize) -> Buffer {
    let mut buffer = Buffer::new(length);
    buffer.iter_mut().enumerate().for_each(|(i, v)| *v = (i * 7919 % 1000) as f32 * 2e-3 - 1.0);
    buffer
}

fn positive(length: usize) -> Buffer {
    let mut buffer = numbers(length);
    buffer.iter_mut().for_each(|v| *v = v.abs() + 0.1);
    buffer
}

fn map(function: impl Fn(f32) -> f32 + Sync + 'static) -> Case {
    let (x, mut y) = (numbers(LARGE), numbers(LARGE));
    case(LARGE, LARGE, move || elementwise::map(&x, &mut y, &function))
}

/// Batch normalisation of DCGAN's largest activations.
struct Norm {
    shape: Groups,
    x: Buffer,
    y: Buffer,
    /// For each channel one.
    statistics: [Buffer; 2],
    sums: [Buffer; 2],
}

impl Norm {
    fn moments(&mut self) {
        let [mean, variance] = &mut self.sums;
        norm::moments(&self.x, self.shape, mean, variance);
    }

    fn affine(&mut self) {
        let [scale, shift] = &self.statistics;
        norm::affine(&self.x, self.shape, Affine { scale, shift, slope: Some(0.2) }, &mut self.y);
    }

    fn gradient_sums(&mut self) {
        let ([scale, shift], [sums, products]) = (&self.statistics, &mut self.sums);
        let affine = Affine { scale, shift, slope: Some(0.2) };
        norm::gradient_sums(&self.x, &self.y, self.shape, shift, affine, sums, products);
    }

    fn input_gradient(&mut self) {
        let [scale, shift] = &self.statistics;
        let affine = Affine { scale, shift, slope: Some(0.2) };
        norm::input_gradient(&self.x, &mut self.y, self.shape, affine, scale, shift);
    }
}

/// A kernel that reads, writes and changes so many whole tensors.
fn norm(mut run: impl FnMut(&mut Norm) + 'static, [read, written, updated]: [usize; 3]) -> Case {
    let shape = Groups { groups: 1, rows: LARGE / 64, channels: 64 };
    let channels = || [positive(64), positive(64)];
    let mut norm =
        Norm { shape, x: numbers(LARGE), y: numbers(LARGE), statistics: channels(), sums: channels() };
    Case { updated: updated * LARGE, ..case(read * LARGE, written * LARGE, move || run(&mut norm)) }
}
