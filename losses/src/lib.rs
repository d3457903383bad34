//! DESC

pub mod metrics;
pub mod mining;
