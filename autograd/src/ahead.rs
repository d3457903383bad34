//! Inputs that travel to a device while it computes.

use gobelin_kernels::cuda::Device;
use gobelin_kernels::cuda::feed::Feed;

use crate::replay::Bundle;
use crate::tensor::Tensor;
use crate::values::expect;

/// Inputs of a device's next work, sent while it does the work before, as [`Feed`]s do: through memory that the device reads by
/// itself, beside the work. Nobody waits but the work that takes them, and that on the device.
///
/// The memory is made once for tensors of a size, and used again.
pub struct Ahead<I> {
    device: Device,
    /// Of no inputs at present.
    feeds: Vec<Feed>,
    sent: Option<Sent<I>>,
}

struct Sent<I> {
    inputs: I,
    /// One for each of its tensors, but for those that need not travel.
    feeds: Vec<Option<Feed>>,
}

impl<I: Bundle> Ahead<I> {
    /// Nothing yet, to a device.
    pub fn new(device: &Device) -> Self {
        Self { device: device.clone(), feeds: Vec::new(), sent: None }
    }

    /// Sends inputs off; where some were sent and not taken, these are instead of them. Waits until the inputs before have left the
    /// host.
    pub fn send(&mut self, mut inputs: I) {
        self.forget();
        let mut feeds = Vec::new();
        inputs.each_tensor(&mut |tensor| {
            feeds.push(tensor.must_travel().then(|| {
                let mut feed = self.feed(tensor.len());
                expect(feed.send(|values| {
                    values.copy_from_slice(tensor.data());
                    Ok(())
                }));
                feed
            }));
        });
        self.sent = Some(Sent { inputs, feeds });
    }

    /// The inputs that were sent, if any were; what is done with them is done when they have arrived.
    pub fn take(&mut self) -> Option<I> {
        let Sent { mut inputs, feeds } = self.sent.take()?;
        let mut feeds = feeds.into_iter();
        inputs.each_tensor(&mut |tensor| {
            if let Some(mut feed) = feeds.next().expect("one for each tensor") {
                *tensor = Tensor::build_on(&self.device, tensor.shape(), |out| feed.take(out));
                self.feeds.push(feed);
            }
        });
        Some(inputs)
    }

    /// Forgets what was sent.
    pub fn forget(&mut self) {
        if let Some(Sent { feeds, .. }) = self.sent.take() {
            self.feeds.extend(feeds.into_iter().flatten().map(|mut feed| {
                feed.forget();
                feed
            }));
        }
    }

    /// One for so many values.
    fn feed(&mut self, length: usize) -> Feed {
        match self.feeds.iter().position(|feed| feed.length() == length) {
            Some(known) => self.feeds.swap_remove(known),
            None => expect(Feed::new(&self.device, length)),
        }
    }
}

#[cfg(test)]
mod tests {
    use gobelin_emulation::Order;

    use super::*;
    use crate::ops::testing::numbers;
    use crate::{Replay, ops};

    /// Sums of what was given in ten steps, which are replayed from the third on, each sent during the step before.
    fn sums(device: &Device, is_ahead: bool) -> Vec<f32> {
        let mut replay = Replay::on(device);
        let mut ahead = Ahead::new(device);
        let total = crate::Parameter::new(Tensor::zeros(&[2, 3]));
        total.to_device(device);
        let given = |step: u64| {
            // Two of one size, and one of another now and then.
            let columns = if step % 4 == 3 { 1 } else { 3 };
            ([numbers(&[2, 3], step), numbers(&[2, 3], 100 + step)], numbers(&[2, columns], 200 + step))
        };
        let mut told = Vec::new();
        for step in 0..10 {
            let inputs = ahead.take().unwrap_or_else(|| given(step));
            let sum = replay.run(inputs, |([a, b], c)| {
                let sum = ops::add(&ops::mul(&a.into(), &b.into()), &c.into());
                total.set(ops::add(&ops::scale(&total.value().into(), 0.5), &sum).into_tensor());
                ops::sum(&total.value().into()).into_tensor()
            });
            if is_ahead {
                if step == 5 {
                    // What is forgotten is in nobody's way.
                    ahead.send(given(77));
                    ahead.forget();
                    assert!(ahead.take().is_none());
                }
                ahead.send(given(step + 1));
            }
            told.push(sum);
        }
        let mut told: Vec<f32> = told.iter().map(Tensor::item).collect();
        told.extend_from_slice(total.value().data());
        told
    }

    #[test]
    fn each_step_takes_what_was_sent_for_it() {
        let cards = [Order::Forwards, Order::Backwards].map(gobelin_emulation::asked_for_in);
        let [Some(first), Some(second)] = cards else { return };
        let expected = sums(&first, false);
        for card in [first, second] {
            assert_eq!(sums(&card, true), expected);
        }
    }

    #[test]
    fn memory_is_pinned_once_for_a_size_and_nothing_is_sent_that_a_device_has() {
        let Some(card) = gobelin_emulation::asked_for() else { return };
        let mut ahead = Ahead::new(&card);
        for step in 0..5 {
            let there = numbers(&[4], step).to_device(&card);
            ahead.send([there, Tensor::ones(&[4]), numbers(&[4], step), numbers(&[4], 9)]);
            assert_eq!(ahead.feeds.len(), 0);
            let [there, ones, first, second] = ahead.take().unwrap();
            assert_eq!(ahead.feeds.len(), 2);
            for tensor in [&there, &first, &second] {
                assert_eq!(tensor.device(), Some(&card));
            }
            assert_eq!((there.data(), ones.data()), (numbers(&[4], step).data(), &[1.0; 4][..]));
            assert_eq!(first.data(), there.data());
        }
    }
}
