//! Where the time of a step goes: a stopwatch that the ops stop, one after the other.
//!
//! Off until [`begin`]. From then on, each op on this thread is charged with the time since the one before it, and [`end`] tells
//! what each took. Ops are charged where their outputs go on the tape (or, of constants, would go), so what a caller does between
//! two ops counts for the second.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// What one kind of call took.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// The op's name.
    pub op: &'static str,
    /// Whether it ran on the way back.
    pub backward: bool,
    /// The shapes of its inputs, an arrow, and that of its output.
    pub shapes: String,
    /// How often it ran.
    pub calls: usize,
    /// How long all calls took.
    pub time: Duration,
    /// Bytes of the inputs and the output of all calls: what they move at least.
    pub bytes: usize,
    /// Additions and multiplications by the definition of all calls, of ops that are matrix products or convolutions; else 0.
    pub operations: usize,
}

/// An op's name, whether it ran on the way back, and the shapes of its inputs and its output.
type Key = (&'static str, bool, Vec<Vec<usize>>);

#[derive(Default)]
struct Totals {
    calls: usize,
    time: Duration,
    operations: usize,
}

struct Profile {
    last: Instant,
    totals: HashMap<Key, Totals>,
}

thread_local! {
    static PROFILE: RefCell<Option<Profile>> = const { RefCell::new(None) };
    static BACKWARD: Cell<bool> = const { Cell::new(false) };
    static OPERATIONS: Cell<usize> = const { Cell::new(0) };
}

/// Starts the stopwatch on this thread, with nothing charged.
pub fn begin() {
    OPERATIONS.set(0);
    PROFILE.set(Some(Profile { last: Instant::now(), totals: HashMap::new() }));
}

/// Stops it. The rows are in falling order of time; none, if it was not running.
pub fn end() -> Vec<Row> {
    let totals = PROFILE.take().map(|profile| profile.totals).unwrap_or_default();
    let row = |((op, backward, shapes), totals): (Key, Totals)| {
        let words: Vec<String> = shapes.iter().map(|shape| format!("{shape:?}")).collect();
        let (output, inputs) = words.split_last().expect("at least the output");
        let values: usize = shapes.iter().map(|shape| shape.iter().product::<usize>()).sum();
        Row {
            op,
            backward,
            shapes: format!("{} -> {output}", inputs.join(" ")).trim_start().to_owned(),
            calls: totals.calls,
            time: totals.time,
            bytes: totals.calls * values * size_of::<f32>(),
            operations: totals.operations,
        }
    };
    let mut rows: Vec<Row> = totals.into_iter().map(row).collect();
    rows.sort_unstable_by(|a, b| b.time.cmp(&a.time).then_with(|| a.shapes.cmp(&b.shapes)));
    rows
}

/// Charges an op with the time since the last one.
pub(crate) fn charge<'a>(op: &'static str, inputs: impl Iterator<Item = &'a [usize]>, output: &'a [usize]) {
    PROFILE.with_borrow_mut(|profile| {
        let Some(profile) = profile else { return };
        let shapes = inputs.chain([output]).map(<[usize]>::to_vec).collect();
        let totals = profile.totals.entry((op, BACKWARD.get(), shapes)).or_default();
        let now = Instant::now();
        totals.calls += 1;
        totals.time += now - std::mem::replace(&mut profile.last, now);
        totals.operations += OPERATIONS.take();
    });
}

/// Adds to the additions and multiplications of the op that is charged next.
pub(crate) fn count(operations: usize) {
    OPERATIONS.set(OPERATIONS.get() + operations);
}

/// Says whether what is charged from now on is on the way back; what it was before.
pub(crate) fn set_backward(backward: bool) -> bool {
    BACKWARD.replace(backward)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Tape, Tensor, ops};

    #[test]
    fn ops_are_charged_forward_and_back() {
        let tape = Tape::new();
        let x = tape.leaf(Tensor::ones(&[2, 3]));
        begin();
        let product = ops::matmul(&x, ops::Side::Plain, &x, ops::Side::Transposed);
        let loss = ops::sum(&ops::square(&product));
        tape.gradients(&loss, &[&x]);
        let rows = end();
        let find = |op, backward| rows.iter().find(|row| row.op == op && row.backward == backward);
        let square = find("square", false).unwrap();
        assert_eq!((square.calls, square.bytes, square.shapes.as_str()), (1, 32, "[2, 2] -> [2, 2]"));
        // Two rows by two columns, sums of three products.
        assert_eq!(find("matmul", false).unwrap().operations, 24);
        assert!(find("square", true).is_some());
        assert!(rows.is_sorted_by(|a, b| a.time >= b.time));
        ops::square(&x);
        assert_eq!(end(), []);
    }
}
