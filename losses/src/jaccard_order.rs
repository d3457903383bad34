//! How much the errors of the Lovász losses count, where they lie on a graphics card: sorted there, and nothing is read.

use gobelin_autograd::{Tensor, expect, ops};
use gobelin_kernels::cuda::{DeviceBuffer, order};

/// How much each of the `errors` (N, ..., C) on a card counts: the growth of the Jaccard loss along their order, over the number of classes that
/// count and of pictures that stand alone. `truth` has 1 where a class is the true one; `counted`, where it is given, 1 where a pixel
/// counts; both (N, ..., C), else 0.
///
/// A pixel that joins `k` of the true ones, with `u` in the union then, adds `1 / u` where it is true itself and the class missed it,
/// and otherwise, as a false alarm, `hits left / (u (u - 1))`: differences of the loss without its digits lost.
pub(crate) fn weights(
    errors: &Tensor,
    truth: &Tensor,
    counted: Option<&Tensor>,
    per_sample: bool,
    all_classes: bool,
) -> Tensor {
    let shape = errors.shape();
    let classes = shape[shape.len() - 1];
    let groups = if per_sample { shape[0] } else { 1 };
    let size = errors.len() / (classes * groups).max(1);
    if errors.is_empty() {
        return errors.clone();
    }
    let rows = |x: &Tensor| {
        let pixels = ops::reshape(&x.clone().into(), &[groups, size, classes]);
        ops::reshape(&ops::permute(&pixels, &[0, 2, 1]), &[groups * classes, size])
    };
    let (mut keys, mut truth) = (rows(errors), rows(truth));
    let counted = counted.map(rows);
    if let Some(counted) = &counted {
        // What does not count comes last.
        let last = Tensor::full(keys.shape(), f32::NEG_INFINITY).into();
        keys = ops::select(counted.tensor(), &keys, &last);
        truth = ops::masked(&truth, counted.tensor());
    }
    let [places, ranks] = descending(keys.tensor());
    let joined = ops::take_along(&truth, &places);
    let others = ops::add_scalar(&ops::neg(&joined), 1.0);
    let total = ops::sum_axes(&truth, &[1]);
    let hits_left = ops::sub(&total, &ops::cumulative_sum(&joined));
    let union = ops::add(&total, &ops::cumulative_sum(&others));
    let before = ops::add_scalar(&union, -1.0);
    // The first false alarm of a class that is nowhere makes the loss 1.
    let first = ops::clamp(&ops::add_scalar(&ops::neg(&before), 1.0), 0.0, 1.0);
    let alarm = ops::mul(&hits_left, &ops::reciprocal_or_zero(&ops::mul(&union, &before)));
    let growth = ops::select(joined.tensor(), &ops::reciprocal_or_zero(&union), &ops::add(&alarm, &first));
    let mut own = ops::take_along(&growth, &ranks);
    if let Some(counted) = &counted {
        own = ops::masked(&own, counted.tensor());
    }
    let present = ops::clamp(&total, if all_classes { 1.0 } else { 0.0 }, 1.0);
    let present = ops::reshape(&present, &[groups, classes]);
    let share = ops::mul(&present, &ops::reciprocal_or_zero(&ops::sum_axes(&present, &[1])));
    let share = ops::reshape(&ops::scale(&share, 1.0 / groups as f32), &[groups * classes, 1]);
    let own = ops::reshape(&ops::mul(&own, &share), &[groups, classes, size]);
    ops::reshape(&ops::permute(&own, &[0, 2, 1]), shape).into_tensor()
}

/// Of each row of `x` (R, C) on a card: the places from the largest value to the smallest, and the rank of each place.
fn descending(x: &Tensor) -> [Tensor; 2] {
    let place = x.device().expect("errors on a card");
    let room = || expect(DeviceBuffer::new(place, x.len()));
    let [mut places, mut ranks] = [room(), room()];
    expect(order::descending(x.buffer(place), x.shape()[1], &mut places, &mut ranks));
    [places, ranks].map(|buffer| Tensor::from_device(x.shape(), buffer))
}
