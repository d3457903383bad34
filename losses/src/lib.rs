//! The losses of computer vision: one file each, with formula, shapes, paper and tests.

pub mod gan;
pub mod metrics;
pub mod mining;
pub mod weight_map;
