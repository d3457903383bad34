//! DESC

pub mod metrics;
pub mod mining;
pub mod weight_map;
