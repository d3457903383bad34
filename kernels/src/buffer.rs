//! Pooled storage for tensors.
//!
//! A training step asks for the same buffers again and again. They come from
//! a process-wide pool, so that after the first step the system is not asked
//! for memory any more: every fresh page costs a fault and a clearing pass.

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::collections::BTreeMap;
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;
use std::sync::Mutex;

/// Buffers start on a cache line, which also suits 32-byte vector loads.
const ALIGNMENT: usize = 64;
/// Capacities are rounded up to this many floats, so that nearly equal sizes share.
const GRANULE: usize = 64;

/// A fixed-length, 64-byte aligned array of `f32` whose memory returns to the pool when dropped.
pub struct Buffer {
    block: Block,
    length: usize,
}

/// Memory as the system gave it: `capacity` floats, all of them initialised.
struct Block {
    start: NonNull<f32>,
    capacity: usize,
}

// SAFETY: a block owns its memory alone; `&Block` gives no access to it.
unsafe impl Send for Block {}
// SAFETY: as above: shared access goes through `&Buffer`, which only reads.
unsafe impl Sync for Block {}

#[derive(Default)]
struct Pool {
    /// Unused blocks by capacity, the most recently used last (its pages may still be cached).
    unused: BTreeMap<usize, Vec<Block>>,
    statistics: PoolStatistics,
}

/// What the pool holds and has done, in bytes and counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PoolStatistics {
    /// Bytes handed out and not yet returned.
    pub used: usize,
    /// Bytes waiting to be used again.
    pub unused: usize,
    /// How often the system had to be asked for memory.
    pub allocations: usize,
}

static POOL: Mutex<Pool> = Mutex::new(Pool {
    unused: BTreeMap::new(),
    statistics: PoolStatistics { used: 0, unused: 0, allocations: 0 },
});

fn with_pool<R>(work: impl FnOnce(&mut Pool) -> R) -> R {
    // The pool's state is whole after every statement, so a panic elsewhere does not spoil it.
    work(&mut POOL.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
}

impl Buffer {
    /// A buffer of `length` floats with arbitrary contents (old values, or zeros): the caller writes every
    /// element before it reads one.
    pub fn new(length: usize) -> Self {
        let capacity = length.max(1).next_multiple_of(GRANULE);
        let block = with_pool(|pool| {
            // The closest block that wastes at most a quarter of itself.
            let fit = pool.unused.range(capacity..=capacity + capacity / 3).next().map(|(&c, _)| c);
            let block = if let Some(found) = fit {
                let blocks = pool.unused.get_mut(&found).expect("found above");
                let block = blocks.pop().expect("empty lists are removed");
                if blocks.is_empty() {
                    pool.unused.remove(&found);
                }
                pool.statistics.unused -= block.bytes();
                block
            } else {
                pool.statistics.allocations += 1;
                Block::allocate(capacity)
            };
            pool.statistics.used += block.bytes();
            block
        });
        Self { block, length }
    }

    /// A buffer of `length` zeros.
    pub fn zeros(length: usize) -> Self {
        Self::filled(length, 0.0)
    }

    /// A buffer of `length` times `value`.
    pub fn filled(length: usize, value: f32) -> Self {
        let mut buffer = Self::new(length);
        buffer.fill(value);
        buffer
    }
}

impl From<&[f32]> for Buffer {
    fn from(values: &[f32]) -> Self {
        let mut buffer = Self::new(values.len());
        buffer.copy_from_slice(values);
        buffer
    }
}

impl Clone for Buffer {
    fn clone(&self) -> Self {
        Self::from(&**self)
    }
}

impl Deref for Buffer {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        // SAFETY: `length <= capacity`, and every element was initialised when the block was allocated.
        unsafe { std::slice::from_raw_parts(self.block.start.as_ptr(), self.length) }
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [f32] {
        // SAFETY: as in `deref`, and `&mut self` is the only access.
        unsafe { std::slice::from_raw_parts_mut(self.block.start.as_ptr(), self.length) }
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let block = Block { start: self.block.start, capacity: self.block.capacity };
        with_pool(|pool| {
            pool.statistics.used -= block.bytes();
            pool.statistics.unused += block.bytes();
            pool.unused.entry(block.capacity).or_default().push(block);
        });
    }
}

impl Block {
    fn layout(capacity: usize) -> Layout {
        Layout::array::<f32>(capacity)
            .and_then(|layout| layout.align_to(ALIGNMENT))
            .unwrap_or_else(|_| panic!("a buffer of {capacity} floats is larger than the address space"))
    }

    fn allocate(capacity: usize) -> Self {
        let layout = Self::layout(capacity);
        // SAFETY: the layout's size is at least GRANULE floats, never zero.
        let start = unsafe { alloc_zeroed(layout) }.cast::<f32>();
        let start = NonNull::new(start).unwrap_or_else(|| handle_alloc_error(layout));
        Self { start, capacity }
    }

    fn bytes(&self) -> usize {
        self.capacity * size_of::<f32>()
    }

    /// Gives the memory back to the system. A method and not `Drop`: a [`Buffer`] hands its block on.
    fn free(self) {
        // SAFETY: allocated by `allocate` with this very layout, and owned by nobody else.
        unsafe { dealloc(self.start.as_ptr().cast(), Self::layout(self.capacity)) }
    }
}

/// What the pool holds now.
pub fn pool_statistics() -> PoolStatistics {
    with_pool(|pool| pool.statistics)
}

/// Gives every unused block back to the system: after a phase that needed other sizes than the next one will.
pub fn trim_pool() {
    let unused = with_pool(|pool| {
        pool.statistics.unused = 0;
        std::mem::take(&mut pool.unused)
    });
    unused.into_values().flatten().for_each(Block::free);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_used_again() {
        // A size no other test uses, since the pool is shared by the whole process.
        let length = 12_345_679;
        let first = Buffer::filled(length, 7.0);
        let place = first.as_ptr();
        assert!(first.iter().all(|&v| v == 7.0));
        assert_eq!(place as usize % ALIGNMENT, 0);
        drop(first);
        let second = Buffer::new(length - 1000);
        assert_eq!(second.as_ptr(), place);
        assert_eq!(second.len(), length - 1000);
    }

    #[test]
    fn empty_buffers_are_allowed() {
        assert!(Buffer::new(0).is_empty());
        assert_eq!(&*Buffer::from(&[1.0, 2.0][..]).clone(), &[1.0, 2.0]);
    }
}
