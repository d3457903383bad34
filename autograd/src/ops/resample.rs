//! Linear maps of the rows and columns of pictures: the family behind resizing and mirroring.

use std::sync::Arc;

use gobelin_kernels::cpu::resample::{self, AxisMap};
use gobelin_kernels::cuda::resample::{self as device, DeviceAxisMap};

use crate::tensor::Tensor;
use crate::var::Var;

/// The pictures `x` `(N, H, W, C)` with their rows and columns mapped. Derivative: the transposed maps.
#[track_caller]
pub(super) fn map_axes(op: &'static str, x: &Var, rows: Arc<AxisMap>, columns: Arc<AxisMap>) -> Var {
    let &[n, h, w, c] = x.shape() else { panic!("{op}: shape {:?}, expected (N, H, W, C)", x.shape()) };
    assert!(h == rows.sources() && w == columns.sources(), "{op}: maps of another size than {h} x {w}");
    let y = Tensor::compute(
        &[n, rows.len(), columns.len(), c],
        [x.tensor()],
        |[x], y| resample::map_axes(x, [n, c], &rows, &columns, y),
        |[x], y| {
            let [rows, columns] = [&rows, &columns].map(|map| DeviceAxisMap::new(x.device(), map));
            device::map_axes(x, [n, c], &rows?, &columns?, y)
        },
    );
    Var::record(op, y, &[x], move |step| {
        let (rows, columns) = (rows.transposed().into(), columns.transposed().into());
        vec![Some(map_axes(op, &step.gradient, rows, columns))]
    })
}
