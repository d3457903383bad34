//! Kernels for NVIDIA's graphics cards, op by op the same names as [`crate::cpu`].
//!
//! The kernels are the `.cu` files in `kernels/cuda`. NVRTC compiles them at run time for the card found ([`Device::card`]), and
//! the code is kept in `$XDG_CACHE_HOME/gobelin/kernels` (or `~/.cache/gobelin/kernels`), by file, architecture, driver and hash
//! of the source. Driver and compiler are loaded when a card is first asked for, so one program runs with and without a card.
//!
//! - A [`Device`] is a card behind a [`driver::Driver`]. A driver allocates, copies and launches; in tests another one runs the
//!   same kernels on the host, through the same launch code (`kernels/emulation`).
//! - A [`DeviceBuffer`] is what [`crate::Buffer`] is on the host: pooled memory of fixed length. Ops take buffers where the
//!   host's take slices, check the same lengths with the same panics, and return errors of the device as [`Result`]s.
//! - All work is done in the order of the calls and nothing waits: only [`DeviceBuffer::read`] and [`Device::synchronise`] do.
//!   Hence no op reads anything back. What the host's callers work out between two kernels (the coefficients of norms), small
//!   kernels do here ([`norm`]).
//! - Functions have names where the host takes closures ([`elementwise::Map`]): a card runs what was compiled for it.
//! - A [`feed::Feed`] sends the next batch to the device while it computes.
//! - [`Device::record`] records a step as a CUDA graph and [`Graph::replay`] does it again. What changes from step to step
//!   lies in buffers: the optimisers' rules and the streams of random numbers are made so.
//! - Matrix products and convolutions run on tensor cores with TF32, or exactly in single precision ([`Precision`]).
//! - Results depend on the shapes and the card alone: sums are cut by shape and number of multiprocessors, parts are added in
//!   order, and no floating-point number is added atomically.

pub mod along;
mod cache;
mod calls;
mod card;
pub mod conv;
mod device;
pub mod distance;
mod divide;
pub mod driver;
pub mod elementwise;
mod error;
pub mod extreme;
mod failure;
pub mod feed;
pub mod filter;
pub mod gather;
pub mod gemm;
pub mod layout;
pub mod lbfgs;
mod memory;
pub mod mining;
pub mod norm;
pub mod optimiser;
pub mod order;
pub mod pairwise;
pub mod pool;
pub mod random;
pub mod reduce;
pub mod resample;
mod rows;
pub mod scan;
pub mod softmax;
pub mod source;
#[cfg(test)]
mod testing;
mod tiles;
pub mod triplets;
pub mod unit;

pub use calls::is_driver_present;
pub use card::Card;
pub use device::{Device, Graph};
pub use error::{Error, Result};
pub use memory::{DeviceBuffer, Plain};
pub use tiles::Precision;
