//! Raw compute on slices of `f32`: what every op of Gobelin's tape runs on.
//!
//! Nothing here knows about gradients or tensors. A kernel takes slices and a
//! description of their shapes, and writes its whole output. Pictures lie in
//! memory channels last: `(N, H, W, C)`.
//!
//! Results never depend on the number of threads: work is cut by shape, and
//! partial sums are added in a fixed order.

mod arena;
mod buffer;
pub mod cpu;
pub mod cuda;
mod memory;

pub use arena::PoolStatistics;
pub use buffer::{Buffer, Bytes, pool_statistics, trim_pool};
pub use memory::keep_large_blocks_mapped;
