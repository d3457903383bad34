//! Products of matrices: `C = A B`, packed and blocked for the caches, threads over blocks of C.
//!
//! A is read where it lies, unless its rows would crowd into a few places of the caches, or it lies transposed; B is always
//! packed. What is packed of the smaller operand is packed whole, first. Then tasks cut C, mostly its longer side, and each
//! packs its own part of the other operand, so that little is packed twice (where C is small and the sum long, they cut
//! the sum as well). A task walks the sum in steps of at most `DEPTH` and its rows in groups of `HEIGHT`: for each panel
//! of B, which stays in the first-level cache, it runs the micro-kernel down the rows of A, which stay in the second-level
//! cache.
//!
//! Blocks are cut by shape alone and stretches of the sum are added in order, so the result is the same to the last
//! bit on any number of threads.

mod cut;
pub(crate) mod micro;
mod operands;
pub(crate) mod output;
pub(crate) mod pack;
#[cfg(test)]
mod tests;

use crate::Buffer;
use crate::cpu::parallel;
use crate::cpu::simd::{Form, Kernel, Vector, dispatch_as, form};
use cut::{Cut, Side, Task};
use micro::{COLUMNS, ROWS, Tile};
use operands::{Columns, Operands, Term};
use output::Output;

/// Longest stretch of the sum between two visits to C: a panel of B takes 16 KB of a first-level cache of 32 KB; with
/// AVX-512, whose processors have one of 48 KB, two take 32 KB.
pub(crate) const DEPTH: usize = 256;
/// Rows of A that one panel of B serves: 192 KB of a second-level cache of 512 KB or more at full depth.
const HEIGHT: usize = 192;
/// Floats between the end of a copied row of A and the next: rows a power of two apart would share cache sets.
const GAP: usize = 16;
/// Rows of A this many floats apart (or a multiple) all share cache sets.
const PAGE: usize = 1024;

/// A product `C = A B` of row-major matrices: A is `m x k`, B `k x n`, C `m x n`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gemm {
    /// Rows of A and C.
    pub m: usize,
    /// Columns of B and C.
    pub n: usize,
    /// Columns of A, rows of B: the length of each sum.
    pub k: usize,
    /// A lies in memory as `k x m`.
    pub transpose_a: bool,
    /// B lies in memory as `n x k`.
    pub transpose_b: bool,
    /// Add to C instead of overwriting it.
    pub accumulate: bool,
}

impl Gemm {
    /// `C = A B` with nothing transposed.
    pub fn new(m: usize, n: usize, k: usize) -> Self {
        Self { m, n, k, transpose_a: false, transpose_b: false, accumulate: false }
    }
}

/// How often a product is repeated, and how many floats lie between one matrix and the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Batch {
    /// Number of products.
    pub count: usize,
    /// From one A to the next; 0 uses one A for all.
    pub stride_a: usize,
    /// From one B to the next; 0 uses one B for all.
    pub stride_b: usize,
    /// From one C to the next: at least `m n`.
    pub stride_c: usize,
}

/// Computes one product.
///
/// # Panics
/// If a slice is shorter than its matrix.
#[track_caller]
pub fn gemm(shape: &Gemm, a: &[f32], b: &[f32], c: &mut [f32]) {
    gemm_as(form(), shape, a, b, c);
}

/// [`gemm`] in a given form.
#[track_caller]
pub(crate) fn gemm_as(form: Form, shape: &Gemm, a: &[f32], b: &[f32], c: &mut [f32]) {
    let batch = Batch { count: 1, stride_a: 0, stride_b: 0, stride_c: shape.m * shape.n };
    gemm_batch_as(form, shape, &batch, a, b, c);
}

/// Computes `batch.count` products of one shape.
///
/// # Panics
/// If a slice is shorter than its matrices, or the results overlap.
#[track_caller]
pub fn gemm_batch(shape: &Gemm, batch: &Batch, a: &[f32], b: &[f32], c: &mut [f32]) {
    gemm_batch_as(form(), shape, batch, a, b, c);
}

/// Computes the products of one A with several B, `C = A B` for each: what is read of A serves them all. `shape.n` is the sum of
/// their columns.
///
/// # Panics
/// If a slice is shorter than its matrix.
#[track_caller]
pub fn gemm_beside(shape: &Gemm, a: &[f32], products: &mut [Beside]) {
    gemm_beside_as(form(), shape, a, products);
}

/// A product among several side by side.
pub struct Beside<'a> {
    /// Columns of B and C.
    pub n: usize,
    /// Its B.
    pub b: &'a [f32],
    /// Its C.
    pub c: &'a mut [f32],
}

#[track_caller]
pub(crate) fn gemm_beside_as(form: Form, shape: &Gemm, a: &[f32], products: &mut [Beside]) {
    let &Gemm { m, n, k, .. } = shape;
    let fits = products.iter().all(|p| p.b.len() >= k * p.n && p.c.len() >= m * p.n);
    let sum: usize = products.iter().map(|p| p.n).sum();
    assert!(
        fits && a.len() >= m * k && sum == n,
        "gemm: {shape:?} does not fit products of {sum} columns and their slices"
    );
    let mut first = 0;
    let mut columns = Vec::with_capacity(products.len());
    let mut outputs = Vec::with_capacity(products.len());
    for Beside { n, b, c } in products.iter_mut().filter(|product| product.n > 0) {
        columns.push(Columns { b, width: *n, first });
        outputs.push(Output::new(c));
        first += n.next_multiple_of(2 * COLUMNS);
    }
    let terms = [Term { a, b: &[], length: k, first: 0 }];
    let batch = Batch { count: 1, stride_a: 0, stride_b: 0, stride_c: 0 };
    run(form, shape, &batch, &columns, &terms, &outputs);
}

/// Computes a sum of products, `C = A B + A' B' + ...`. `shape.k` is the sum of their lengths.
///
/// # Panics
/// If a slice is shorter than its matrix.
#[track_caller]
pub fn gemm_sum(shape: &Gemm, products: &[Added], c: &mut [f32]) {
    gemm_sum_as(form(), shape, products, c);
}

/// A product among several that are added.
pub struct Added<'a> {
    /// Columns of A, rows of B.
    pub k: usize,
    /// Its A.
    pub a: &'a [f32],
    /// Its B.
    pub b: &'a [f32],
}

#[track_caller]
pub(crate) fn gemm_sum_as(form: Form, shape: &Gemm, products: &[Added], c: &mut [f32]) {
    let &Gemm { m, n, k, .. } = shape;
    let fits = products.iter().all(|p| p.a.len() >= m * p.k && p.b.len() >= p.k * n);
    let sum: usize = products.iter().map(|p| p.k).sum();
    assert!(
        fits && c.len() >= m * n && sum == k,
        "gemm: {shape:?} does not fit products of {sum} steps and their slices"
    );
    let mut first = 0;
    let mut terms = Vec::with_capacity(products.len());
    for &Added { k, a, b } in products.iter().filter(|product| product.k > 0) {
        terms.push(Term { a, b, length: k, first });
        first += k;
    }
    let columns = [Columns { b: terms.first().map_or(&[], |term| term.b), width: n, first: 0 }];
    let batch = Batch { count: 1, stride_a: 0, stride_b: 0, stride_c: m * n };
    run(form, shape, &batch, &columns, &terms, &[Output::new(c)]);
}

#[track_caller]
fn gemm_batch_as(form: Form, shape: &Gemm, batch: &Batch, a: &[f32], b: &[f32], c: &mut [f32]) {
    let &Gemm { m, n, k, .. } = shape;
    if batch.count == 0 || m == 0 || n == 0 {
        return;
    }
    let last = batch.count - 1;
    assert!(
        a.len() >= last * batch.stride_a + m * k
            && b.len() >= last * batch.stride_b + k * n
            && c.len() >= last * batch.stride_c + m * n
            && (last == 0 || batch.stride_c >= m * n),
        "gemm: {shape:?} with {batch:?} does not fit slices of {} (A), {} (B) and {} (C) floats",
        a.len(),
        b.len(),
        c.len(),
    );
    let columns = [Columns { b, width: n, first: 0 }];
    let terms = [Term { a, b, length: k, first: 0 }];
    run(form, shape, batch, &columns, &terms, &[Output::new(c)]);
}

/// Products whose slices are long enough; `outputs` are the C of the columns.
fn run(form: Form, shape: &Gemm, batch: &Batch, columns: &[Columns], terms: &[Term], outputs: &[Output]) {
    let &Gemm { m, n, k, .. } = shape;
    if m == 0 || n == 0 {
        return;
    }
    if k == 0 {
        for (c, columns) in outputs.iter().zip(columns).filter(|_| !shape.accumulate) {
            for item in 0..batch.count {
                let start = c.offset(item * batch.stride_c).pointer();
                // SAFETY: the caller vouches for each C.
                unsafe { std::slice::from_raw_parts_mut(start, m * columns.width) }.fill(0.0);
            }
        }
        return;
    }
    let width = columns.last().map_or(0, |last| last.first + last.width);
    let cut = Cut::of([m, width], k, batch.count);
    let operands = Operands { shape, batch, columns, terms, depth: cut.depth };
    let shared = match cut.shared {
        Side::Left if operands.in_place() => Buffer::new(0),
        side => operands.share(form, side),
    };
    // The first stretch of the sum goes to C itself, each further one to a matrix of its own.
    let parts = cut.stretches - 1;
    let mut partial = Buffer::new(parts * batch.count * m * n);
    let rest = Output::new(&mut partial);
    // Where a product's part of such a matrix begins: those before it have `m` rows each.
    let before = |index: usize| m * columns[..index].iter().map(|columns| columns.width).sum::<usize>();
    parallel::for_each(cut.tasks(batch.count), |index| {
        let task = cut.task(index);
        let place = |index: usize| match task.stretch {
            0 => outputs[index].offset(task.item * batch.stride_c),
            further => rest.offset(((further - 1) * batch.count + task.item) * m * n + before(index)),
        };
        let accumulate = task.stretch == 0 && shape.accumulate;
        let (operands, shared) = (&operands, (cut.shared, &*shared));
        dispatch_as(form, Block { operands, shared, place: &place, accumulate, task: &task });
    });
    for (number, part) in partial.chunks_exact(m * n).enumerate().take(parts * batch.count) {
        for (index, c) in outputs.iter().enumerate() {
            let part = &part[before(index)..][..m * columns[index].width];
            let start = c.offset(number % batch.count * batch.stride_c).pointer();
            // SAFETY: the caller vouches for each C.
            let c = unsafe { std::slice::from_raw_parts_mut(start, part.len()) };
            c.iter_mut().zip(part).for_each(|(c, part)| *c += part);
        }
    }
}

/// One task: a block of C, summed over a stretch.
struct Block<'a> {
    operands: &'a Operands<'a>,
    /// The operand that was packed before, whole.
    shared: (Side, &'a [f32]),
    /// Where the C of each product begins.
    place: &'a (dyn Fn(usize) -> Output + Sync),
    accumulate: bool,
    task: &'a Task,
}

/// A as the micro-kernel reads it.
#[derive(Clone, Copy)]
enum Left<'a> {
    /// Where it lies.
    InPlace,
    /// Packed, from a row on.
    Packed(&'a [f32]),
}

impl Kernel for Block<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Self { operands, shared: (side, shared), task, .. } = self;
        let (depth, in_place) = (operands.depth, operands.in_place());
        let height = even(task.rows.len(), HEIGHT, ROWS);
        let mut own = match side {
            Side::Left => Buffer::new(task.columns.len().next_multiple_of(COLUMNS) * depth),
            Side::Right if in_place => Buffer::new(0),
            Side::Right => Buffer::new(height * (depth + GAP)),
        };
        for step in task.steps.clone() {
            let shared = shared.get(operands.packed_at(side, task.item, step)..).unwrap_or(&[]);
            if side == Side::Left {
                // SAFETY: the ranges lie within the operands, `own` was made for them.
                unsafe { operands.pack_right::<V>(task.item, step, task.columns.clone(), &mut own) };
            }
            for first in task.rows.clone().step_by(height) {
                let rows = first..task.rows.end.min(first + height);
                if side == Side::Right && !in_place {
                    // SAFETY: as above.
                    unsafe { operands.pack_left::<V>(task.item, step, rows.clone(), &mut own) };
                }
                let (left, right) = match side {
                    _ if in_place && side == Side::Left => (Left::InPlace, &*own),
                    Side::Left => (Left::Packed(&shared[first * (depth + GAP)..]), &*own),
                    Side::Right => {
                        let left = if in_place { Left::InPlace } else { Left::Packed(&own) };
                        (left, &shared[task.columns.start * depth..])
                    }
                };
                for (index, columns) in operands.parts(&task.columns) {
                    let c = (self.place)(index).pointer();
                    for column in columns.clone().step_by(2 * COLUMNS) {
                        let at = operands.columns[index].first + column - task.columns.start;
                        for row in rows.clone().step_by(ROWS) {
                            let left = match left {
                                Left::InPlace => Left::InPlace,
                                Left::Packed(all) => Left::Packed(&all[(row - first) * (depth + GAP)..]),
                            };
                            let size = [ROWS.min(rows.end - row), (2 * COLUMNS).min(columns.end - column)];
                            let place = (index, c, [row, column]);
                            // SAFETY: the tiles lie within this task's block of C, their panels in the packed operands.
                            unsafe { self.tiles::<V>(step, left, &right[at * depth..], place, size) };
                        }
                    }
                }
            }
        }
    }
}

impl Block<'_> {
    /// Two tiles side by side, or one where there are no more columns, at a row and column of one product's C.
    #[inline(always)]
    unsafe fn tiles<V: Vector>(
        &self,
        step: usize,
        left: Left,
        right: &[f32],
        (product, c, [row, column]): (usize, *mut f32, [usize; 2]),
        [rows, columns]: [usize; 2],
    ) {
        let Operands { shape: &Gemm { transpose_a, .. }, depth, .. } = *self.operands;
        let n = self.operands.columns[product].width;
        let accumulate = self.accumulate || step > self.task.steps.start;
        // SAFETY: the caller names tiles of this task (rows past the last only reach rows that are not
        // written) and panels of it.
        unsafe {
            let c = micro::places(c.add(row * n + column), n, rows);
            if accumulate {
                Tile::<V>::prefetch(c, columns);
            }
            let mut sums = [Tile::<V>::zero(); 2];
            match left {
                Left::InPlace => {
                    for chunk in self.operands.chunks(step) {
                        let (a, stride) = self.operands.left(self.task.item, &chunk, row);
                        let b = right[chunk.at * COLUMNS..].as_ptr();
                        multiply::<V>(
                            &mut sums,
                            chunk.range.len(),
                            a.as_ptr(),
                            (stride, rows),
                            b,
                            depth,
                            columns,
                        );
                    }
                }
                Left::Packed(a) if transpose_a => {
                    let k = self.operands.stretch(step).len();
                    ahead::<V>(a.as_ptr(), depth + GAP);
                    let (a, b) = (micro::rows(a.as_ptr(), 1), right.as_ptr());
                    if columns > COLUMNS {
                        Tile::multiply_wide(&mut sums, k, a, ROWS, [b, b.add(COLUMNS * depth)]);
                    } else {
                        sums[0].multiply(k, a, ROWS, b);
                    }
                }
                Left::Packed(a) => {
                    let k = self.operands.stretch(step).len();
                    let lines = (depth + GAP, rows);
                    multiply::<V>(&mut sums, k, a.as_ptr(), lines, right.as_ptr(), depth, columns);
                }
            }
            Tile::store_wide(&sums, c, rows, columns, accumulate);
        }
    }
}

/// Adds `k` steps to two tiles, or one where there are no more columns, with rows of A `stride` floats apart.
///
/// # Safety
/// As [`Tile::multiply`] for the first `rows` rows, and panels of B `depth` steps apart.
#[inline(always)]
unsafe fn multiply<V: Vector>(
    sums: &mut [Tile<V>; 2],
    k: usize,
    a: *const f32,
    (stride, rows): (usize, usize),
    b: *const f32,
    depth: usize,
    columns: usize,
) {
    // SAFETY: the caller's promise.
    unsafe {
        ahead::<V>(a, stride);
        // Rows past the last repeat it. Whole tiles by another branch: else the compiler works the six places out anew in each step.
        let mut places = [a; ROWS];
        if rows == ROWS {
            places = micro::rows(a, stride);
        } else {
            for (r, place) in places.iter_mut().enumerate() {
                *place = a.add(r.min(rows - 1) * stride);
            }
        }
        let a = places;
        if columns > COLUMNS {
            Tile::multiply_wide(sums, k, a, 1, [b, b.add(COLUMNS * depth)]);
        } else {
            sums[0].multiply(k, a, 1, b);
        }
    }
}

/// Asks for the next rows of A: the processor's own prefetching follows a row only once it has begun.
///
/// # Safety
/// The processor must support `V`.
#[inline(always)]
unsafe fn ahead<V: Vector>(a: *const f32, stride: usize) {
    let next = a.wrapping_add(ROWS * stride);
    for r in 0..ROWS {
        // SAFETY: the caller's promise.
        unsafe {
            V::prefetch(next.wrapping_add(r * stride));
            V::prefetch(next.wrapping_add(r * stride + GAP));
        }
    }
}

/// The largest piece, a multiple of `unit`, when `length` is cut evenly into pieces of at most `limit`.
pub(crate) fn even(length: usize, limit: usize, unit: usize) -> usize {
    length.div_ceil(length.div_ceil(limit).max(1)).next_multiple_of(unit).max(unit)
}
