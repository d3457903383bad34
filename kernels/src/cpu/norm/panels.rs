//! The way over rows of channels.

use crate::cpu::simd::Vector;

/// Values of a strip: 8 KiB of each operand, which stay in the first-level cache while its panels are gone through. Strips of a whole
/// block were half as fast at 128 channels and more.
const STRIP: usize = 2 * 1024;

/// Work on rows, a panel of channels of a strip of rows at a time: what belongs to the channels stays in registers on the way down.
pub(super) trait Panels {
    fn panel<const WIDTH: usize>(&mut self, values: &std::ops::Range<usize>, at: usize);

    /// What is read or written of each row, of one length.
    fn operands(&self) -> [&[f32]; 2];

    /// Goes through all rows.
    ///
    /// # Safety
    /// The processor must support `V`.
    #[inline(always)]
    unsafe fn all<V: Vector>(mut self, channels: usize)
    where
        Self: Sized,
    {
        let length = self.operands()[0].len();
        let strip = (STRIP / channels).max(1) * channels;
        for start in (0..length).step_by(strip) {
            let values = start..(start + strip).min(length);
            // A panel's lines lie apart, which the processor's own prefetching does not see through.
            for operand in self.operands().iter().filter(|_| channels > 32) {
                for ahead in operand.get(values.end..).unwrap_or_default().iter().take(strip).step_by(16) {
                    // SAFETY: the caller's promise.
                    unsafe { V::prefetch(ahead) };
                }
            }
            let mut at = 0;
            while at + 32 <= channels {
                self.panel::<32>(&values, at);
                at += 32;
            }
            while at + 8 <= channels {
                self.panel::<8>(&values, at);
                at += 8;
            }
            while at < channels {
                self.panel::<1>(&values, at);
                at += 1;
            }
        }
    }
}

/// A panel's values of something that all channels have.
#[inline(always)]
pub(super) fn piece<const WIDTH: usize>(values: &[f32], at: usize) -> [f32; WIDTH] {
    *values[at..].first_chunk().expect("a panel lies within the channels")
}
