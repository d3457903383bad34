//! What the tests of the losses share.

use gobelin_autograd::{Tensor, random};

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
