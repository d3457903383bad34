//! Where L-BFGS goes, worked out where its vectors lie.

use std::collections::VecDeque;

use gobelin_kernels::cuda::elementwise::Map;
use gobelin_kernels::cuda::reduce::{Pairs, sum_of_pairs};
use gobelin_kernels::cuda::{Device, DeviceBuffer, lbfgs};

use crate::tensor::Tensor;
use crate::values::expect;

/// A step, and how it changed the gradient.
pub(super) struct Pair {
    pub step: Tensor,
    pub change: Tensor,
    /// Their product.
    pub product: f64,
    /// The square of the change.
    pub square: f64,
}

impl Pair {
    pub fn new(step: Tensor, change: Tensor) -> Self {
        let (product, square) = (dot(&step, &change), dot(&change, &change));
        Self { step, change, product, square }
    }
}

/// A direction, and what a search along it must know.
pub(super) struct Direction {
    pub vector: Tensor,
    /// Its product with the gradient.
    pub slope: f64,
    /// The sum of the gradient's absolute values.
    pub gradient_sum: f64,
    /// The largest absolute value.
    pub largest: f64,
}

impl Direction {
    /// Minus the product of the gradient with the inverse of the Hessian, as far as past steps (the oldest first) tell of it (Nocedal
    /// and Wright 2006, algorithm 7.4).
    pub fn new(pairs: &VecDeque<Pair>, gradient: &Tensor) -> Self {
        let scale = pairs.back().map_or(1.0, |newest| newest.product / newest.square) as f32;
        if let Some(place) = gradient.device() {
            return Self::on_device(place, pairs, scale, gradient);
        }
        let vector = on_host(pairs, scale, gradient);
        Self {
            slope: dot(gradient, &vector),
            gradient_sum: sum(gradient.data(), gradient.data(), |g, _| g.abs()),
            largest: vector.data().iter().fold(0.0, |largest, x| f64::from(x.abs()).max(largest)),
            vector,
        }
    }

    fn on_device(place: &Device, pairs: &VecDeque<Pair>, scale: f32, gradient: &Tensor) -> Self {
        let there = |pair| {
            let Pair { step, change, product, .. }: &Pair = pair;
            lbfgs::Pair { step: step.buffer(place), change: change.buffer(place), product: *product }
        };
        let pairs: Vec<lbfgs::Pair> = pairs.iter().map(there).collect();
        let mut told = expect(DeviceBuffer::<f64>::new(place, 3));
        let vector = Tensor::build_on(place, gradient.shape(), |vector| {
            lbfgs::direction(gradient.buffer(place), &pairs, scale, vector, &mut told)
        });
        let mut numbers = [0.0; 3];
        expect(told.read(&mut numbers));
        let [slope, gradient_sum, largest] = numbers;
        Self { vector, slope, gradient_sum, largest }
    }
}

fn on_host(pairs: &VecDeque<Pair>, scale: f32, gradient: &Tensor) -> Tensor {
    let mut q = gradient.map_as(Map::Neg, |g| -g);
    let mut shares = Vec::with_capacity(pairs.len());
    for Pair { step, change, product, .. } in pairs.iter().rev() {
        let share = dot(step, &q) / product;
        q = q.zip_into(change, |q, change| q - share as f32 * change);
        shares.push(share);
    }
    if !pairs.is_empty() {
        q = q.map_into(|q| scale * q);
    }
    for (Pair { step, change, product, .. }, share) in pairs.iter().zip(shares.into_iter().rev()) {
        let rest = share - dot(change, &q) / product;
        q = q.zip_into(step, |q, step| q + rest as f32 * step);
    }
    q
}

/// The product of two vectors.
pub(super) fn dot(a: &Tensor, b: &Tensor) -> f64 {
    match Tensor::common_device(&[a, b]) {
        None => sum(a.data(), b.data(), |a, b| a * b),
        Some(place) => {
            let product = Tensor::build_on(place, &[], |out| {
                sum_of_pairs(a.buffer(place), b.buffer(place), Pairs::Products, 1.0, out)
            });
            f64::from(product.item())
        }
    }
}

/// Terms that are added at once: the compiler keeps as many sums side by side.
const LANES: usize = 8;

/// A sum of `f64` terms in an order that only the length decides.
fn sum(a: &[f32], b: &[f32], term: impl Fn(f64, f64) -> f64) -> f64 {
    let mut sums = [0.0; LANES];
    for (a, b) in a.chunks(LANES).zip(b.chunks(LANES)) {
        for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
            *sum += term(f64::from(*a), f64::from(*b));
        }
    }
    sums.iter().sum()
}
