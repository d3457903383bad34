//! Norms of gradients, and limits on gradients and weights.

use gobelin_kernels::cpu::optimiser as kernel;
use gobelin_kernels::cuda::elementwise::Map;
use gobelin_kernels::cuda::optimiser::square_sums as square_sums_on;

use crate::figures::Figure;
use crate::ops;
use crate::parameter::Parameter;
use crate::tensor::Tensor;

/// The Euclidean norm of each gradient: what a run that blew up prints.
pub fn norms(gradients: &[Tensor]) -> Vec<f64> {
    square_sums(gradients).into_iter().map(f64::sqrt).collect()
}

/// The Euclidean norm of all gradients as one vector, added up in `f64` in their order.
pub fn global_norm(gradients: &[Tensor]) -> f64 {
    square_sums(gradients).into_iter().sum::<f64>().sqrt()
}

/// As [`global_norm`], on its way to the host; of gradients on a device in single precision.
pub fn norm_figure(gradients: &[Tensor]) -> Figure {
    match square_sums_beside(gradients) {
        Some(squares) => (&ops::sqrt(&ops::sum(&squares.into()))).into(),
        None => Figure::Known(global_norm(gradients)),
    }
}

/// The sum of the squares of each tensor; those of a device in single precision.
fn square_sums(tensors: &[Tensor]) -> Vec<f64> {
    if let Some(sums) = square_sums_beside(tensors) {
        return sums.data().iter().copied().map(f64::from).collect();
    }
    tensors.iter().map(|tensor| kernel::square_sum(tensor.data())).collect()
}

/// The sum of the squares of each tensor, `(tensors)`, on the device where the first of them lies; not read.
pub(super) fn square_sums_beside(tensors: &[Tensor]) -> Option<Tensor> {
    let place = tensors.first()?.device()?;
    let buffers: Vec<_> = tensors.iter().map(|tensor| tensor.buffer(place)).collect();
    Some(Tensor::build_on(place, &[tensors.len()], |out| square_sums_on(&buffers, out)))
}

/// Each value of a tensor through a function that a device knows by `name`, in place.
fn each(tensor: &mut Tensor, name: Map, function: impl Fn(f32) -> f32 + Sync) {
    let values = std::mem::replace(tensor, Tensor::scalar(0.0));
    *tensor = values.map_into_as(name, function);
}

/// Scales all gradients by one factor so that their global norm is at most `limit`, and returns the norm they had
/// (Pascanu, Mikolov and Bengio, "On the difficulty of training recurrent neural networks", 2013, algorithm 1).
///
/// As in PyTorch, the factor is `limit / (norm + 1e-6)` where that is below 1. A norm that is not finite leaves
/// gradients that are not.
///
/// # Panics
/// If the limit is negative or NaN.
#[track_caller]
pub fn clip_norm(gradients: &mut [Tensor], limit: f64) -> f64 {
    assert!(limit >= 0.0, "clip_norm: limit {limit}, expected at least 0");
    let norm = global_norm(gradients);
    let factor = limit / (norm + 1e-6);
    if factor < 1.0 || factor.is_nan() {
        let factor = factor as f32;
        for gradient in gradients {
            each(gradient, Map::Scale(factor), |value| value * factor);
        }
    }
    norm
}

/// Limits each value of each gradient to `[-limit, limit]`; NaN stays.
///
/// # Panics
/// If the limit is negative or NaN.
#[track_caller]
pub fn clip_values(gradients: &mut [Tensor], limit: f32) {
    assert!(limit >= 0.0, "clip_values: limit {limit}, expected at least 0");
    for gradient in gradients {
        each(gradient, Map::Clamp(-limit, limit), |value| value.clamp(-limit, limit));
    }
}

/// Limits each weight to `[-limit, limit]`, in place; NaN stays. Done after every step of a critic, it bounds the
/// critic's slope (Arjovsky, Chintala and Bottou, "Wasserstein GAN", 2017, algorithm 1, line 7).
///
/// # Panics
/// If the limit is negative or NaN.
#[track_caller]
pub fn clip_weights<'a>(parameters: impl IntoIterator<Item = &'a Parameter>, limit: f32) {
    assert!(limit >= 0.0, "clip_weights: limit {limit}, expected at least 0");
    for parameter in parameters {
        parameter.change(|values| {
            each(values, Map::Clamp(-limit, limit), |value| value.clamp(-limit, limit));
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_global_norm_is_that_of_one_vector() {
        let mut gradients = [Tensor::new(&[2], [3.0, 0.0]), Tensor::new(&[1, 1], [-4.0])];
        assert_eq!((norms(&gradients), global_norm(&gradients)), (vec![3.0, 4.0], 5.0));
        assert_eq!(clip_norm(&mut gradients, 6.0), 5.0);
        assert_eq!(gradients[0].data(), [3.0, 0.0]);
        assert_eq!(clip_norm(&mut gradients, 0.5), 5.0);
        assert!((global_norm(&gradients) - 0.5).abs() < 1e-6);
        assert!((gradients[1].item() + 0.4).abs() < 1e-6);
    }

    #[test]
    fn gradients_that_are_not_finite_stay_so() {
        for bad in [f32::NAN, f32::INFINITY] {
            let mut gradients = [Tensor::new(&[2], [1.0, bad]), Tensor::new(&[1], [2.0])];
            assert!(!clip_norm(&mut gradients, 1.0).is_finite());
            assert!(gradients[0].data()[1].is_nan());
        }
        let mut gradients = [Tensor::new(&[3], [f32::NAN, -7.0, 0.5])];
        clip_values(&mut gradients, 2.0);
        assert!(gradients[0].data()[0].is_nan());
        assert_eq!(gradients[0].data()[1..], [-2.0, 0.5]);
    }

    #[test]
    fn weights_are_clipped_in_place() {
        let weight = Parameter::new(Tensor::new(&[4], [-1.0, -0.005, 0.01, 5.0]));
        clip_weights([&weight], 0.01);
        assert_eq!(weight.value().data(), [-0.01, -0.005, 0.01, 0.01]);
    }
}
