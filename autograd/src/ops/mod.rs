//! The ops: one file each, with what it computes, its shapes, its derivative and its tests.
//!
//! To add one, write its file here, its kernel under `kernels/src/cpu`, and name both in the lists of modules.

mod abs;
mod arithmetic;
mod broadcast;
mod clamp;
mod concat;
mod conv2d;
mod cumulative_sum;
mod difference;
mod distance;
mod exp;
mod extreme;
mod filter;
mod frozen_conv2d;
mod gather;
mod gram;
mod l2_normalise;
mod l2_pool;
mod ln;
mod matmul;
mod maximum;
mod narrow;
mod neg;
mod normalise;
mod pad;
mod permute;
mod pick;
mod pool;
mod power;
mod reciprocal;
mod relu;
mod resample;
mod reshape;
mod resize;
mod scalar;
mod select;
mod sigmoid;
mod softmax;
mod softplus;
mod sqrt;
mod square;
mod sum;
mod tanh;
mod upsample;

pub use abs::abs;
pub use arithmetic::{add, div, mul, sub};
pub use broadcast::{broadcast_to, sum_to};
pub use clamp::clamp;
pub use concat::concat;
pub use conv2d::{Window, conv2d, conv2d_input_gradient, conv2d_weight_gradient};
pub use cumulative_sum::{cumulative_sum, cumulative_sum_reversed};
pub use difference::{mean_absolute_difference, mean_squared_difference};
pub use distance::squared_distances;
pub use exp::exp;
pub use extreme::{max_axes, min_axes};
pub use filter::filter_separable;
pub use frozen_conv2d::{FrozenFilters, frozen_conv2d};
pub use gather::{gather_rows, scatter_add_rows, take};
pub use gram::gram;
pub use l2_normalise::l2_normalise;
pub use l2_pool::l2_pool;
pub use ln::ln;
pub use matmul::{Side, matmul};
pub use maximum::{maximum, minimum};
pub use narrow::{embed, narrow};
pub use neg::neg;
pub use normalise::{Normalised, Over, normalise};
pub use pad::{Sides, crop, pad_reflect, pad_zero};
pub use permute::{permute, permute_tensor};
pub use pick::pick;
pub use pool::{avg_pool, max_pool, min_pool};
pub use power::power;
pub use reciprocal::reciprocal_or_zero;
pub use relu::{leaky_relu, relu};
pub use reshape::reshape;
pub use resize::{depth_to_space, resize_bicubic, resize_bilinear, space_to_depth};
pub use scalar::{add_scalar, scale};
pub use select::{masked, select};
pub use sigmoid::sigmoid;
pub use softmax::{log_softmax, logsumexp, softmax};
pub use softplus::softplus;
pub use sqrt::sqrt;
pub use square::square;
pub use sum::{mean, mean_axes, sum, sum_axes};
pub use tanh::tanh;
pub use upsample::{sum_blocks, upsample_nearest};

#[cfg(test)]
pub(crate) mod testing {
    use crate::random;
    use crate::tensor::Tensor;

    /// Normal numbers for a test.
    pub(crate) fn numbers(shape: &[usize], stream: u64) -> Tensor {
        random::normal(shape, 0.0, 1.0, &mut random::generator(7, stream))
    }
}
