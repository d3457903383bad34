//! Numbers that a step tells, on their way to the host.

use gobelin_kernels::cuda::layout;

use crate::replay::Bundle;
use crate::tensor::Tensor;
use crate::var::Var;

/// A number that a step tells: known, or still on the device where it is worked out.
#[derive(Clone, Debug)]
pub enum Figure {
    /// It is on the host.
    Known(f64),
    /// A tensor of one value on a device.
    OnDevice(Tensor),
}

/// Zero, which is known: of what a step does not have.
impl Default for Figure {
    fn default() -> Self {
        Self::Known(0.0)
    }
}

impl Figure {
    /// The number; waits for it.
    pub fn get(&self) -> f64 {
        match self {
            Self::Known(number) => *number,
            Self::OnDevice(tensor) => f64::from(tensor.item()),
        }
    }
}

/// The only value of a tensor.
impl From<&Tensor> for Figure {
    #[track_caller]
    fn from(tensor: &Tensor) -> Self {
        match tensor.device() {
            None => Self::Known(f64::from(tensor.item())),
            Some(_) => Self::OnDevice(tensor.clone()),
        }
    }
}

impl From<&Var> for Figure {
    #[track_caller]
    fn from(var: &Var) -> Self {
        var.tensor().into()
    }
}

/// The figures of a step, which are read all at once.
#[derive(Clone, Debug)]
pub struct Figures<const N: usize> {
    /// Those that are known, where they belong.
    known: [f64; N],
    /// The others side by side on the device, and where they belong.
    on_device: Option<(Tensor, Vec<usize>)>,
}

impl<const N: usize> Figures<N> {
    /// Puts them side by side. Those that are known stay known: of recorded work, they are each time what they were when it was
    /// recorded.
    pub fn gather(figures: [Figure; N]) -> Self {
        let (mut known, mut places, mut singles) = ([0.0; N], Vec::new(), Vec::new());
        for (place, figure) in figures.into_iter().enumerate() {
            match figure {
                Figure::Known(number) => known[place] = number,
                Figure::OnDevice(tensor) => {
                    places.push(place);
                    singles.push(tensor);
                }
            }
        }
        let on_device = singles.first().and_then(|first| first.device()).map(|device| {
            let buffers: Vec<_> = singles.iter().map(|single| single.buffer(device)).collect();
            let gathered =
                Tensor::build_on(device, &[buffers.len()], |out| layout::gather_singles(&buffers, out));
            (gathered, places)
        });
        Self { known, on_device }
    }

    /// The numbers, in their order; waits for them.
    pub fn read(&self) -> [f64; N] {
        let mut numbers = self.known;
        if let Some((tensor, places)) = &self.on_device {
            for (place, value) in places.iter().zip(tensor.data()) {
                numbers[*place] = f64::from(*value);
            }
        }
        numbers
    }
}

impl<const N: usize> Bundle for Figures<N> {
    fn each_tensor(&mut self, visit: &mut dyn FnMut(&mut Tensor)) {
        if let Some((tensor, _)) = &mut self.on_device {
            visit(tensor);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::card;

    #[test]
    fn figures_are_read_where_they_belong() {
        let known = [2.0, 0.1, -5.0];
        assert_eq!(Figures::gather(known.map(Figure::Known)).read(), known);
        let Some(card) = card() else { return };
        let there = |value: f32| Figure::from(&Tensor::scalar(value).to_device(&card));
        assert_eq!(Figures::gather([there(2.0), there(0.5)]).read(), [2.0, 0.5]);
        let mixed = [there(2.0), Figure::Known(0.1), there(-5.0), Figure::Known(0.0)];
        assert_eq!(Figures::gather(mixed).read(), [2.0, 0.1, -5.0, 0.0]);
    }
}
