//! Where a workload computes, and how large it is.

use gobelin_autograd::random::Stream;
use gobelin_autograd::{Bundle, Device, DeviceError, Parameter, Replay};
use gobelin_nets::{Module, to_device};

/// The host, or a graphics card, where what a workload computes with is moved before its first step.
pub(super) struct Setup {
    /// As `--device` names it.
    pub place: String,
    pub card: Option<Device>,
    /// As `--small` asks for.
    pub is_small: bool,
    /// As `--eager` asks for.
    pub is_eager: bool,
    /// What the workload's steps change, for tests to look at.
    #[cfg(test)]
    changing: std::cell::RefCell<Vec<Parameter>>,
}

impl Setup {
    pub fn new(place: String, card: Option<Device>, is_small: bool, is_eager: bool) -> Self {
        Self {
            place,
            card,
            is_small,
            is_eager,
            #[cfg(test)]
            changing: Vec::new().into(),
        }
    }

    /// The size of the yardstick's workload, or a small one that shows that it runs.
    pub fn pick<T>(&self, full: T, small: T) -> T {
        if self.is_small { small } else { full }
    }

    /// Tensors, where the workload computes.
    pub fn put<B: Bundle>(&self, mut tensors: B) -> B {
        if let Some(card) = &self.card {
            tensors.each_tensor(&mut |tensor| *tensor = tensor.to_device(card));
        }
        tensors
    }

    /// Numbers for what is drawn in each step.
    pub fn stream(&self, seed: u64, stream: u64) -> Stream {
        let mut stream = Stream::new(seed, stream);
        if let Some(card) = &self.card {
            stream.to_device(card);
        }
        stream
    }

    pub fn net(&self, net: &dyn Module) {
        if let Some(card) = &self.card {
            to_device(net, card);
        }
        #[cfg(test)]
        self.changing.borrow_mut().extend(net.entries().into_iter().map(|entry| entry.parameter));
    }

    pub fn parameter(&self, parameter: &Parameter) {
        if let Some(card) = &self.card {
            parameter.to_device(card);
        }
        #[cfg(test)]
        self.changing.borrow_mut().push(parameter.clone());
    }

    /// What records a step, or a part of one, on a card, and replays it from then on.
    pub fn replay<I: Bundle, O: Bundle>(&self) -> Replay<I, O> {
        self.card.as_ref().filter(|_| !self.is_eager).map_or_else(Replay::default, Replay::on)
    }

    /// Waits for what the last step has asked of the card.
    pub fn synchronise(&self) -> Result<(), DeviceError> {
        self.card.as_ref().map_or(Ok(()), Device::synchronise)
    }

    /// What is changed, as it is now.
    #[cfg(test)]
    pub fn values(&self) -> Vec<Vec<f32>> {
        self.changing.borrow().iter().map(|parameter| parameter.value().data().to_vec()).collect()
    }
}
