//! What never changes, on devices.

use std::sync::{Mutex, PoisonError};

use gobelin_kernels::cuda::Device;

use crate::tensor::Tensor;

/// The copies of a tensor that never changes, one on each device that it was used on. It is sent to each once: a recording, which takes
/// nothing from the host, finds it there.
#[derive(Default)]
pub struct Copies(Mutex<Vec<Tensor>>);

impl Copies {
    /// The one on this device, made from `values` if there is none yet.
    pub fn on(&self, device: &Device, values: impl FnOnce() -> Tensor) -> Tensor {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = known.iter().find(|copy| copy.device() == Some(device)) {
            return found.clone();
        }
        let new = values().to_device(device);
        known.push(new.clone());
        new
    }
}
