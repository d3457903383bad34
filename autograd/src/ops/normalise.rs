//! Batch and instance normalisation, with a rectifier behind it.

use gobelin_kernels::cpu::norm::{self, Affine, Groups};
use gobelin_kernels::cuda::elementwise::{Map, Zip};
use gobelin_kernels::cuda::{Device, DeviceBuffer, norm as device};

use crate::ops;
use crate::tensor::Tensor;
use crate::values::expect;
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
    /// `(x - mean) / sqrt(variance + epsilon) * scale + shift`, rectified if asked for, of the shape of `x`.
    pub output: Var,
    /// The mean of each channel, `(C)` over the batch or `(N, C)` over pictures.
    pub mean: Tensor,
    /// The biased variance (divided by the count), of the mean's shape.
    pub variance: Tensor,
}

/// Normalises each channel of `x` `(N, ..., C)` to mean 0 and variance 1, then applies `scale` and `shift`, each `(C)`, and a
/// leaky rectifier of this `slope` (0 for a plain one) if there is one, as [`ops::leaky_relu`].
///
/// Derivative without the rectifier (with `x^ = (x - mean) / deviation` and means over the normalised values):
/// `dx = scale / deviation * (dy - mean(dy) - x^ mean(dy x^))`.
///
/// # Panics
/// If `scale` or `shift` is not `(C)`, `x` has fewer than two axes, or the slope is negative.
#[track_caller]
pub fn normalise(
    x: &Var,
    over: Over,
    epsilon: f32,
    scale: Option<&Var>,
    shift: Option<&Var>,
    slope: Option<f32>,
) -> Normalised {
    let (saved, mean, variance) = prepare(x, over, epsilon, scale, shift, slope);
    let y = saved.affine.of(x.tensor(), saved.groups);
    let inputs = saved.inputs(shift);
    let inputs: Vec<&Var> = inputs.iter().collect();
    let output = Var::record("normalise", y, &inputs, move |step| {
        let needs = [step.needs(0), step.needs(1), step.needs(2)];
        if step.is_final() {
            saved.fused(step.gradient, needs)
        } else {
            saved.composed(&step.gradient, needs)
        }
    });
    Normalised { output, mean, variance }
}

/// The statistics, and what going back needs: `x` normalised is [`Saved::affine`] of it.
#[track_caller]
pub(super) fn prepare(
    x: &Var,
    over: Over,
    epsilon: f32,
    scale: Option<&Var>,
    shift: Option<&Var>,
    slope: Option<f32>,
) -> (Saved, Tensor, Tensor) {
    let shape = x.shape().to_vec();
    assert!(shape.len() >= 2, "normalise: shape {shape:?}, expected (N, ..., C)");
    let channels = shape[shape.len() - 1];
    for (name, given) in [("scale", scale), ("shift", shift)] {
        let fits = given.is_none_or(|var| var.shape() == [channels]);
        assert!(fits, "normalise: {name} of shape {:?}, expected [{channels}]", given.map(Var::shape));
    }
    assert!(slope.is_none_or(|slope| slope >= 0.0), "normalise: slope {slope:?}, expected 0 or more");
    let groups = groups(&shape, over);
    let statistics = match over {
        Over::Batch => vec![channels],
        Over::Picture => vec![groups.groups, channels],
    };
    let [of_scale, of_shift] = [scale, shift].map(|var| var.map(Var::tensor));
    let inputs: Vec<&Tensor> = [Some(x.tensor()), of_scale, of_shift].into_iter().flatten().collect();
    let Measured { mean, variance, reciprocal, factor, offset } = match Tensor::common_device(&inputs) {
        None => measure(x.tensor(), groups, &statistics, epsilon, of_scale, of_shift),
        Some(place) => measure_on(place, x.tensor(), groups, &statistics, epsilon, of_scale, of_shift),
    };
    let ones = |given: Option<&Var>| {
        given.cloned().unwrap_or_else(|| Var::constant(mean.full_beside(&[channels], 1.0)))
    };
    let affine = Rectified { factor, offset, slope };
    let saved =
        Saved { x: x.clone(), scale: ones(scale), epsilon, groups, mean: mean.clone(), reciprocal, affine };
    (saved, mean, variance)
}

/// The statistics of each channel and what follows from them, all of one shape.
struct Measured {
    mean: Tensor,
    variance: Tensor,
    /// `1 / sqrt(variance + epsilon)`
    reciprocal: Tensor,
    /// `(x - mean) * reciprocal * scale + shift` as one product and one sum for each value.
    factor: Tensor,
    offset: Tensor,
}

fn measure(
    x: &Tensor,
    groups: Groups,
    statistics: &[usize],
    epsilon: f32,
    scale: Option<&Tensor>,
    shift: Option<&Tensor>,
) -> Measured {
    let (mut mean, mut variance) = (Tensor::zeros(statistics), Tensor::zeros(statistics));
    norm::moments(x.data(), groups, mean.data_mut(), variance.data_mut());
    let reciprocal = variance.map(move |v| 1.0 / (v + epsilon).sqrt());
    let of = |given: Option<&Tensor>, index: usize| given.map(|t| t.data()[index % groups.channels]);
    let factor = Tensor::build(statistics, |out| {
        for (i, out) in out.iter_mut().enumerate() {
            *out = reciprocal.data()[i] * of(scale, i).unwrap_or(1.0);
        }
    });
    let offset = Tensor::build(statistics, |out| {
        for (i, out) in out.iter_mut().enumerate() {
            *out = of(shift, i).unwrap_or(0.0) - mean.data()[i] * factor.data()[i];
        }
    });
    Measured { mean, variance, reciprocal, factor, offset }
}

/// [`measure`] on a device, where nothing is read.
fn measure_on(
    place: &Device,
    x: &Tensor,
    groups: Groups,
    statistics: &[usize],
    epsilon: f32,
    scale: Option<&Tensor>,
    shift: Option<&Tensor>,
) -> Measured {
    let [mut mean, mut variance] = buffers(place, statistics);
    expect(device::moments(x.buffer(place), groups, &mut mean, &mut variance));
    let [scale, shift] = [scale, shift].map(|given| given.map(|given| given.buffer(place)));
    let device::Affine { reciprocal, factor, offset } =
        expect(device::affine_of_statistics(&mean, &variance, groups, epsilon, scale, shift));
    let [mean, variance, reciprocal, factor, offset] =
        [mean, variance, reciprocal, factor, offset].map(|values| Tensor::from_device(statistics, values));
    Measured { mean, variance, reciprocal, factor, offset }
}

fn buffers(place: &Device, shape: &[usize]) -> [DeviceBuffer; 2] {
    [(); 2].map(|()| expect(DeviceBuffer::new(place, shape.iter().product())))
}

pub(super) struct Saved {
    pub(super) x: Var,
    scale: Var,
    epsilon: f32,
    groups: Groups,
    mean: Tensor,
    reciprocal: Tensor,
    pub(super) affine: Rectified,
}

/// The forward pass once the statistics are known: `rectified(x * factor + offset)`.
pub(super) struct Rectified {
    factor: Tensor,
    offset: Tensor,
    slope: norm::Slope,
}

impl Rectified {
    fn of(&self, x: &Tensor, groups: Groups) -> Tensor {
        let linear = Tensor::compute(
            x.shape(),
            [x, &self.factor, &self.offset],
            |[x, ..], y| norm::affine(x, groups, self.view(), y),
            |[x, factor, offset], y| device::affine(x, groups, factor, offset, y),
        );
        match self.slope {
            Some(slope) if linear.device().is_some() => {
                linear.map_into_as(Map::LeakyRelu(slope), move |v| if v > 0.0 { v } else { slope * v })
            }
            _ => linear,
        }
    }

    pub(super) fn view(&self) -> Affine<'_> {
        Affine { scale: self.factor.data(), shift: self.offset.data(), slope: self.slope }
    }
}

impl Saved {
    /// The inputs of the op: a scale and a shift that are not given are constants.
    pub(super) fn inputs(&self, shift: Option<&Var>) -> [Var; 3] {
        let zeros = || Var::constant(self.mean.full_beside(&[self.groups.channels], 0.0));
        [self.x.clone(), self.scale.clone(), shift.cloned().unwrap_or_else(zeros)]
    }

    /// All three gradients in two passes over memory.
    fn fused(&self, gradient: Var, needs: [bool; 3]) -> Vec<Option<Var>> {
        if let Some(place) = self.mean.device() {
            return self.fused_on(place, gradient.into_tensor(), needs);
        }
        let (x, groups) = (self.x.tensor().data(), self.groups);
        let mut gradient = gradient.into_tensor();
        let sums = self.sums(x, gradient.data(), groups);
        let [for_scale, for_shift] = self.of_parameters(&sums, needs);
        let for_x = needs[0].then(|| {
            let [slope, offset] = self.coefficients(&sums);
            let affine = self.affine.view();
            norm::input_gradient(x, gradient.data_mut(), groups, affine, slope.data(), offset.data());
            gradient.into()
        });
        vec![for_x, for_scale, for_shift]
    }

    /// For each statistic the sum of the gradients of these values, and that of their products with the values.
    pub(super) fn sums(&self, x: &[f32], dy: &[f32], groups: Groups) -> [Tensor; 2] {
        let [mut sums, mut products] = [(); 2].map(|()| Tensor::zeros(self.mean.shape()));
        let (mean, affine) = (self.mean.data(), self.affine.view());
        norm::gradient_sums(x, dy, groups, mean, affine, sums.data_mut(), products.data_mut());
        [sums, products]
    }

    /// The gradients of the scale and the shift.
    pub(super) fn of_parameters(&self, [sums, products]: &[Tensor; 2], needs: [bool; 3]) -> [Option<Var>; 2] {
        let Groups { groups, channels, .. } = self.groups;
        let over_groups = |value: &dyn Fn(usize) -> f32| -> Var {
            let mut total = Tensor::zeros(&[channels]);
            for (i, total) in total.data_mut().iter_mut().enumerate() {
                *total = (0..groups).map(|g| f64::from(value(g * channels + i))).sum::<f64>() as f32;
            }
            total.into()
        };
        let reciprocal = self.reciprocal.data();
        [
            needs[1].then(|| over_groups(&|i| products.data()[i] * reciprocal[i])),
            needs[2].then(|| over_groups(&|i| sums.data()[i])),
        ]
    }

    /// What each value and 1 are multiplied by in the gradient of the input.
    pub(super) fn coefficients(&self, [sums, products]: &[Tensor; 2]) -> [Tensor; 2] {
        let rows = self.groups.rows as f32;
        let (mean, reciprocal, factor) =
            (self.mean.data(), self.reciprocal.data(), self.affine.factor.data());
        let per_statistic = |value: &dyn Fn(usize) -> f32| {
            Tensor::build(self.mean.shape(), |out| {
                out.iter_mut().enumerate().for_each(|(i, out)| *out = value(i));
            })
        };
        let slope =
            per_statistic(&|i| -factor[i] * reciprocal[i] * reciprocal[i] * products.data()[i] / rows);
        let offset = per_statistic(&|i| -factor[i] * sums.data()[i] / rows - slope.data()[i] * mean[i]);
        [slope, offset]
    }

    /// The same on a device, where nothing is read.
    fn fused_on(
        &self,
        place: &Device,
        mut gradient: Tensor,
        [needs_x, needs_scale, needs_shift]: [bool; 3],
    ) -> Vec<Option<Var>> {
        let (x, groups) = (self.x.tensor().buffer(place), self.groups);
        if let Some(slope) = self.affine.slope {
            let value = self.linear();
            let pass = move |g: f32, v: f32| if v > 0.0 { g } else { slope * g };
            gradient = gradient.zip_into_as(&value, Zip::LeakyReluGradient(slope), pass);
        }
        let [mean, reciprocal, scale] =
            [&self.mean, &self.reciprocal, self.scale.tensor()].map(|tensor| tensor.buffer(place));
        let [mut sums, mut products] = buffers(place, self.mean.shape());
        let dy = gradient.buffer(place);
        expect(device::gradient_sums(x, dy, groups, mean, &mut sums, &mut products));
        let layer = (needs_scale || needs_shift).then(|| {
            let [mut for_scale, mut for_shift] = buffers(place, &[groups.channels]);
            let sums = [reciprocal, &sums, &products];
            expect(device::parameter_gradients(sums, groups, &mut for_scale, &mut for_shift));
            [for_scale, for_shift].map(|values| Var::from(Tensor::from_device(&[groups.channels], values)))
        });
        let (for_scale, for_shift) = layer.map(|[scale, shift]| (scale, shift)).unzip();
        let for_x = needs_x.then(|| {
            let statistics = [mean, reciprocal, &sums, &products];
            let [factor, slope, offset] =
                expect(device::gradient_of_statistics(statistics, groups, Some(scale)));
            let coefficients = [&factor, &slope, &offset];
            expect(device::input_gradient(x, gradient.buffer_mut(place), groups, coefficients));
            gradient.into()
        });
        vec![for_x, for_scale.filter(|_| needs_scale), for_shift.filter(|_| needs_shift)]
    }

    /// What the rectifier is given.
    fn linear(&self) -> Tensor {
        let Rectified { factor, offset, .. } = &self.affine;
        let linear = Rectified { factor: factor.clone(), offset: offset.clone(), slope: None };
        linear.of(self.x.tensor(), self.groups)
    }

    /// The same from ops that have derivatives, statistics included.
    pub(super) fn composed(
        &self,
        gradient: &Var,
        [needs_x, needs_scale, needs_shift]: [bool; 3],
    ) -> Vec<Option<Var>> {
        let Groups { groups, rows, channels } = self.groups;
        let grouped = [groups, rows, channels];
        let x = ops::reshape(&self.x, &grouped);
        let gradient = ops::reshape(&self.passed(gradient), &grouped);
        let centred = ops::sub(&x, &ops::mean_axes(&x, &[1]));
        let variance = ops::mean_axes(&ops::square(&centred), &[1]);
        let reciprocal = ops::reciprocal_or_zero(&ops::sqrt(&ops::add_scalar(&variance, self.epsilon)));
        let standard = ops::mul(&centred, &reciprocal);
        let for_x = || {
            let scaled = ops::mul(&gradient, &self.scale);
            let along = ops::mean_axes(&ops::mul(&scaled, &standard), &[1]);
            let level = ops::mean_axes(&scaled, &[1]);
            let centred = ops::sub(&ops::sub(&scaled, &level), &ops::mul(&standard, &along));
            ops::reshape(&ops::mul(&centred, &reciprocal), self.x.shape())
        };
        let for_scale =
            || ops::reshape(&ops::sum_axes(&ops::mul(&gradient, &standard), &[0, 1]), &[channels]);
        let for_shift = || ops::reshape(&ops::sum_axes(&gradient, &[0, 1]), &[channels]);
        vec![needs_x.then(for_x), needs_scale.then(for_scale), needs_shift.then(for_shift)]
    }

    /// The gradient in front of the rectifier.
    fn passed(&self, gradient: &Var) -> Var {
        let Some(slope) = self.affine.slope else { return gradient.clone() };
        let slopes =
            self.linear().map_into_as(Map::LeakySlope(slope), move |v| if v > 0.0 { 1.0 } else { slope });
        ops::mul(gradient, &slopes.into())
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
    use crate::tape::Tape;

    #[test]
    fn values_have_mean_shift_and_deviation_scale() {
        let x = numbers(&[4, 3, 3, 2], 1).map(|v| 3.0 * v + 7.0);
        let (scale, shift) = (Tensor::new(&[2], [2.0, 0.5]), Tensor::new(&[2], [1.0, -1.0]));
        let y = normalise(&x.into(), Over::Batch, 0.0, Some(&scale.into()), Some(&shift.into()), None).output;
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
            let inputs = [numbers(&[4, 2, 3, 2], 1), numbers(&[2], 2), numbers(&[2], 3)];
            GradientCheck::default()
                .assert(&inputs, |v| normalise(&v[0], over, 1e-3, Some(&v[1]), Some(&v[2]), None).output);
            GradientCheck::default()
                .assert(&inputs[..1], |v| normalise(&v[0], over, 1e-3, None, None, None).output);
            // Small steps, since kinks lie where the output is 0.
            GradientCheck::default().with_step(2e-3).with_tolerance(2e-2).assert(&inputs, |v| {
                normalise(&v[0], over, 1e-3, Some(&v[1]), Some(&v[2]), Some(0.2)).output
            });
        }
    }

    /// Wide and narrow panels of channels, several blocks; values and gradients to the bit.
    #[test]
    fn a_rectifier_behind_is_the_op_it_stands_for() {
        for (shape, slope) in [([3, 20, 30, 45], 0.0), ([2, 5, 4, 7], 0.2), ([4, 3, 3, 64], 0.1)] {
            let inputs = [numbers(&shape, 1), numbers(&shape[3..], 2), numbers(&shape[3..], 3)];
            for over in [Over::Batch, Over::Picture] {
                let run = |slope: Option<f32>, behind: &dyn Fn(&Var) -> Var| {
                    let tape = Tape::new();
                    let v: Vec<Var> = inputs.iter().map(|input| tape.leaf(input.clone())).collect();
                    let y = normalise(&v[0], over, 1e-5, Some(&v[1]), Some(&v[2]), slope).output;
                    let y = behind(&y);
                    let loss = ops::sum(&ops::square(&y));
                    let mut found = tape.gradients(&loss, &v.iter().collect::<Vec<_>>());
                    found.push(y.into_tensor());
                    found
                };
                let fused = run(Some(slope), &Var::clone);
                let composed = run(None, &|y| ops::leaky_relu(y, slope));
                for (fused, composed) in fused.iter().zip(&composed) {
                    assert_eq!(fused.data(), composed.data(), "{shape:?} {over:?}");
                }
            }
        }
    }
}
