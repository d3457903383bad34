//! The losses of computer vision: one file each, with formula, shapes, paper and tests.

pub mod catalogue;
mod classes;
pub mod cross_entropy;
pub mod features;
pub mod gan;
pub mod huber;
pub mod metrics;
pub mod mining;
pub mod mse;
pub mod reduction;
#[cfg(test)]
mod testing;
pub mod weight_map;

pub use reduction::Reduction;
