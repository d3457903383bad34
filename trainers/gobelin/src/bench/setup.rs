//! Where a workload computes, and how large it is.

use gobelin_autograd::{DeviceError, Tensor};
use gobelin_kernels::cuda::Device;
use gobelin_nets::{Module, to_device};

/// The host, or a graphics card, where what a workload computes with is moved before its first step.
pub(super) struct Setup {
    /// As `--device` names it.
    pub place: String,
    pub card: Option<Device>,
    /// As `--small` asks for.
    pub is_small: bool,
}

impl Setup {
    /// The size of the yardstick's workload, or a small one that shows that it runs.
    pub fn pick<T>(&self, full: T, small: T) -> T {
        if self.is_small { small } else { full }
    }

    pub fn tensor(&self, tensor: Tensor) -> Tensor {
        match &self.card {
            Some(card) => tensor.to_device(card),
            None => tensor,
        }
    }

    pub fn net(&self, net: &dyn Module) {
        if let Some(card) = &self.card {
            to_device(net, card);
        }
    }

    /// Waits for what the last step has asked of the card.
    pub fn synchronise(&self) -> Result<(), DeviceError> {
        self.card.as_ref().map_or(Ok(()), Device::synchronise)
    }
}
