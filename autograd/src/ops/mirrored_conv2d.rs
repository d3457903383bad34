//! A convolution of pictures with a mirrored border, which is not made where a kernel reads the pixels it mirrors.

use gobelin_kernels::cpu::conv::winograd;

use super::conv2d::{Window, conv2d, conv2d_input_gradient, conv2d_weight_gradient};
use super::pad::{Sides, fold_reflected, pad_reflect};
use crate::profile;
use crate::tensor::Tensor;
use crate::var::Var;

/// Correlates `x` `(N, H, W, I)`, with so many `mirrored` pixels around it, with `weight` `(kh, kw, I, O)`: the same as
/// [`conv2d`] of [`pad_reflect`].
///
/// # Panics
/// If the shapes do not fit, the window has a padding of its own, or the pictures are not larger than their border.
#[track_caller]
pub fn conv2d_mirrored(x: &Var, weight: &Var, window: Window, mirrored: usize) -> Var {
    let sides = Sides::all(mirrored);
    let on_device = Tensor::common_device(&[x.tensor(), weight.tensor()]).is_some();
    let &[batch, height, width, channels_in] = x.shape() else {
        panic!("conv2d_mirrored: a picture of shape {:?}, expected (N, H, W, C)", x.shape())
    };
    assert!(window.padding == [0, 0], "conv2d_mirrored: {window:?} has a padding beside the mirrored border");
    let &[.., weights_in, channels_out] = weight.shape() else {
        panic!("conv2d_mirrored: weights of {:?}, expected (kh, kw, I, O)", weight.shape())
    };
    let wide = Window { padding: [mirrored; 2], ..window };
    let geometry = wide.describe(x.shape(), channels_out);
    let fits = weights_in == channels_in && weight.shape()[..2] == window.kernel;
    if on_device || !fits || !winograd::serves_mirrored(&geometry) {
        return conv2d(&pad_reflect(x, sides), weight, window);
    }
    let [rows, columns] = wide.output([height, width]);
    profile::count(geometry.operations());
    let y = Tensor::build(&[batch, rows, columns, channels_out], |y| {
        winograd::forward_mirrored(&geometry, x.tensor().data(), weight.tensor().data(), y);
    });
    let saved = (x.clone(), weight.clone());
    Var::record("conv2d_mirrored", y, &[x, weight], move |step| {
        let (x, weight) = &saved;
        let dy = &step.gradient;
        if !step.is_final() {
            let padded = [height + 2 * mirrored, width + 2 * mirrored];
            let for_x = || fold_reflected(&conv2d_input_gradient(dy, weight, window, padded), sides);
            let for_weight = || conv2d_weight_gradient(&pad_reflect(x, sides), dy, window);
            return vec![step.needs(0).then(for_x), step.needs(1).then(for_weight)];
        }
        let [x, weight, dy] = [x, weight, dy].map(Var::tensor);
        let measured = |op: &'static str, inputs: [&Tensor; 2], gradient: Tensor| {
            profile::count(geometry.operations());
            profile::charge(op, inputs.into_iter().map(Tensor::shape), gradient.shape());
            Var::from(gradient)
        };
        let for_weight = step.needs(1).then(|| {
            let gradient = Tensor::build(weight.shape(), |dw| {
                winograd::weight_gradient_mirrored(&geometry, x.data(), dy.data(), dw);
            });
            measured("mirrored_weight_gradient", [x, dy], gradient)
        });
        let for_x = step.needs(0).then(|| {
            let gradient = Tensor::build(x.shape(), |dx| {
                winograd::input_gradient_mirrored(&geometry, dy.data(), weight.data(), dx);
            });
            measured("mirrored_input_gradient", [dy, weight], gradient)
        });
        vec![for_x, for_weight]
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::GradientCheck;
    use crate::ops::testing::numbers;
    use crate::tape::Tape;

    const WINDOW: Window = Window { kernel: [3, 3], stride: [1, 1], padding: [0, 0], exact: false };

    #[test]
    fn gradients() {
        // One that the kernels do not serve, and one that they do.
        for (size, channels) in [([4, 5], [3, 2]), ([8, 8], [32, 32])] {
            let x = numbers(&[4, size[0], size[1], channels[0]], 1);
            let w = numbers(&[3, 3, channels[0], channels[1]], 2).map(|v| 0.1 * v);
            GradientCheck::default().assert(&[x, w], |v| conv2d_mirrored(&v[0], &v[1], WINDOW, 1));
        }
    }

    #[test]
    fn it_equals_a_convolution_of_a_padded_picture() {
        let (x, w) = (numbers(&[2, 14, 9, 32], 1), numbers(&[3, 3, 32, 40], 2));
        let results = [true, false].map(|fused| {
            let tape = Tape::new();
            let [x, w] = [&x, &w].map(|tensor| tape.leaf(tensor.clone()));
            let y = if fused {
                conv2d_mirrored(&x, &w, WINDOW, 1)
            } else {
                conv2d(&pad_reflect(&x, Sides::all(1)), &w, WINDOW)
            };
            let loss = crate::ops::sum(&crate::ops::square(&y));
            let gradients = tape.gradients(&loss, &[&x, &w]);
            [y.into_tensor(), gradients[0].clone(), gradients[1].clone()]
        });
        for (which, (fused, composed)) in results[0].iter().zip(&results[1]).enumerate() {
            let size = composed.data().iter().fold(0.0f32, |size, v| size.max(v.abs()));
            for (a, b) in fused.data().iter().zip(composed.data()) {
                assert!((a - b).abs() < 1e-5 * size, "{which}: {a} and {b}");
            }
        }
    }
}
