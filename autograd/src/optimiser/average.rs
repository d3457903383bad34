//! A running average of the weights.

use std::cell::Cell;
use std::rc::Rc;

use gobelin_kernels::cuda::elementwise::Zip;

use super::by_rule::assert_distinct;
use super::state::{State, StateError};
use crate::parameter::Parameter;
use crate::replay::each_time;
use crate::tensor::Tensor;

/// An exponential moving average of a net's parameters: a generator so averaged draws better than any of its own
/// steps (Yazıcı et al., "The unusual effectiveness of averaging in GAN training", 2019).
///
/// Parameters are averaged; buffers (running statistics) are taken as they are at the last update. The first update
/// copies all, so that the initial weights have no part in the average. PyTorch's `AveragedModel` does the same.
pub struct Average {
    decay: f64,
    /// Shared with what the host does before a recorded step.
    updates: Rc<Cell<u64>>,
    entries: Vec<Entry>,
}

struct Entry {
    name: String,
    source: Parameter,
    average: Parameter,
    averaged: bool,
}

impl Average {
    /// Over these parameters and buffers, as they are now. `decay` is what the average keeps of itself each update.
    ///
    /// # Panics
    /// If the decay is outside `[0, 1]`, or two entries have one name.
    #[track_caller]
    pub fn new(parameters: Vec<(String, Parameter)>, buffers: Vec<(String, Parameter)>, decay: f64) -> Self {
        assert!((0.0..=1.0).contains(&decay), "average: decay {decay}, expected one in [0, 1]");
        assert_distinct("average", parameters.iter().chain(&buffers).map(|(name, _)| name));
        let entry = |averaged: bool| {
            move |(name, source): (String, Parameter)| {
                let average = Parameter::new(source.value());
                Entry { name, source, average, averaged }
            }
        };
        let entries =
            parameters.into_iter().map(entry(true)).chain(buffers.into_iter().map(entry(false))).collect();
        Self { decay, updates: Rc::default(), entries }
    }

    /// Takes the present values into the average: after each step.
    pub fn update(&mut self) {
        let gain = if self.updates.get() == 0 { 1.0 } else { (1.0 - self.decay) as f32 };
        for Entry { source, average, averaged, .. } in &self.entries {
            let source = source.borrow();
            if let Some(place) = source.device() {
                average.to_device(place);
            }
            if *averaged && gain < 1.0 {
                average.change(|average| {
                    let old = std::mem::replace(average, Tensor::scalar(0.0));
                    let function = |average: f32, value: f32| average + gain * (value - average);
                    *average = old.zip_into_as(&source, Zip::Average(1.0 - gain), function);
                });
            } else if source.device().is_some() {
                average.set(source.clone());
            } else {
                average.update(|average| average.copy_from_slice(source.data()));
            }
        }
        let updates = Rc::clone(&self.updates);
        each_time(move || updates.set(updates.get() + 1));
    }

    /// Runs `work` while the parameters and buffers hold the average: to draw samples with it, or to save it. Nothing
    /// is copied. What `work` changes in them is lost, for the average and for the net alike.
    pub fn during<R>(&mut self, work: impl FnOnce() -> R) -> R {
        let own: Vec<Tensor> = self.entries.iter().map(|entry| entry.source.value()).collect();
        for entry in &self.entries {
            entry.source.set(entry.average.value());
        }
        let result = work();
        for (entry, value) in self.entries.iter().zip(own) {
            entry.source.set(value);
        }
        result
    }

    /// Writes the average into another net's parameters and buffers, given in the order of this one's.
    ///
    /// # Panics
    /// If their number or a shape does not fit.
    #[track_caller]
    pub fn copy_to<'a>(&self, targets: impl IntoIterator<Item = &'a Parameter>) {
        let targets: Vec<&Parameter> = targets.into_iter().collect();
        assert!(
            targets.len() == self.entries.len(),
            "average: {} targets for {} tensors",
            targets.len(),
            self.entries.len()
        );
        for (entry, target) in self.entries.iter().zip(targets) {
            target.set(entry.average.value());
        }
    }

    /// What a checkpoint must hold to go on exactly: updates made and averages, under the parameters' names. Nothing
    /// is copied.
    pub fn state(&self) -> State {
        let tensors = self.entries.iter().map(|entry| (entry.name.clone(), entry.average.value()));
        State { steps: self.updates.get(), tensors: tensors.collect() }
    }

    /// Goes on from a saved state.
    ///
    /// # Errors
    /// If the state does not fit; nothing is changed then.
    pub fn load_state(&mut self, state: &State) -> Result<(), StateError> {
        state.restore(self.entries.iter().map(|entry| (entry.name.clone(), &entry.average)).collect())?;
        self.updates.set(state.steps);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn average() -> (Parameter, Parameter, Average) {
        let weight = Parameter::new(Tensor::new(&[2], [8.0, -8.0]));
        let statistic = Parameter::new(Tensor::scalar(1.0));
        let average = Average::new(
            vec![("weight".into(), weight.clone())],
            vec![("statistic".into(), statistic.clone())],
            0.75,
        );
        (weight, statistic, average)
    }

    #[test]
    fn parameters_are_averaged_and_buffers_taken() {
        let (weight, statistic, mut average) = average();
        for value in [4.0, 8.0, 16.0] {
            weight.update(|w| w.fill(value));
            statistic.update(|s| s[0] = value);
            average.update();
        }
        let (other, copied) = (Parameter::new(Tensor::zeros(&[2])), Parameter::new(Tensor::scalar(0.0)));
        average.copy_to([&other, &copied]);
        assert_eq!((other.value().data(), copied.value().item()), (&[7.75, 7.75][..], 16.0));
        average.during(|| {
            assert_eq!((weight.value().data(), statistic.value().item()), (&[7.75, 7.75][..], 16.0));
        });
        assert_eq!(weight.value().data(), [16.0, 16.0]);
        // The net changes in place again, and the copies handed out do not follow.
        weight.update(|w| w.fill(0.0));
        average.update();
        assert_eq!(other.value().data(), [7.75, 7.75]);
    }

    #[test]
    fn a_saved_average_goes_on() {
        let (weight, _, mut first) = average();
        first.update();
        let saved = first.state();
        let mut second = Average::new(
            vec![("weight".into(), weight.clone())],
            vec![("statistic".into(), Parameter::new(Tensor::scalar(0.0)))],
            0.75,
        );
        second.load_state(&saved).unwrap();
        weight.update(|w| w.fill(3.0));
        first.update();
        second.update();
        assert_eq!(first.state().tensors[0].1.data(), second.state().tensors[0].1.data());
        assert_eq!(second.state().tensors[0].1.data(), [6.75, -5.25]);
    }
}
