//! The largest and the smallest value along axes.

use std::sync::Arc;

use gobelin_kernels::cpu::extreme::{self, Extreme};
use gobelin_kernels::cuda::{DeviceBuffer, extreme as device};

use super::pick::{choose, three_axes};
use super::places::Places;
use crate::tensor::Tensor;
use crate::values::expect;
use crate::var::Var;

/// The largest value over `axes` (in rising order), which stay with length 1; NaN if there is one. Derivative: all of it to the
/// first of equal values. Axes that do not follow each other are gone through from the last on.
///
/// # Panics
/// If an axis does not exist, the axes do not rise, or there is nothing to choose from.
#[track_caller]
pub fn max_axes(x: &Var, axes: &[usize]) -> Var {
    along("max_axes", x, axes, Extreme::Largest)
}

/// The smallest value over `axes`, as [`max_axes`].
///
/// # Panics
/// As [`max_axes`].
#[track_caller]
pub fn min_axes(x: &Var, axes: &[usize]) -> Var {
    along("min_axes", x, axes, Extreme::Smallest)
}

#[track_caller]
fn along(op: &str, x: &Var, axes: &[usize], extreme: Extreme) -> Var {
    let shape = x.shape();
    let rising = axes.windows(2).all(|pair| pair[0] < pair[1]);
    let exist = axes.iter().all(|&axis| axis < shape.len() && shape[axis] > 0);
    assert!(
        rising && exist,
        "{op}: axes {axes:?} of shape {shape:?}, expected rising axes that are not empty"
    );
    let mut y = x.clone();
    let runs: Vec<&[usize]> = axes.chunk_by(|a, b| a + 1 == *b).collect();
    for run in runs.into_iter().rev() {
        let (first, end) = (run[0], run[run.len() - 1] + 1);
        let lengths = three_axes(y.shape(), first, end);
        let places = search(y.tensor(), lengths, extreme);
        y = choose(&y, first, end, Arc::new(places));
    }
    y
}

/// Where along the middle of three axes the extreme value lies, for each of the others.
fn search(x: &Tensor, lengths: [usize; 3], extreme: Extreme) -> Places {
    let count = lengths[0] * lengths[2];
    let Some(place) = x.device() else {
        let mut places = vec![0; count];
        extreme::search_middle(x.data(), lengths, extreme, &mut places);
        return Places::Host(places);
    };
    let mut places = expect(DeviceBuffer::new(place, count));
    expect(device::search_middle(x.buffer(place), lengths, extreme, &mut places));
    Places::Device(places)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::GradientCheck;
    use crate::ops;
    use crate::random;
    use crate::tape::Tape;
    use crate::tensor::Tensor;

    #[test]
    fn gradients() {
        let x = random::separated(&[2, 3, 4, 2], 0.5, &mut random::generator(1, 0));
        for axes in [&[0][..], &[3], &[1, 2], &[0, 2], &[0, 1, 2, 3], &[]] {
            GradientCheck::default()
                .assert(std::slice::from_ref(&x), |x| ops::square(&max_axes(&x[0], axes)));
            GradientCheck::default()
                .assert(std::slice::from_ref(&x), |x| ops::square(&min_axes(&x[0], axes)));
        }
    }

    #[test]
    fn the_first_of_equal_values_takes_the_gradient() {
        let tape = Tape::new();
        let x = tape.leaf(Tensor::new(&[2, 3], [1.0, 5.0, 5.0, -1.0, -1.0, -2.0]));
        let (y, z) = (max_axes(&x, &[1]), min_axes(&x, &[0, 1]));
        assert_eq!((y.shape(), y.tensor().data(), z.item()), (&[2, 1][..], &[5.0, -1.0][..], -2.0));
        assert_eq!(tape.gradients(&ops::sum(&y), &[&x])[0].data(), [0.0, 1.0, 0.0, 1.0, 0.0, 0.0]);
    }

    #[test]
    fn nan_is_not_hidden() {
        let x = Tensor::new(&[2, 2], [1.0, f32::NAN, 3.0, 4.0]).into();
        assert!(max_axes(&x, &[0, 1]).item().is_nan() && min_axes(&x, &[0, 1]).item().is_nan());
    }
}
