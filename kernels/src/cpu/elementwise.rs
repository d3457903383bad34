//! One function over every element, or over pairs of elements.
//!
//! The loops are plain; inside [`dispatch`] the compiler vectorises them for the processor found. No product is
//! contracted with a sum, so both forms give the same bits.

use rayon::prelude::*;

use super::simd::{Kernel, Vector, dispatch};
use super::strides::{Rows, dense, join_axes};

/// Elements a task handles: 64 KiB of each operand. Fewer are not worth waking a second thread for. Reasoned, not
/// measured.
const CHUNK: usize = 16 * 1024;

struct Map<'a, F>(&'a [f32], &'a mut [f32], &'a F);

impl<F: Fn(f32) -> f32> Kernel for Map<'_, F> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        for (out, &value) in self.1.iter_mut().zip(self.0) {
            *out = (self.2)(value);
        }
    }
}

struct MapInPlace<'a, F>(&'a mut [f32], &'a F);

impl<F: Fn(f32) -> f32> Kernel for MapInPlace<'_, F> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        for value in self.0 {
            *value = (self.1)(*value);
        }
    }
}

struct Zip<'a, F>(&'a [f32], &'a [f32], &'a mut [f32], &'a F);

impl<F: Fn(f32, f32) -> f32> Kernel for Zip<'_, F> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        for ((out, &a), &b) in self.2.iter_mut().zip(self.0).zip(self.1) {
            *out = (self.3)(a, b);
        }
    }
}

struct ZipInPlace<'a, F>(&'a mut [f32], &'a [f32], &'a F);

impl<F: Fn(f32, f32) -> f32> Kernel for ZipInPlace<'_, F> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        for (a, &b) in self.0.iter_mut().zip(self.1) {
            *a = (self.2)(*a, b);
        }
    }
}

struct ZipThree<'a, F>([&'a [f32]; 3], &'a mut [f32], &'a F);

impl<F: Fn(f32, f32, f32) -> f32> Kernel for ZipThree<'_, F> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let [a, b, c] = self.0;
        for (((out, &a), &b), &c) in self.1.iter_mut().zip(a).zip(b).zip(c) {
            *out = (self.2)(a, b, c);
        }
    }
}

/// `out[i] = function(x[i])`.
///
/// # Panics
/// If the lengths differ.
pub fn map(x: &[f32], out: &mut [f32], function: impl Fn(f32) -> f32 + Sync) {
    assert_eq!(x.len(), out.len(), "map: lengths");
    let work = |(x, out): (&[f32], &mut [f32])| dispatch(Map(x, out, &function));
    if x.len() <= CHUNK {
        work((x, out));
    } else {
        x.par_chunks(CHUNK).zip(out.par_chunks_mut(CHUNK)).for_each(work);
    }
}

/// `values[i] = function(values[i])`.
pub fn map_in_place(values: &mut [f32], function: impl Fn(f32) -> f32 + Sync) {
    if values.len() <= CHUNK {
        dispatch(MapInPlace(values, &function));
    } else {
        values.par_chunks_mut(CHUNK).for_each(|values| dispatch(MapInPlace(values, &function)));
    }
}

/// `out[i] = function(a[i], b[i])`.
///
/// # Panics
/// If the lengths differ.
pub fn zip(a: &[f32], b: &[f32], out: &mut [f32], function: impl Fn(f32, f32) -> f32 + Sync) {
    assert!(a.len() == b.len() && a.len() == out.len(), "zip: lengths {} {} {}", a.len(), b.len(), out.len());
    if a.len() <= CHUNK {
        dispatch(Zip(a, b, out, &function));
    } else {
        let chunks = a.par_chunks(CHUNK).zip(b.par_chunks(CHUNK)).zip(out.par_chunks_mut(CHUNK));
        chunks.for_each(|((a, b), out)| dispatch(Zip(a, b, out, &function)));
    }
}

/// `a[i] = function(a[i], b[i])`.
///
/// # Panics
/// If the lengths differ.
pub fn zip_in_place(a: &mut [f32], b: &[f32], function: impl Fn(f32, f32) -> f32 + Sync) {
    assert_eq!(a.len(), b.len(), "zip: lengths");
    if a.len() <= CHUNK {
        dispatch(ZipInPlace(a, b, &function));
    } else {
        let chunks = a.par_chunks_mut(CHUNK).zip(b.par_chunks(CHUNK));
        chunks.for_each(|(a, b)| dispatch(ZipInPlace(a, b, &function)));
    }
}

/// `out[i] = function(a[i], b[i], c[i])`.
///
/// # Panics
/// If the lengths differ.
pub fn zip_three([a, b, c]: [&[f32]; 3], out: &mut [f32], function: impl Fn(f32, f32, f32) -> f32 + Sync) {
    let same = [a.len(), b.len(), c.len()].iter().all(|&length| length == out.len());
    assert!(same, "zip_three: lengths {} {} {} {}", a.len(), b.len(), c.len(), out.len());
    let inputs = a.par_chunks(CHUNK).zip(b.par_chunks(CHUNK)).zip(c.par_chunks(CHUNK));
    out.par_chunks_mut(CHUNK).zip(inputs).for_each(|(out, ((a, b), c))| {
        dispatch(ZipThree([a, b, c], out, &function));
    });
}

/// `out = function(a, b)` where an operand may be repeated along axes.
///
/// `shape` is the output's; `a_strides` and `b_strides` give each operand's step along each axis, 0 where it is
/// repeated. The innermost step of each operand must be 0 or 1.
///
/// # Panics
/// If the innermost steps are neither 0 nor 1, or an operand is too short.
pub fn zip_strided(
    shape: &[usize],
    (a, a_strides): (&[f32], &[usize]),
    (b, b_strides): (&[f32], &[usize]),
    out: &mut [f32],
    function: impl Fn(f32, f32) -> f32 + Sync,
) {
    if out.is_empty() {
        return;
    }
    let (shape, [a_strides, b_strides]) = join_axes(shape, [a_strides, b_strides]);
    let (a, b) = (Operand::new(a, &a_strides, &shape), Operand::new(b, &b_strides, &shape));
    let (&row, outer) = shape.split_last().expect("one axis stays");
    if row >= LONG {
        let rows = CHUNK.div_ceil(row);
        out.par_chunks_mut(rows * row).enumerate().for_each(|(chunk, out)| {
            let (a_rows, b_rows) = (a.rows(chunk * rows, outer), b.rows(chunk * rows, outer));
            for ((out, a_at), b_at) in out.chunks_mut(row).zip(a_rows).zip(b_rows) {
                match (a.step, b.step) {
                    (1, 1) => {
                        dispatch(Zip(&a.values[a_at..][..row], &b.values[b_at..][..row], out, &function));
                    }
                    (1, _) => {
                        dispatch(Map(&a.values[a_at..][..row], out, &|value| {
                            function(value, b.values[b_at])
                        }));
                    }
                    (_, 1) => {
                        dispatch(Map(&b.values[b_at..][..row], out, &|value| {
                            function(a.values[a_at], value)
                        }));
                    }
                    _ => out.fill(function(a.values[a_at], b.values[b_at])),
                }
            }
        });
        return;
    }
    let rows = BLOCK.div_ceil(row);
    out.par_chunks_mut(CHUNK.div_ceil(rows * row) * rows * row).enumerate().for_each(|(chunk, out)| {
        let first = chunk * CHUNK.div_ceil(rows * row) * rows;
        let (mut a_scratch, mut b_scratch) = (Vec::new(), Vec::new());
        for (block, out) in out.chunks_mut(rows * row).enumerate() {
            let (at, count) = (first + block * rows, out.len() / row);
            let a = a.block(at, count, &shape, &mut a_scratch);
            let b = b.block(at, count, &shape, &mut b_scratch);
            dispatch(Zip(a, b, out, &function));
        }
    });
}

/// Rows at least this long are handled one by one; shorter ones, such as a pixel's three channels, in blocks for which
/// repeated operands are written out, which stays in the first-level cache.
const LONG: usize = 256;
/// Values of a block of short rows.
const BLOCK: usize = 1024;

/// An operand of [`zip_strided`].
struct Operand<'a> {
    values: &'a [f32],
    /// The steps of the axes outside the rows.
    outer: &'a [usize],
    /// The step along a row.
    step: usize,
    /// It lies in memory as the output does.
    is_dense: bool,
    /// Every row is the same.
    is_one_row: bool,
}

impl<'a> Operand<'a> {
    fn new(values: &'a [f32], strides: &'a [usize], shape: &[usize]) -> Self {
        let (&step, outer) = strides.split_last().expect("one axis stays");
        assert!(step <= 1, "zip_strided: innermost step {step}");
        let (is_dense, is_one_row) = (strides == dense(shape), outer.iter().all(|&stride| stride == 0));
        Self { values, outer, step, is_dense, is_one_row }
    }

    fn rows<'b>(&'b self, first: usize, outer: &'b [usize]) -> Rows<'b> {
        Rows::from(first, outer, self.outer)
    }

    /// `count` rows from `first` on: as they lie if they can be read so, else written out into `scratch`, which holds those
    /// of an earlier block that was no smaller.
    fn block<'b>(
        &'b self,
        first: usize,
        count: usize,
        shape: &[usize],
        scratch: &'b mut Vec<f32>,
    ) -> &'b [f32] {
        let (&row, outer) = shape.split_last().expect("one axis stays");
        if self.is_dense {
            return &self.values[first * row..][..count * row];
        }
        if scratch.is_empty() || !self.is_one_row {
            scratch.resize(count * row, 0.0);
            for (out, at) in scratch.chunks_exact_mut(row).zip(self.rows(first, outer)) {
                if self.step == 1 {
                    for (out, &value) in out.iter_mut().zip(&self.values[at..][..row]) {
                        *out = value;
                    }
                } else {
                    out.fill(self.values[at]);
                }
            }
        }
        &scratch[..count * row]
    }
}

#[cfg(test)]
mod tests {
    use super::super::simd::{Form, dispatch_as, forms};
    use super::*;

    #[test]
    fn all_forms_give_the_same_bits() {
        let x: Vec<f32> = (0..1003).map(|i| (i as f32 * 0.37).sin() * 3.0).collect();
        let function = |v: f32| v * v * 0.3 + v;
        let run = |form| {
            let mut y = vec![0.0; x.len()];
            dispatch_as(form, Map(&x, &mut y, &function));
            y
        };
        for form in forms() {
            assert_eq!(run(form), run(Form::Portable), "{form:?}");
        }
    }

    #[test]
    fn strided_operands_repeat() {
        let a: Vec<f32> = (0..6).map(|v| v as f32).collect();
        let mut out = vec![0.0; 12];
        // a: (2, 1, 3) and b: (2, 1), both spread to (2, 2, 3).
        zip_strided(&[2, 2, 3], (&a, &[3, 0, 1]), (&[10.0, 20.0], &[0, 1, 0]), &mut out, |a, b| a + b);
        assert_eq!(out, [10., 11., 12., 20., 21., 22., 13., 14., 15., 23., 24., 25.]);
    }
    #[test]
    fn every_way_of_repeating_is_right_for_short_and_long_rows() {
        // For each axis: along both, repeated in `a`, repeated in `b`.
        for (kinds, row) in (0..27).flat_map(|kinds| [1, 3, 300].map(|row| (kinds, row))) {
            let shape = [17, 60, row];
            let strides = |repeated: usize| -> Vec<usize> {
                let mut step = 1;
                let mut strides = vec![0; 3];
                for axis in (0..3).rev() {
                    if kinds / 3usize.pow(axis as u32) % 3 != repeated {
                        strides[axis] = step;
                        step *= shape[axis];
                    }
                }
                strides
            };
            let values: Vec<f32> = (0..17 * 60 * row).map(|i| (i * 7919 % 1009) as f32).collect();
            let (a, b) = (strides(1), strides(2));
            let mut out = vec![0.0; values.len()];
            zip_strided(&shape, (&values, &a), (&values, &b), &mut out, |a, b| a - 2.0 * b);
            for (i, &found) in out.iter().enumerate() {
                let place = [i / row / 60, i / row % 60, i % row];
                let at =
                    |strides: &[usize]| values[(0..3).map(|axis| place[axis] * strides[axis]).sum::<usize>()];
                assert_eq!(found, at(&a) - 2.0 * at(&b), "{kinds} {row}");
            }
        }
    }
}
