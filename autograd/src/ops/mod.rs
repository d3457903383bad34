//! The ops: one file each, with what it computes, its shapes, its derivative and its tests.
//!
//! To add one, write its file here, its kernels under `kernels/src/cpu` and `kernels/src/cuda`, and name them in the lists of
//! modules. What a function of one's own does to a device's tensor, it does on the host, and the ops behind it go on on the
//! device: right, but slow.

mod abs;
mod along;
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
mod mirrored_conv2d;
mod narrow;
mod neg;
mod normalise;
mod normalise_max_pool;
mod pad;
mod permute;
mod pick;
mod places;
mod pointwise;
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
pub use along::take_along;
pub use arithmetic::{add, div, mul, sub};
pub use broadcast::{broadcast_to, sum_to};
pub use clamp::{clamp, count_outside};
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
pub use mirrored_conv2d::conv2d_mirrored;
pub use narrow::{embed, narrow};
pub use neg::neg;
pub use normalise::{Normalised, Over, normalise};
pub use normalise_max_pool::normalise_max_pool;
pub use pad::{Sides, crop, pad_reflect, pad_zero};
pub use permute::{permute, permute_tensor};
pub use pick::pick;
pub use places::Indices;
pub use pointwise::pointwise;
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
    use std::sync::OnceLock;

    use gobelin_kernels::cuda::Device;

    use crate::{Tape, Tensor, Var, ops, random};

    /// The emulated card, one for all tests.
    pub(crate) fn card() -> Option<Device> {
        static CARD: OnceLock<Option<Device>> = OnceLock::new();
        CARD.get_or_init(gobelin_emulation::asked_for).clone()
    }

    /// Holds the values of a function and its gradients (through fused rules, through composed ones, and of the second order) on
    /// the emulated card against the host's, and that none of them left the card.
    #[track_caller]
    pub(crate) fn assert_same_on_a_card(inputs: &[Tensor], function: impl Fn(&[Var]) -> Var) {
        let Some(card) = card() else { return };
        let run = |place: Option<&Device>| -> Vec<Tensor> {
            let moved =
                inputs.iter().map(|input| place.map_or(input.clone(), |place| input.to_device(place)));
            let moved: Vec<Tensor> = moved.collect();
            let project = |tape: &Tape| {
                let leaves: Vec<Var> = moved.iter().map(|input| tape.leaf(input.clone())).collect();
                let y = function(&leaves);
                let loss = ops::sum(&ops::mul(&y, &numbers(y.shape(), 99).into()));
                (leaves, y, loss)
            };
            let (first, second) = (Tape::new(), Tape::new());
            let (leaves, y, loss) = project(&first);
            let mut found = first.gradients(&loss, &leaves.iter().collect::<Vec<_>>());
            found.push(y.into_tensor());
            let (leaves, _, loss) = project(&second);
            let leaves: Vec<&Var> = leaves.iter().collect();
            let composed = second.differentiable_gradients(&loss, &leaves);
            let lengths = composed.iter().map(|gradient| ops::sum(&ops::square(gradient)));
            let length = lengths.reduce(|a, b| ops::add(&a, &b)).expect("there is an input");
            found.extend(composed.into_iter().map(Var::into_tensor));
            found.extend(second.gradients(&length, &leaves));
            found
        };
        for (number, (found, expected)) in run(Some(&card)).iter().zip(run(None)).enumerate() {
            assert!(found.device() == Some(&card), "result {number} left the card");
            assert_eq!(found.shape(), expected.shape());
            let largest = expected.data().iter().fold(1e-3, |largest: f32, v| largest.max(v.abs()));
            for (found, expected) in found.data().iter().zip(expected.data()) {
                let near = (found - expected).abs() <= 1e-4 * largest;
                assert!(near, "result {number} on the card: {found} instead of {expected}");
            }
        }
        card.synchronise().unwrap();
    }

    /// Holds the values of a function and its gradients, computed by two and by three threads, to those of one, byte for byte.
    #[track_caller]
    pub(crate) fn assert_threads_change_nothing(inputs: &[Tensor], function: impl Fn(&[Var]) -> Var + Sync) {
        let run = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
            let inputs: Vec<(Vec<usize>, Vec<f32>)> =
                inputs.iter().map(|input| (input.shape().to_vec(), input.data().to_vec())).collect();
            pool.install(|| {
                let tape = Tape::new();
                let leaves: Vec<Var> =
                    inputs.iter().map(|(shape, data)| tape.leaf(Tensor::new(shape, data))).collect();
                let y = function(&leaves);
                let loss = ops::sum(&ops::mul(&y, &numbers(y.shape(), 99).into()));
                let mut found = tape.gradients(&loss, &leaves.iter().collect::<Vec<_>>());
                found.push(y.into_tensor());
                found.iter().flat_map(Tensor::data).map(|value| value.to_bits()).collect::<Vec<_>>()
            })
        };
        let one = run(1);
        assert!(one == run(2), "two threads");
        assert!(one == run(3), "three threads");
    }

    /// Normal numbers for a test.
    pub(crate) fn numbers(shape: &[usize], stream: u64) -> Tensor {
        random::normal(shape, 0.0, 1.0, &mut random::generator(7, stream))
    }
}
