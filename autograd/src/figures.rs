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
pub struct Figures<const N: usize>(Gathered<N>);

#[derive(Clone, Debug)]
enum Gathered<const N: usize> {
    Known([f64; N]),
    OnDevice(Tensor),
}

impl<const N: usize> Figures<N> {
    /// Puts them side by side.
    ///
    /// # Panics
    /// If some of them are known and others on a device.
    #[track_caller]
    pub fn gather(figures: [Figure; N]) -> Self {
        let tensors: Vec<&Tensor> = figures
            .iter()
            .filter_map(|figure| match figure {
                Figure::OnDevice(tensor) => Some(tensor),
                Figure::Known(_) => None,
            })
            .collect();
        let Some(place) = tensors.first().and_then(|first| first.device()) else {
            return Self(Gathered::Known(figures.map(|figure| figure.get())));
        };
        assert!(tensors.len() == N, "figures: {} of {N} are on a device, expected all", tensors.len());
        let singles: Vec<_> = tensors.iter().map(|tensor| tensor.buffer(place)).collect();
        let gathered = Tensor::build_on(place, &[N], |out| layout::gather_singles(&singles, out));
        Self(Gathered::OnDevice(gathered))
    }

    /// The numbers, in their order; waits for them.
    pub fn read(&self) -> [f64; N] {
        match &self.0 {
            Gathered::Known(numbers) => *numbers,
            Gathered::OnDevice(tensor) => std::array::from_fn(|i| f64::from(tensor.data()[i])),
        }
    }
}

impl<const N: usize> Bundle for Figures<N> {
    fn each_tensor(&mut self, visit: &mut dyn FnMut(&mut Tensor)) {
        if let Gathered::OnDevice(tensor) = &mut self.0 {
            visit(tensor);
        }
    }
}
