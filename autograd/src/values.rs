//! Where a tensor's values lie: on the host, on a device, or on both.

use std::sync::OnceLock;

use gobelin_kernels::Buffer;
use gobelin_kernels::cuda::{self, Device, DeviceBuffer, elementwise};

/// The values of a tensor. They lie where they were made, and are copied to the other side when they are first wanted there:
/// constants and weights travel once, results that nobody reads never do.
pub(crate) struct Values {
    length: usize,
    /// Where they were made, and where what is worked out from them will be; none is the host.
    home: Option<Device>,
    /// All values, where they are the same: a device makes them itself.
    same: Option<f32>,
    host: OnceLock<Buffer>,
    device: OnceLock<DeviceBuffer>,
}

impl Values {
    /// Made on the host.
    pub(crate) fn on_host(values: Buffer) -> Self {
        Self {
            length: values.len(),
            home: None,
            same: None,
            host: OnceLock::from(values),
            device: OnceLock::new(),
        }
    }

    /// One value, made on the host.
    pub(crate) fn all_the_same(length: usize, value: f32) -> Self {
        let mut values = Buffer::new(length);
        values.fill(value);
        Self { same: Some(value), ..Self::on_host(values) }
    }

    /// Made on a device.
    pub(crate) fn on_device(values: DeviceBuffer) -> Self {
        let home = Some(values.device().clone());
        Self { length: values.len(), home, same: None, host: OnceLock::new(), device: OnceLock::from(values) }
    }

    pub(crate) fn len(&self) -> usize {
        self.length
    }

    pub(crate) fn home(&self) -> Option<&Device> {
        self.home.as_ref()
    }

    /// The value that all have, where that is known.
    pub(crate) fn same(&self) -> Option<f32> {
        self.same
    }

    /// The values, to read on the host: waits for the device that makes them.
    pub(crate) fn host(&self) -> &Buffer {
        self.host.get_or_init(|| {
            let mut values = Buffer::new(self.length);
            expect(self.device.get().expect("they lie somewhere").read(&mut values));
            values
        })
    }

    /// The values, to read on this device.
    ///
    /// # Panics
    /// If they lie on another.
    #[track_caller]
    pub(crate) fn device(&self, device: &Device) -> &DeviceBuffer {
        let values = self.device.get_or_init(|| {
            let Some(value) = self.same else {
                return expect(DeviceBuffer::from_slice(
                    device,
                    self.host.get().expect("they lie somewhere"),
                ));
            };
            let mut values = expect(DeviceBuffer::new(device, self.length));
            expect(elementwise::fill(&mut values, value));
            values
        });
        assert!(
            values.device() == device,
            "a tensor lies on another graphics card than the one it is used with"
        );
        values
    }

    /// What the buffer on a device is known by, where there is one.
    pub(crate) fn buffer_number(&self) -> Option<u64> {
        self.device.get().map(DeviceBuffer::number)
    }

    /// Those of a device were written there: what the host had read is old.
    pub(crate) fn forget_host(&mut self) {
        if self.home.is_some() {
            self.host = OnceLock::new();
        }
    }

    /// The values, to change on the host, which is their home from then on.
    pub(crate) fn host_mut(&mut self) -> &mut [f32] {
        self.host();
        (self.home, self.same, self.device) = (None, None, OnceLock::new());
        self.host.get_mut().expect("read above")
    }

    /// The values, to change on this device, which is their home from then on.
    #[track_caller]
    pub(crate) fn device_mut(&mut self, device: &Device) -> &mut DeviceBuffer {
        self.device(device);
        (self.home, self.same, self.host) = (Some(device.clone()), None, OnceLock::new());
        self.device.get_mut().expect("written above")
    }
}

/// A copy that lies where the values were made.
impl Clone for Values {
    fn clone(&self) -> Self {
        let Some(device) = &self.home else { return Self::on_host(self.host().clone()) };
        let mut copy = expect(DeviceBuffer::new(device, self.length));
        expect(copy.copy_from(self.device(device)));
        Self::on_device(copy)
    }
}

/// What a device gave. Where it fails, nothing that was under way can go on: the error unwinds to [`attempt`].
pub fn expect<T>(result: cuda::Result<T>) -> T {
    result.unwrap_or_else(|error| std::panic::resume_unwind(Box::new(error)))
}

/// Does what may compute on a device.
///
/// # Errors
/// If the device fails. All other panics go on.
pub fn attempt<R>(work: impl FnOnce() -> R) -> cuda::Result<R> {
    // What an error leaves half done is dropped, or restored from a checkpoint, by the caller.
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)).map_err(|panic| {
        *panic.downcast::<cuda::Error>().unwrap_or_else(|other| std::panic::resume_unwind(other))
    })
}
