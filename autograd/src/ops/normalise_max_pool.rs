//! Batch normalisation with a rectifier and the largest values of windows behind it.

use std::sync::Arc;

use gobelin_kernels::Bytes;
use gobelin_kernels::cpu::norm::{self, Chosen, Groups};

use super::conv2d::Window;
use super::normalise::{Normalised, Over, prepare};
use super::pool::{Taps, describe, put_back, small_shape};
use crate::ops;
use crate::tensor::Tensor;
use crate::var::Var;

/// [`ops::max_pool`] of what [`ops::normalise`] over the batch gives. What it gives is never written, nor its gradient; of the
/// windows, the values of `x` that were chosen are kept.
///
/// On a device it is the two ops.
///
/// # Panics
/// As the two.
#[track_caller]
pub fn normalise_max_pool(
    x: &Var,
    epsilon: f32,
    scale: Option<&Var>,
    shift: Option<&Var>,
    slope: Option<f32>,
    window: Window,
) -> Normalised {
    let pool = describe("max_pool", x.shape(), window);
    let of = [Some(x), scale, shift].into_iter().flatten().any(|var| var.tensor().device().is_some());
    if of {
        let normalised = ops::normalise(x, Over::Batch, epsilon, scale, shift, slope);
        return Normalised { output: ops::max_pool(&normalised.output, window), ..normalised };
    }
    let (saved, mean, variance) = prepare(x, Over::Batch, epsilon, scale, shift, slope);
    let shape = small_shape(&pool);
    let mut taps = Bytes::new(pool.small());
    let mut from = Tensor::build(&shape, |_| {});
    let y = Tensor::build(&shape, |y| {
        let chosen = Chosen { x: from.data_mut(), y, taps: &mut taps };
        norm::affine_maximum(&pool, x.tensor().data(), saved.affine.view(), chosen);
    });
    let taps = Arc::new(Taps::Host(taps));
    let inputs = saved.inputs(shift);
    let output = Var::record("normalise_max_pool", y, &inputs.iter().collect::<Vec<_>>(), move |step| {
        let needs = [step.needs(0), step.needs(1), step.needs(2)];
        let Taps::Host(bytes) = &*taps else { unreachable!("made on the host") };
        if !step.is_final() {
            return saved.composed(&put_back(&step.gradient, pool, Arc::clone(&taps)), needs);
        }
        let dy = step.gradient.tensor().data();
        let chosen = Groups { groups: 1, rows: dy.len() / pool.channels.max(1), channels: pool.channels };
        let sums = saved.sums(from.data(), dy, chosen);
        let [for_scale, for_shift] = saved.of_parameters(&sums, needs);
        let for_x = needs[0].then(|| {
            let [slope, offset] = saved.coefficients(&sums);
            let (x, affine) = (saved.x.tensor(), saved.affine.view());
            let given = [dy, slope.data(), offset.data()];
            Tensor::build(x.shape(), |dx| {
                norm::input_gradient_maximum(&pool, x.data(), given, bytes, affine, dx);
            })
            .into()
        });
        vec![for_x, for_scale, for_shift]
    });
    Normalised { output, mean, variance }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::GradientCheck;
    use crate::ops::testing::{assert_same_on_a_card, assert_threads_change_nothing, numbers};
    use crate::random;
    use crate::tape::Tape;

    const WINDOWS: [Window; 3] = [
        Window { kernel: [3, 3], stride: [2, 2], padding: [1, 1], exact: false },
        Window { kernel: [3, 3], stride: [1, 1], padding: [1, 1], exact: false },
        Window { kernel: [2, 1], stride: [2, 1], padding: [0, 0], exact: false },
    ];

    #[test]
    fn gradients() {
        let x = random::separated(&[2, 5, 4, 3], 0.1, &mut random::generator(1, 0));
        let inputs = [x, numbers(&[3], 2), numbers(&[3], 3)];
        for window in WINDOWS {
            GradientCheck::default().with_step(1e-3).with_tolerance(2e-2).assert(&inputs, |v| {
                let slope = Some(0.2);
                ops::square(&normalise_max_pool(&v[0], 1e-3, Some(&v[1]), Some(&v[2]), slope, window).output)
            });
        }
    }

    #[test]
    fn it_is_the_same_on_a_card() {
        let x = random::separated(&[2, 5, 4, 3], 0.1, &mut random::generator(1, 0));
        let inputs = [x, numbers(&[3], 2), numbers(&[3], 3)];
        assert_same_on_a_card(&inputs, |v| {
            normalise_max_pool(&v[0], 1e-3, Some(&v[1]), Some(&v[2]), Some(0.2), WINDOWS[0]).output
        });
    }

    #[test]
    fn threads_do_not_change_a_bit() {
        let inputs = [numbers(&[3, 40, 41, 24], 1), numbers(&[24], 2), numbers(&[24], 3)];
        for window in WINDOWS {
            assert_threads_change_nothing(&inputs, |v| {
                normalise_max_pool(&v[0], 1e-3, Some(&v[1]), Some(&v[2]), Some(0.0), window).output
            });
        }
    }

    /// Scales of either sign and 0, ties of what the rectifier cuts off, channels of whole registers and others.
    #[test]
    fn it_is_the_two_ops_it_stands_for() {
        for (channels, slope) in [(45, Some(0.0)), (7, Some(0.2)), (64, None)] {
            let mut scale = numbers(&[channels], 2);
            scale.data_mut()[1] = 0.0;
            let inputs = [numbers(&[3, 9, 12, channels], 1), scale, numbers(&[channels], 3)];
            for window in WINDOWS {
                let run = |function: &dyn Fn(&[Var], Window) -> Normalised| {
                    let tape = Tape::new();
                    let v: Vec<Var> = inputs.iter().map(|input| tape.leaf(input.clone())).collect();
                    let Normalised { output, mean, variance } = function(&v, window);
                    let loss = ops::sum(&ops::mul(&output, &numbers(output.shape(), 4).into()));
                    let gradients = tape.gradients(&loss, &v.iter().collect::<Vec<_>>());
                    (vec![output.into_tensor(), mean, variance], gradients)
                };
                let (fused, fused_gradients) = run(&|v, window| {
                    normalise_max_pool(&v[0], 1e-5, Some(&v[1]), Some(&v[2]), slope, window)
                });
                let (each, gradients) = run(&|v, window| {
                    let y = ops::normalise(&v[0], Over::Batch, 1e-5, Some(&v[1]), Some(&v[2]), slope);
                    Normalised { output: ops::max_pool(&y.output, window), ..y }
                });
                for (fused, each) in fused.iter().zip(&each) {
                    assert_eq!((fused.shape(), fused.data()), (each.shape(), each.data()), "{window:?}");
                }
                for (fused, each) in fused_gradients.iter().zip(&gradients) {
                    for (fused, each) in fused.data().iter().zip(each.data()) {
                        assert!((fused - each).abs() <= 2e-5 * each.abs().max(1.0), "{fused} {each}");
                    }
                }
            }
        }
    }
}
