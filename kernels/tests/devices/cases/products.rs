use gobelin_kernels::cpu::conv as host_conv;
use gobelin_kernels::cpu::gemm as host_gemm;
use gobelin_kernels::cuda::conv::{self, Activation, Conv2d, Epilogue};
use gobelin_kernels::cuda::gemm::{self, Batch, Gemm};
use gobelin_kernels::cuda::{DeviceBuffer, Precision};

use crate::case::{Case, numbers, of, put, room};

/// What the rounding of factors to TF32 may change, and that of single precision.
const PRECISIONS: [(Precision, f32); 2] = [(Precision::Tf32, 2e-3), (Precision::F32, 2e-5)];

pub fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    // Nothing whole, exactly one tile of each kind, long sums, large results.
    let shapes = [
        [1, 1, 1],
        [5, 7, 3],
        [64, 64, 16],
        [128, 16, 32],
        [130, 3, 21],
        [33, 70, 515],
        [300, 260, 24],
        [7, 9, 0],
    ];
    for [m, n, k] in shapes {
        for transposed in 0..4 {
            for (precision, tolerance) in PRECISIONS {
                let shape = Gemm {
                    transpose_a: transposed & 1 == 1,
                    transpose_b: transposed & 2 == 2,
                    ..Gemm::new(m, n, k)
                };
                cases.push(product(shape, 1, precision, tolerance));
            }
        }
    }
    // What makes a number NaN may lie in the bits that TF32 has not.
    for (precision, tolerance) in PRECISIONS {
        let a = [f32::from_bits(0x7f80_0001), 1.0, f32::INFINITY, -f32::INFINITY];
        cases.push(of(
            format!("numbers that are not finite {precision:?}"),
            tolerance,
            [a.to_vec(), vec![1.0]],
            4,
            |[a, b], out| host_gemm::gemm(&Gemm::new(4, 1, 1), a, b, out),
            move |[a, b], out| gemm::gemm(&Gemm::new(4, 1, 1), precision, a, b, out),
        ));
    }
    for accumulate in [false, true] {
        let shape = Gemm { accumulate, transpose_b: true, ..Gemm::new(20, 33, 260) };
        cases.push(product(shape, 3, Precision::Tf32, 2e-3));
    }
    for c in convolutions() {
        for (precision, tolerance) in PRECISIONS {
            cases.extend(convolution(c, precision, tolerance));
        }
    }
    cases
}

fn product(shape: Gemm, count: usize, precision: Precision, tolerance: f32) -> Case {
    let Gemm { m, n, k, .. } = shape;
    let batch = Batch { count, stride_a: m * k, stride_b: 0, stride_c: m * n };
    let (a, b, c) = (numbers(count * m * k, 1), numbers(k * n, 2), numbers(count * m * n, 3));
    let same = [a.clone(), b.clone(), c.clone()];
    Case::new(
        format!("{shape:?} x {count} {precision:?}"),
        tolerance,
        move || {
            let mut c = c.clone();
            host_gemm::gemm_batch(&shape, &batch, &a, &b, &mut c);
            c
        },
        move |device| {
            let [a, b, mut c] = [put(device, &same[0])?, put(device, &same[1])?, put(device, &same[2])?];
            gemm::gemm_batch(&shape, &batch, precision, &a, &b, &mut c)?;
            c.to_vec()
        },
    )
}

fn convolutions() -> Vec<Conv2d> {
    let square = |batch, size, [channels_in, channels_out]: [usize; 2], kernel, stride, padding| Conv2d {
        batch,
        height: size,
        width: size,
        channels_in,
        channels_out,
        kernel: [kernel; 2],
        stride: [stride; 2],
        padding: [padding; 2],
        exact: true,
    };
    vec![
        square(2, 8, [3, 5], 3, 1, 1),
        square(2, 8, [8, 12], 4, 2, 1),
        square(1, 7, [4, 8], 3, 2, 1),
        square(3, 5, [16, 20], 1, 1, 0),
        // The last layer of a discriminator: one number for each picture.
        square(5, 4, [32, 1], 4, 1, 0),
        // The first of a residual generator: wide filters on few channels.
        square(1, 11, [3, 16], 7, 2, 3),
        // Phases that no tap reaches, and pixels that none does.
        square(1, 9, [4, 4], 2, 3, 0),
        // More than one tile each way.
        square(1, 12, [16, 70], 3, 1, 1),
        Conv2d {
            batch: 2,
            height: 5,
            width: 9,
            channels_in: 6,
            channels_out: 10,
            kernel: [2, 3],
            stride: [1, 2],
            padding: [0, 1],
            exact: true,
        },
    ]
}

/// Forward with and without what follows, and both gradients.
fn convolution(c: Conv2d, precision: Precision, tolerance: f32) -> Vec<Case> {
    let (x, w, dy) = (numbers(c.input_len(), 1), numbers(c.weight_len(), 2), numbers(c.output_len(), 3));
    let bias = numbers(c.channels_out, 4);
    let name = |what: &str| format!("{what} of {c:?} {precision:?}");
    let mut cases = Vec::new();
    for activation in [Activation::Identity, Activation::Relu, Activation::LeakyRelu(0.2)] {
        let ([x, w, bias], [same_x, same_w, same_bias]) =
            ([&x, &w, &bias].map(Clone::clone), [&x, &w, &bias].map(Clone::clone));
        let has_bias = activation != Activation::Identity;
        cases.push(Case::new(
            name(&format!("conv2d with {activation:?}")),
            tolerance,
            move || {
                let mut y = vec![0.0; c.output_len()];
                host_conv::forward(&c, &x, &w, &mut y);
                for (i, y) in y.iter_mut().enumerate() {
                    *y += if has_bias { bias[i % c.channels_out] } else { 0.0 };
                    *y = match activation {
                        Activation::Identity => *y,
                        Activation::Relu => y.max(0.0),
                        Activation::LeakyRelu(slope) => y.max(slope * *y),
                    };
                }
                y
            },
            move |device| {
                let (x, w, bias) = (put(device, &same_x)?, put(device, &same_w)?, put(device, &same_bias)?);
                let mut y = room(device, c.output_len())?;
                let epilogue = Epilogue { bias: has_bias.then_some(&bias), activation };
                conv::forward(&c, precision, &x, &w, epilogue, &mut y)?;
                y.to_vec()
            },
        ));
    }
    type Host = fn(&Conv2d, &[f32], &[f32], &mut [f32]);
    type Card = fn(
        &Conv2d,
        Precision,
        &DeviceBuffer,
        &DeviceBuffer,
        &mut DeviceBuffer,
    ) -> gobelin_kernels::cuda::Result<()>;
    type Gradient<'a> = (&'a str, Host, Card, [&'a Vec<f32>; 2], usize);
    let gradients: [Gradient; 2] = [
        ("input gradient", host_conv::input_gradient, conv::input_gradient, [&dy, &w], c.input_len()),
        ("weight gradient", host_conv::weight_gradient, conv::weight_gradient, [&x, &dy], c.weight_len()),
    ];
    for (what, on_host, on_card, operands, count) in gradients {
        let ([a, b], [same_a, same_b]) = (operands.map(Clone::clone), operands.map(Clone::clone));
        cases.push(Case::new(
            name(what),
            tolerance,
            move || {
                let mut out = vec![0.0; count];
                on_host(&c, &a, &b, &mut out);
                out
            },
            move |device| {
                let (a, b, mut out) = (put(device, &same_a)?, put(device, &same_b)?, room(device, count)?);
                on_card(&c, precision, &a, &b, &mut out)?;
                out.to_vec()
            },
        ));
    }
    cases
}
