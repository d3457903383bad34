//! Kernels for the CPU: each in a portable form, one for AVX2+FMA and one for AVX-512, chosen once at run time.

pub mod along;
pub mod conv;
pub mod distance;
pub mod elementwise;
pub mod extreme;
pub mod filter;
pub mod gather;
pub mod gemm;
pub mod layout;
pub mod math;
pub mod norm;
pub mod optimiser;
pub mod pairwise;
mod parallel;
pub mod pool;
pub mod random;
pub mod reduce;
pub mod resample;
pub mod scan;
pub mod simd;
pub mod softmax;
pub(crate) mod strides;
pub mod unit;
