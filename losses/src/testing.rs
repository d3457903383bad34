//! What the tests of the losses share.

use gobelin_autograd::ops::{self, Window};
use gobelin_autograd::{Tensor, Var, random};

use crate::features::Features;
use crate::reduction::Reduction;

/// Normal numbers.
pub(crate) fn numbers(shape: &[usize], stream: u64) -> Tensor {
    random::normal(shape, 0.0, 1.0, &mut random::generator(3, stream))
}

/// Normal numbers, none within 0.2 of a kink: farther than the differences of a gradient check reach.
pub(crate) fn numbers_away_from(kinks: &[f32], shape: &[usize], stream: u64) -> Tensor {
    numbers(shape, stream).map(|value| {
        let near = kinks.iter().find(|&&kink| (value - kink).abs() < 0.2);
        near.map_or(value, |&kink| if value < kink { kink - 0.2 } else { kink + 0.2 })
    })
}

pub(crate) fn reductions() -> [Reduction; 3] {
    [Reduction::Mean, Reduction::Sum, Reduction::None]
}

/// A small smooth network of two layers, `relu1_1` and behind a pooling `relu2_1`; any other name is the first.
pub(crate) fn toy_features() -> impl Features {
    |pictures: &Var, layers: &[&str]| {
        let conv = |x: &Var, stream| {
            let channels = x.shape()[3];
            let weight = numbers(&[3, 3, channels, 4], stream).map(|w| w / (3.0 * (channels as f32).sqrt()));
            ops::softplus(&ops::conv2d(x, &weight.into(), Window::square(3, 1, 1)))
        };
        let first = conv(pictures, 90);
        let second = conv(&ops::avg_pool(&first, Window::square(2, 2, 0)), 91);
        let named = |&layer: &&str| if layer == "relu2_1" { second.clone() } else { first.clone() };
        layers.iter().map(named).collect()
    }
}
