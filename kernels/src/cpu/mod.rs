//! Kernels for the CPU: each in a portable form and an AVX2+FMA form, chosen once at run time.

pub mod conv;
pub mod elementwise;
pub mod gemm;
pub mod layout;
pub mod math;
pub mod norm;
pub mod optimiser;
pub mod pairwise;
pub mod reduce;
pub mod resample;
pub mod simd;
