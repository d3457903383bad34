//! The losses of computer vision: one file each, with formula, shapes, paper and tests.

pub mod bce;
pub mod catalogue;
pub mod charbonnier;
mod classes;
pub mod cldice;
pub mod content;
pub mod contrastive;
pub mod cross_entropy;
pub mod cycle;
pub mod dice;
pub mod features;
pub mod focal;
pub mod gan;
pub mod huber;
pub mod identity;
pub mod layers;
pub mod lovasz;
pub mod mae;
pub mod metrics;
pub mod mining;
pub mod ms_ssim;
pub mod mse;
pub mod perceptual;
pub mod pixel_weight_cross_entropy;
pub mod reduction;
pub mod ssim;
pub mod style;
pub mod style_transfer;
#[cfg(test)]
mod testing;
pub mod topology;
pub mod triplet;
pub mod triplet_batch;
pub mod tv;
pub mod tversky;
pub mod weight_map;

pub use reduction::Reduction;
