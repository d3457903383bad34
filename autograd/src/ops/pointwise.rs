//! Several 1x1 convolutions of one picture: what the branches of an inception begin with.

use gobelin_kernels::Buffer;
use gobelin_kernels::cpu::conv::pointwise as kernels;

use super::conv2d::Window;
use crate::ops;
use crate::profile;
use crate::tensor::Tensor;
use crate::var::Var;

/// `conv2d` of `x` `(N, H, W, I)` with each of `weights` `(1, 1, I, O)`, which may differ in `O`; the same, but `x` is read once, its
/// gradient is one sum of products, and what is packed for the gradient of one filter serves all.
///
/// # Panics
/// If the shapes do not fit, or there are no weights.
#[track_caller]
pub fn pointwise(x: &Var, weights: &[&Var], exact: bool) -> Vec<Var> {
    let window = Window { exact, ..Window::square(1, 1, 0) };
    let shape = x.shape().to_vec();
    assert!(!weights.is_empty() && shape.len() == 4, "pointwise: {} weights of {shape:?}", weights.len());
    for weight in weights {
        let fits = weight.shape().len() == 4 && weight.shape()[..3] == [1, 1, shape[3]];
        assert!(fits, "pointwise: a picture of {shape:?} and weights of {:?}", weight.shape());
    }
    let inputs: Vec<&Var> = [x].into_iter().chain(weights.iter().copied()).collect();
    let tensors: Vec<&Tensor> = inputs.iter().map(|input| input.tensor()).collect();
    let is_host = Tensor::common_device(&tensors).is_none();
    let ys: Vec<Tensor> = if is_host {
        let shapes: Vec<_> =
            weights.iter().map(|weight| [&shape[..3], &weight.shape()[3..]].concat()).collect();
        count(x.tensor(), &tensors[1..]);
        build(&shapes, |ys| kernels::forward(shape[3], x.tensor().data(), &data(&tensors[1..]), ys))
    } else {
        let one = |weight: &&Var| ops::conv2d(&x.detach(), &weight.detach(), window).into_tensor();
        weights.iter().map(one).collect()
    };
    let (x, weights): (Var, Vec<Var>) = (x.clone(), weights.iter().copied().cloned().collect());
    Var::record_many("pointwise", ys, &inputs, move |step| {
        let here: Vec<usize> = (0..weights.len()).filter(|&index| step.gradient[index].is_some()).collect();
        let dys: Vec<&Var> = step.gradient.iter().flatten().collect();
        let filters: Vec<&Var> = here.iter().map(|&index| &weights[index]).collect();
        let fused = step.is_final() && is_host;
        let size = [shape[1], shape[2]];
        let for_x = step.needs(0).then(|| {
            if fused {
                return input_gradient(&shape, &dys, &filters);
            }
            let parts = dys.iter().zip(&filters);
            let parts = parts.map(|(dy, weight)| ops::conv2d_input_gradient(dy, weight, window, size));
            parts.reduce(|sum, part| ops::add(&sum, &part)).expect("an output with a gradient")
        });
        let mut gradients = vec![None; weights.len() + 1];
        gradients[0] = for_x;
        let (wanted, dys): (Vec<usize>, Vec<&Var>) =
            here.iter().zip(dys).filter(|(index, _)| step.needs(*index + 1)).unzip();
        let found = if fused {
            weight_gradients(&x, &dys)
        } else {
            dys.iter().map(|dy| ops::conv2d_weight_gradient(&x, dy, window)).collect()
        };
        for (index, gradient) in wanted.into_iter().zip(found) {
            gradients[index + 1] = Some(gradient);
        }
        gradients
    })
}

fn data<'a>(tensors: &[&'a Tensor]) -> Vec<&'a [f32]> {
    tensors.iter().map(|tensor| tensor.data()).collect()
}

fn tensors<'a>(vars: &[&'a Var]) -> Vec<&'a Tensor> {
    vars.iter().map(|var| var.tensor()).collect()
}

/// Tensors of these shapes, which `fill` writes whole.
fn build(shapes: &[Vec<usize>], fill: impl FnOnce(&mut [&mut [f32]])) -> Vec<Tensor> {
    let mut buffers: Vec<Buffer> = shapes.iter().map(|shape| Buffer::new(shape.iter().product())).collect();
    fill(&mut buffers.iter_mut().map(|buffer| &mut **buffer).collect::<Vec<_>>());
    shapes.iter().zip(buffers).map(|(shape, buffer)| Tensor::from_buffer(shape, buffer)).collect()
}

/// Counts the operations of products of pictures with several filters, or gradients.
fn count(x: &Tensor, others: &[&Tensor]) {
    let pixels = x.len() / x.shape()[3];
    let channels: usize = others.iter().map(|other| other.shape()[3]).sum();
    profile::count(2 * pixels * x.shape()[3] * channels);
}

fn input_gradient(shape: &[usize], dys: &[&Var], filters: &[&Var]) -> Var {
    let (dys, filters) = (tensors(dys), tensors(filters));
    let dx = Tensor::build(shape, |dx| kernels::input_gradient(shape[3], &data(&dys), &data(&filters), dx));
    count(&dx, &dys);
    let inputs: Vec<&[usize]> = dys.iter().map(|dy| dy.shape()).collect();
    profile::charge("pointwise_input_gradient", inputs.into_iter(), shape);
    dx.into()
}

fn weight_gradients(x: &Var, dys: &[&Var]) -> Vec<Var> {
    if dys.is_empty() {
        return Vec::new();
    }
    let (x, dys) = (x.tensor(), tensors(dys));
    let channels = x.shape()[3];
    let shapes: Vec<_> = dys.iter().map(|dy| vec![1, 1, channels, dy.shape()[3]]).collect();
    let dws = build(&shapes, |dws| kernels::weight_gradient(channels, x.data(), &data(&dys), dws));
    count(x, &dys);
    let inputs: Vec<&[usize]> = dys.iter().map(|dy| dy.shape()).collect();
    profile::charge("pointwise_weight_gradient", inputs.into_iter(), x.shape());
    dws.into_iter().map(Var::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::GradientCheck;
    use crate::ops::testing::{assert_same_on_a_card, assert_threads_change_nothing, numbers};
    use crate::tape::Tape;

    fn inputs() -> [Tensor; 4] {
        let weight = |channels: usize| numbers(&[1, 1, 5, channels], channels as u64);
        [numbers(&[2, 3, 4, 5], 1), weight(3), weight(17), weight(2)]
    }

    /// A sum in which each output has a part of its own.
    fn all(ys: &[Var]) -> Var {
        let parts = ys.iter().map(|y| ops::sum(&ops::mul(&ops::square(y), &numbers(y.shape(), 9).into())));
        parts.reduce(|sum, part| ops::add(&sum, &part)).expect("an output")
    }

    #[test]
    fn gradients() {
        GradientCheck::default().assert(&inputs(), |v| all(&pointwise(&v[0], &[&v[1], &v[2], &v[3]], false)));
    }

    #[test]
    fn it_is_the_same_on_a_card() {
        assert_same_on_a_card(&inputs(), |v| all(&pointwise(&v[0], &[&v[1], &v[2], &v[3]], false)));
    }

    #[test]
    fn threads_do_not_change_a_bit() {
        let weight = |channels: usize| numbers(&[1, 1, 200, channels], channels as u64);
        let inputs = [numbers(&[4, 12, 12, 200], 1), weight(64), weight(96), weight(16)];
        assert_threads_change_nothing(&inputs, |v| all(&pointwise(&v[0], &[&v[1], &v[2], &v[3]], false)));
    }

    #[test]
    fn it_is_each_convolution_also_where_an_output_is_not_used() {
        let run = |function: &dyn Fn(&[Var]) -> Vec<Var>, used: &[usize]| {
            let tape = Tape::new();
            let v: Vec<Var> = inputs().into_iter().map(|input| tape.leaf(input)).collect();
            let ys = function(&v);
            let loss = all(&used.iter().map(|&index| ys[index].clone()).collect::<Vec<_>>());
            tape.gradients(&loss, &v.iter().collect::<Vec<_>>())
        };
        for used in [&[0, 1, 2][..], &[1], &[2, 0]] {
            let fused = run(&|v| pointwise(&v[0], &[&v[1], &v[2], &v[3]], false), used);
            let each = run(
                &|v| v[1..].iter().map(|w| ops::conv2d(&v[0], w, Window::square(1, 1, 0))).collect(),
                used,
            );
            for (fused, each) in fused.iter().zip(&each) {
                assert_eq!(fused.shape(), each.shape());
                for (fused, each) in fused.data().iter().zip(each.data()) {
                    assert!((fused - each).abs() <= 1e-5 * each.abs().max(1.0), "{fused}, not {each}");
                }
            }
        }
    }

    /// An output that is asked for keeps its gradient, and the op may be gone through for one of its outputs alone.
    #[test]
    fn the_gradient_of_an_output_is_there_too() {
        let tape = Tape::new();
        let v: Vec<Var> = inputs().into_iter().map(|input| tape.leaf(input)).collect();
        let ys = pointwise(&v[0], &[&v[1], &v[2]], false);
        let found = tape.gradients(&ops::sum(&ops::square(&ys[0])), &[&ys[0], &ys[1], &v[1], &v[2]]);
        let twice = ops::scale(&ys[0].detach(), 2.0);
        assert_eq!(found[0].data(), twice.tensor().data());
        assert!(found[1].data().iter().chain(found[3].data()).all(|&value| value == 0.0));
        assert!(found[2].data().iter().any(|&value| value != 0.0));
    }
}
