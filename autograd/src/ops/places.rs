//! Places along an axis, where ops read or write.

use std::sync::Arc;

use gobelin_kernels::cuda::{DeviceBuffer, gather};

use crate::tensor::Tensor;
use crate::values::expect;

/// Places as ops are told them.
#[derive(Clone, Copy, Debug)]
pub enum Indices<'a> {
    /// The host knows them.
    Known(&'a [u32]),
    /// Whole numbers in a tensor, exact up to 2^24. They may lie on a device, and so be an input of recorded work; there they
    /// are not read, and one that names no place is taken as the nearest that does.
    Numbers(&'a Tensor),
}

impl Indices<'_> {
    /// How many there are.
    pub(super) fn len(self) -> usize {
        match self {
            Self::Known(places) => places.len(),
            Self::Numbers(numbers) => numbers.len(),
        }
    }
}

impl<'a> From<&'a [u32]> for Indices<'a> {
    fn from(places: &'a [u32]) -> Self {
        Self::Known(places)
    }
}

impl<'a> From<&'a Vec<u32>> for Indices<'a> {
    fn from(places: &'a Vec<u32>) -> Self {
        Self::Known(places)
    }
}

impl<'a, const N: usize> From<&'a [u32; N]> for Indices<'a> {
    fn from(places: &'a [u32; N]) -> Self {
        Self::Known(places)
    }
}

impl<'a> From<&'a Tensor> for Indices<'a> {
    fn from(numbers: &'a Tensor) -> Self {
        Self::Numbers(numbers)
    }
}

/// Places along an axis, all of them below its length, on the side where the ops that use them run.
pub(super) enum Places {
    Host(Vec<u32>),
    Device(DeviceBuffer<u32>),
}

impl Places {
    /// Places of an op on `x`, along an axis of `count`.
    ///
    /// # Panics
    /// If one that the host sees is not there.
    #[track_caller]
    pub fn new(op: &str, indices: Indices, count: usize, x: &Tensor) -> Arc<Self> {
        Arc::new(match indices {
            Indices::Known(places) => {
                if let Some(beyond) = places.iter().find(|&&place| place as usize >= count) {
                    panic!("{op}: index {beyond}, expected a whole number less than {count}");
                }
                match x.device() {
                    None => Self::Host(places.to_vec()),
                    Some(device) => Self::Device(expect(DeviceBuffer::from_slice(device, places))),
                }
            }
            Indices::Numbers(numbers) => match Tensor::common_device(&[x, numbers]) {
                None => {
                    let is_there = |x: f32| x == (x as u32) as f32 && (x as usize) < count;
                    if let Some(beyond) = numbers.data().iter().find(|&&number| !is_there(number)) {
                        panic!("{op}: index {beyond}, expected a whole number less than {count}");
                    }
                    Self::Host(numbers.data().iter().map(|&number| number as u32).collect())
                }
                Some(device) => {
                    let mut places = expect(DeviceBuffer::new(device, numbers.len()));
                    expect(gather::to_places(numbers.buffer(device), count, &mut places));
                    Self::Device(places)
                }
            },
        })
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        match self {
            Self::Host(places) => places.len(),
            Self::Device(places) => places.len(),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::ops::testing::numbers;
    use crate::ops::{mul, pick, scatter_add_rows, square, sum, take};
    use crate::{Replay, Tape, Tensor};

    #[test]
    fn numbers_in_a_tensor_name_the_same_places() {
        let x = numbers(&[4, 3], 1).into();
        let [known, told] = [pick(&x, &[2, 0, 1, 1]), pick(&x, &Tensor::new(&[4, 1], [2.0, 0.0, 1.0, 1.0]))];
        assert_eq!(known.tensor().data(), told.tensor().data());
        let [known, told] = [take(&x, &[11, 0, 11]), take(&x, &Tensor::new(&[3], [11.0, 0.0, 11.0]))];
        assert_eq!(known.tensor().data(), told.tensor().data());
    }

    #[test]
    #[should_panic(expected = "take: index 0.5, expected a whole number less than 6")]
    fn a_number_that_names_no_place_is_named() {
        let _ = take(&numbers(&[2, 3], 1).into(), &Tensor::scalar(0.5));
    }

    /// Each replay reads where its own numbers say, forward and back.
    #[test]
    fn numbers_are_an_input_of_recorded_work() {
        let Some(card) = gobelin_emulation::asked_for() else { return };
        let mut replay = Replay::on(&card);
        let x = numbers(&[4, 3], 1).to_device(&card);
        for places in [[2.0, 0.0, 1.0, 1.0], [0.0, 2.0, 2.0, 1.0], [1.0, 1.0, 0.0, 2.0], [2.0, 2.0, 2.0, 0.0]]
        {
            let work = |places: Tensor| {
                let tape = Tape::new();
                let x = tape.leaf(x.clone());
                let rows = scatter_add_rows(&x, &places, 3);
                let loss = sum(&square(&mul(&sum(&square(&rows)), &pick(&x, &places))));
                tape.gradients(&loss, &[&x]).remove(0)
            };
            let places = Tensor::new(&[4], places);
            let expected = work(places.to_device(&card));
            assert_eq!(replay.run(places, work).data(), expected.data());
        }
        assert_eq!(replay.nodes().len(), 1);
    }
}
