//! Batches that travel to the device while it computes.
//!
//! Uploads of ordinary memory wait for all work before, and the host waits for them. A [`Feed`] has host memory that the system never
//! moves ("pinned"), which the device reads by itself, on a lane of its own beside the one that computes.

use std::ptr::NonNull;

use super::device::Device;
use super::driver::{Event, Lane};
use super::error::Result;
use super::memory::{DeviceBuffer, Plain};

/// A place for the next batch: filled on the host and sent while the step before is computed, then taken by the next step.
///
/// A step that was recorded reads the buffer it was recorded with; [`Feed::take`] copies the batch there, on the device, which
/// takes next to no time.
pub struct Feed<T: Plain = f32> {
    device: Device,
    pinned: NonNull<T>,
    /// Where batches arrive.
    arrival: DeviceBuffer<T>,
    /// The last batch has arrived.
    sent: Event,
    /// The last batch was taken: the place where batches arrive is free.
    taken: Event,
    /// A batch was sent that is not taken yet.
    is_full: bool,
}

// SAFETY: the pinned memory is the feed's alone.
unsafe impl<T: Plain + Send> Send for Feed<T> {}

impl<T: Plain> Feed<T> {
    /// A feed of batches of `length` values, more than none.
    ///
    /// # Errors
    /// If there is no memory left, on the device or to be pinned on the host, or the device does not answer.
    ///
    /// # Panics
    /// If `length` is 0.
    pub fn new(device: &Device, length: usize) -> Result<Self> {
        assert!(length > 0, "a feed of batches of no values");
        let driver = device.driver();
        let arrival = DeviceBuffer::new(device, length)?;
        let pinned = driver.pin(length * size_of::<T>())?.cast::<T>();
        // SAFETY: there is room for as many values, all of whose bits may be 0.
        unsafe { pinned.write_bytes(0, length) };
        let [sent, taken] = [driver.event()?, driver.event()?];
        // The memory of the arrival may have been used by work that is still under way.
        // SAFETY: the event was just made.
        unsafe { driver.mark(taken, Lane::Work)? };
        Ok(Self { device: device.clone(), pinned, arrival, sent, taken, is_full: false })
    }

    /// Has `fill` write the next batch over the one before, and sends it off. Waits until the one before has left the host, and
    /// for nothing else; the work that was called before goes on meanwhile.
    ///
    /// # Errors
    /// What `fill` returns, which sends nothing; or if the device does not answer.
    ///
    /// # Panics
    /// If the batch before was not taken.
    pub fn send<E: From<super::Error>>(
        &mut self,
        fill: impl FnOnce(&mut [T]) -> std::result::Result<(), E>,
    ) -> std::result::Result<(), E> {
        assert!(!self.is_full, "send: the batch before was not taken");
        let (driver, length) = (self.device.driver(), self.arrival.len());
        // SAFETY: the events are alive. Nothing reads the pinned values once the last upload is done, and they are the feed's
        // alone; `send` is not called again before the upload that reads them is waited for.
        unsafe {
            driver.wait(self.sent)?;
            fill(std::slice::from_raw_parts_mut(self.pinned.as_ptr(), length))?;
            driver.follow(self.taken, Lane::Uploads)?;
            driver.upload_beside(self.pinned.cast(), length * size_of::<T>(), self.arrival.address())?;
            driver.mark(self.sent, Lane::Uploads)?;
        }
        self.is_full = true;
        Ok(())
    }

    /// How many values a batch has.
    pub fn length(&self) -> usize {
        self.arrival.len()
    }

    /// The batch that was sent, if one was, is not wanted any more.
    pub fn forget(&mut self) {
        self.is_full = false;
    }

    /// Copies the batch that was sent into a buffer, for the work that is called afterwards. The host does not wait.
    ///
    /// # Errors
    /// If the device does not answer, or a step is being recorded.
    ///
    /// # Panics
    /// If nothing was sent or the lengths differ.
    pub fn take(&mut self, into: &mut DeviceBuffer<T>) -> Result<()> {
        assert!(self.is_full, "take: nothing was sent");
        let driver = self.device.driver();
        // SAFETY: the events are alive.
        unsafe { driver.follow(self.sent, Lane::Work)? };
        into.copy_from(&self.arrival)?;
        // SAFETY: as above.
        unsafe { driver.mark(self.taken, Lane::Work)? };
        self.is_full = false;
        Ok(())
    }
}

impl<T: Plain> Drop for Feed<T> {
    fn drop(&mut self) {
        let driver = self.device.driver();
        // SAFETY: the events and the memory are the feed's alone. What cannot be waited for is a device that is lost: it does
        // nothing any more.
        unsafe {
            drop(driver.wait(self.sent));
            driver.unpin(self.pinned.cast(), self.arrival.len() * size_of::<T>());
            driver.drop_event(self.sent);
            driver.drop_event(self.taken);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cuda::Error;
    use crate::cuda::testing::device;

    #[test]
    fn a_feed_gives_back_what_it_took_also_where_the_device_was_lost() {
        let (device, counter) = device(usize::MAX);
        let mut feed = Feed::<f32>::new(&device, 100).unwrap();
        let held = || {
            let state = counter.state();
            (state.pinned, state.events)
        };
        assert_eq!(held(), (400, 2));
        let lost = Error::Lost("upload: illegal address".into());
        counter.state().failure = Some(lost.clone());
        assert_eq!(feed.send(|_| Ok::<(), Error>(())), Err(lost.clone()));
        assert_eq!(Feed::<f32>::new(&device, 1 << 20).err(), Some(lost));
        drop(feed);
        assert_eq!(held(), (0, 0));
    }
}
