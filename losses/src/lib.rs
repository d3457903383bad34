//! The losses of computer vision: one file each, with formula, shapes, paper and tests.

pub mod bce;
pub mod catalogue;
pub mod charbonnier;
mod classes;
pub mod contrastive;
pub mod cross_entropy;
pub mod cycle;
pub mod dice;
pub mod features;
pub mod focal;
pub mod gan;
pub mod huber;
pub mod identity;
pub mod lovasz;
pub mod mae;
pub mod metrics;
pub mod mining;
pub mod mse;
pub mod pixel_weight_cross_entropy;
pub mod reduction;
#[cfg(test)]
mod testing;
pub mod triplet;
pub mod triplet_batch;
pub mod tversky;
pub mod weight_map;

pub use reduction::Reduction;
