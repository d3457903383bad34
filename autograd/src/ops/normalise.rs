//! Batch and instance normalisation.

use gobelin_kernels::cpu::norm::{self, Groups};

use crate::ops;
use crate::tensor::Tensor;
use crate::var::Var;

/// Over what a channel's mean and variance are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Over {
    /// The whole batch: batch normalisation (Ioffe and Szegedy 2015).
    Batch,
    /// Each picture alone: instance normalisation (Ulyanov et al. 2016).
    Picture,
}

/// A normalised tensor and what it was normalised with.
pub struct Normalised {
    /// `(x - mean) / sqrt(variance + epsilon) * scale + shift`, of the shape of `x`.
    pub output: Var,
    /// The mean of each channel, `(C)` over the batch or `(N, C)` over pictures.
    pub mean: Tensor,
    /// The biased variance (divided by the count), of the mean's shape.
    pub variance: Tensor,
}

/// Normalises each channel of `x` `(N, ..., C)` to mean 0 and variance 1, then applies `scale` and `shift`, each `(C)`.
///
/// Derivative (with `x^ = (x - mean) / deviation` and means over the normalised values):
/// `dx = scale / deviation * (dy - mean(dy) - x^ mean(dy x^))`.
///
/// # Panics
/// If `scale` or `shift` is not `(C)`, or `x` has fewer than two axes.
#[track_caller]
pub fn normalise(x: &Var, over: Over, epsilon: f32, scale: Option<&Var>, shift: Option<&Var>) -> Normalised {
    let shape = x.shape().to_vec();
    assert!(shape.len() >= 2, "normalise: shape {shape:?}, expected (N, ..., C)");
    let channels = shape[shape.len() - 1];
    for (name, given) in [("scale", scale), ("shift", shift)] {
        let fits = given.is_none_or(|var| var.shape() == [channels]);
        assert!(fits, "normalise: {name} of shape {:?}, expected [{channels}]", given.map(Var::shape));
    }
    let groups = groups(&shape, over);
    let statistics = match over {
        Over::Batch => vec![channels],
        Over::Picture => vec![shape[0], channels],
    };
    let (mut mean, mut variance) = (Tensor::zeros(&statistics), Tensor::zeros(&statistics));
    norm::moments(x.tensor().data(), groups, mean.data_mut(), variance.data_mut());
    let reciprocal = variance.map(move |v| 1.0 / (v + epsilon).sqrt());
    // (x - mean) * r * scale + shift as one product and one sum for each value.
    let of = |var: Option<&Var>, index: usize| var.map(|var| var.tensor().data()[index % channels]);
    let factor = Tensor::build(&statistics, |out| {
        for (i, out) in out.iter_mut().enumerate() {
            *out = reciprocal.data()[i] * of(scale, i).unwrap_or(1.0);
        }
    });
    let offset = Tensor::build(&statistics, |out| {
        for (i, out) in out.iter_mut().enumerate() {
            *out = of(shift, i).unwrap_or(0.0) - mean.data()[i] * factor.data()[i];
        }
    });
    let y =
        Tensor::build(&shape, |y| norm::affine(x.tensor().data(), groups, factor.data(), offset.data(), y));

    let one = Var::constant(Tensor::ones(&[channels]));
    let zero = Var::constant(Tensor::zeros(&[channels]));
    let (scale, shift) = (scale.unwrap_or(&one).clone(), shift.unwrap_or(&zero).clone());
    let saved =
        Saved { x: x.clone(), scale: scale.clone(), over, epsilon, groups, mean: mean.clone(), reciprocal };
    let output = Var::record("normalise", y, &[x, &scale, &shift], move |step| {
        let needs = [step.needs(0), step.needs(1), step.needs(2)];
        if step.is_final() {
            saved.fused(step.gradient, needs)
        } else {
            saved.composed(&step.gradient, needs)
        }
    });
    Normalised { output, mean, variance }
}

struct Saved {
    x: Var,
    scale: Var,
    over: Over,
    epsilon: f32,
    groups: Groups,
    mean: Tensor,
    reciprocal: Tensor,
}

impl Saved {
    /// All three gradients in two passes over memory.
    fn fused(&self, gradient: Var, [needs_x, needs_scale, needs_shift]: [bool; 3]) -> Vec<Option<Var>> {
        let (x, groups) = (self.x.tensor().data(), self.groups);
        let (channels, rows) = (groups.channels, groups.rows as f32);
        let mut sums = Tensor::zeros(self.mean.shape());
        let mut products = Tensor::zeros(self.mean.shape());
        let mut gradient = gradient.into_tensor();
        norm::gradient_sums(
            x,
            gradient.data(),
            groups,
            self.mean.data(),
            sums.data_mut(),
            products.data_mut(),
        );
        let (mean, reciprocal, scale) =
            (self.mean.data(), self.reciprocal.data(), self.scale.tensor().data());
        let over_groups = |value: &dyn Fn(usize) -> f32| -> Var {
            let mut total = Tensor::zeros(&[channels]);
            for (i, total) in total.data_mut().iter_mut().enumerate() {
                *total = (0..groups.groups).map(|g| f64::from(value(g * channels + i))).sum::<f64>() as f32;
            }
            total.into()
        };
        let for_scale = needs_scale.then(|| over_groups(&|i| products.data()[i] * reciprocal[i]));
        let for_shift = needs_shift.then(|| over_groups(&|i| sums.data()[i]));
        let for_x = needs_x.then(|| {
            let per_statistic = |value: &dyn Fn(usize) -> f32| {
                Tensor::build(self.mean.shape(), |out| {
                    out.iter_mut().enumerate().for_each(|(i, out)| *out = value(i));
                })
            };
            let factor = per_statistic(&|i| scale[i % channels] * reciprocal[i]);
            let slope = per_statistic(&|i| {
                -factor.data()[i] * reciprocal[i] * reciprocal[i] * products.data()[i] / rows
            });
            let offset =
                per_statistic(&|i| -factor.data()[i] * sums.data()[i] / rows - slope.data()[i] * mean[i]);
            norm::input_gradient(x, gradient.data_mut(), groups, factor.data(), slope.data(), offset.data());
            gradient.into()
        });
        vec![for_x, for_scale, for_shift]
    }

    /// The same from ops that have derivatives, statistics included.
    fn composed(&self, gradient: &Var, [needs_x, needs_scale, needs_shift]: [bool; 3]) -> Vec<Option<Var>> {
        let rank = self.x.shape().len();
        let axes: Vec<usize> = match self.over {
            Over::Batch => (0..rank - 1).collect(),
            Over::Picture => (1..rank - 1).collect(),
        };
        let every: Vec<usize> = (0..rank - 1).collect();
        let centred = ops::sub(&self.x, &ops::mean_axes(&self.x, &axes));
        let variance = ops::mean_axes(&ops::square(&centred), &axes);
        let reciprocal = ops::reciprocal_or_zero(&ops::sqrt(&ops::add_scalar(&variance, self.epsilon)));
        let standard = ops::mul(&centred, &reciprocal);
        let channels = [self.groups.channels];
        let for_x = || {
            let scaled = ops::mul(gradient, &self.scale);
            let along = ops::mean_axes(&ops::mul(&scaled, &standard), &axes);
            let level = ops::mean_axes(&scaled, &axes);
            ops::mul(&ops::sub(&ops::sub(&scaled, &level), &ops::mul(&standard, &along)), &reciprocal)
        };
        let for_scale = || ops::reshape(&ops::sum_axes(&ops::mul(gradient, &standard), &every), &channels);
        let for_shift = || ops::reshape(&ops::sum_axes(gradient, &every), &channels);
        vec![needs_x.then(for_x), needs_scale.then(for_scale), needs_shift.then(for_shift)]
    }
}

fn groups(shape: &[usize], over: Over) -> Groups {
    let channels = shape[shape.len() - 1];
    let rows: usize = shape[..shape.len() - 1].iter().product();
    match over {
        Over::Batch => Groups { groups: 1, rows, channels },
        Over::Picture => Groups { groups: shape[0], rows: rows / shape[0].max(1), channels },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::GradientCheck;
    use crate::ops::testing::numbers;

    #[test]
    fn values_have_mean_shift_and_deviation_scale() {
        let x = numbers(&[4, 3, 3, 2], 1).map(|v| 3.0 * v + 7.0);
        let (scale, shift) = (Tensor::new(&[2], [2.0, 0.5]), Tensor::new(&[2], [1.0, -1.0]));
        let y = normalise(&x.into(), Over::Batch, 0.0, Some(&scale.into()), Some(&shift.into())).output;
        for (channel, (scale, shift)) in [(2.0, 1.0), (0.5, -1.0)].into_iter().enumerate() {
            let values: Vec<f64> =
                y.tensor().data().iter().skip(channel).step_by(2).map(|&v| f64::from(v)).collect();
            let mean = values.iter().sum::<f64>() / 36.0;
            let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / 36.0;
            assert!((mean - shift).abs() < 1e-5 && (variance.sqrt() - scale).abs() < 1e-5);
        }
    }

    #[test]
    fn gradients() {
        for over in [Over::Batch, Over::Picture] {
            let inputs = [numbers(&[3, 2, 4, 2], 1), numbers(&[2], 2), numbers(&[2], 3)];
            GradientCheck::default()
                .assert(&inputs, |v| normalise(&v[0], over, 1e-3, Some(&v[1]), Some(&v[2])).output);
            GradientCheck::default()
                .assert(&inputs[..1], |v| normalise(&v[0], over, 1e-3, None, None).output);
        }
    }
}
