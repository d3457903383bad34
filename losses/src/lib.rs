//! DESC

pub mod metrics;
