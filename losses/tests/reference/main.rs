//! Values and gradients against the files of tests/reference.

mod files;
mod losses;
mod metrics;
mod mining;
mod weight_map;
