//! Kernels for the CPU: each in a portable form and an AVX2+FMA form, chosen once at run time.

pub mod pairwise;
pub mod simd;
