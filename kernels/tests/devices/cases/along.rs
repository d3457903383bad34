use gobelin_kernels::cpu::along as host;
use gobelin_kernels::cuda::along as device;

use crate::case::{Case, numbers, of};

pub fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for (rows, columns, taken) in [(1, 1, 1), (5, 7, 3), (40, 33, 70)] {
        // From -1 to one beyond the last, so that some are no places and many are shared.
        let whole = (columns + 2) as f32;
        let places: Vec<f32> =
            numbers(rows * taken, 3).iter().map(|x| ((x + 1.0) / 2.0 * whole).floor() - 1.0).collect();
        cases.push(of(
            format!("take_along: {taken} of {columns} in each of {rows} rows"),
            0.0,
            [numbers(rows * columns, 1), places.clone()],
            rows * taken,
            move |[x, places], out| host::take_along(x, rows, places, out),
            move |[x, places], out| device::take_along(x, rows, places, out),
        ));
        cases.push(of(
            format!("add_along: {taken} to {columns} in each of {rows} rows"),
            1e-6,
            [numbers(rows * taken, 2), places],
            rows * columns,
            move |[x, places], out| host::add_along(x, rows, places, out),
            move |[x, places], out| device::add_along(x, rows, places, out),
        ));
    }
    cases
}
