//! Pooled storage for tensors.
//!
//! A training step asks for the same buffers again and again. They come from
//! a process-wide pool, so that after the first step the system is not asked
//! for memory any more: every fresh page costs a fault and a clearing pass.

use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;
use std::sync::Mutex;

use crate::arena::{Arena, PoolStatistics};

/// A fixed-length, 64-byte aligned array of `f32` whose memory returns to the pool when dropped.
pub struct Buffer {
    start: NonNull<f32>,
    length: usize,
}

// SAFETY: a buffer owns its memory alone, until it gives it back.
unsafe impl Send for Buffer {}
// SAFETY: as above: shared access only reads.
unsafe impl Sync for Buffer {}

static POOL: Mutex<Arena> = Mutex::new(Arena::new());

fn with_pool<R>(work: impl FnOnce(&mut Arena) -> R) -> R {
    // A panic while the lock is held could only come from the arena itself, which leaves its state whole.
    work(&mut POOL.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
}

impl Buffer {
    /// A buffer of `length` floats with arbitrary contents (old values, or zeros): the caller writes every
    /// element before it reads one.
    pub fn new(length: usize) -> Self {
        let start = with_pool(|pool| pool.take(length));
        Self { start, length }
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
        // SAFETY: the arena gave `length` floats, which it had zeroed when it got them.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.length) }
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [f32] {
        // SAFETY: as in `deref`, and `&mut self` is the only access.
        unsafe { std::slice::from_raw_parts_mut(self.start.as_ptr(), self.length) }
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        // SAFETY: taken with this length, and used by nobody from here on.
        with_pool(|pool| unsafe { pool.give_back(self.start, self.length) });
    }
}

/// A fixed-length array of bytes from the same pool: taps, masks.
pub struct Bytes {
    buffer: Buffer,
    length: usize,
}

impl Bytes {
    /// `length` bytes with arbitrary contents.
    pub fn new(length: usize) -> Self {
        Self { buffer: Buffer::new(length.div_ceil(size_of::<f32>())), length }
    }
}

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: the buffer holds at least as many bytes, all initialised, and any bytes are `u8`s.
        unsafe { std::slice::from_raw_parts(self.buffer.as_ptr().cast(), self.length) }
    }
}

impl DerefMut for Bytes {
    fn deref_mut(&mut self) -> &mut [u8] {
        // SAFETY: as in `deref`; any bytes are `f32`s too, and `&mut self` is the only access.
        unsafe { std::slice::from_raw_parts_mut(self.buffer.as_mut_ptr().cast(), self.length) }
    }
}

/// What the pool holds now.
pub fn pool_statistics() -> PoolStatistics {
    with_pool(|pool| pool.statistics())
}

/// Gives what is unused back to the system: after a phase that needed more than the next one will.
pub fn trim_pool() {
    with_pool(Arena::trim);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_are_aligned_and_keep_what_is_written() {
        let buffers: Vec<Buffer> = (1..100).map(|i| Buffer::filled(i * 37, i as f32)).collect();
        for (i, buffer) in buffers.iter().enumerate() {
            assert_eq!(buffer.as_ptr() as usize % 64, 0);
            assert!(buffer.iter().all(|&value| value == (i + 1) as f32));
        }
    }

    #[test]
    fn bytes_are_kept() {
        let mut bytes = Bytes::new(1001);
        bytes.iter_mut().enumerate().for_each(|(i, byte)| *byte = i as u8);
        assert!(bytes.len() == 1001 && bytes.iter().enumerate().all(|(i, &byte)| byte == i as u8));
    }

    #[test]
    fn empty_buffers_are_allowed() {
        assert!(Buffer::new(0).is_empty());
        assert_eq!(&*Buffer::from(&[1.0, 2.0][..]).clone(), &[1.0, 2.0]);
    }
}
