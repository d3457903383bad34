//! Targets that name a class: one whole number a row of logits, one of which may mean "do not count".

use gobelin_autograd::{Tensor, Var};

use crate::catalogue::{Call, CallError, OptionKind, OptionSpec};

/// The class index that is not counted unless another is named, as in PyTorch.
pub const IGNORED: i64 = -100;

/// `ignore-index`.
pub(crate) const IGNORE_INDEX: OptionSpec = OptionSpec {
    name: "ignore-index",
    kind: OptionKind::Integer { at_least: i64::MIN, at_most: i64::MAX },
    default: "-100",
    help: "the class index that does not count: no loss, no gradient, no part of a mean's divisor",
};

/// The true class of each row of logits.
#[derive(Clone, Copy, Debug)]
pub enum Truth<'a> {
    /// The host knows them; one number may mean "do not count".
    Known(&'a [i64]),
    /// As [`Indices::Numbers`](gobelin_autograd::ops::Indices::Numbers): they may lie on a device and be an input of recorded
    /// work. All of them count.
    Numbers(&'a Tensor),
}

impl<'a> From<&'a [i64]> for Truth<'a> {
    fn from(classes: &'a [i64]) -> Self {
        Self::Known(classes)
    }
}

impl<'a, const N: usize> From<&'a [i64; N]> for Truth<'a> {
    fn from(classes: &'a [i64; N]) -> Self {
        Self::Known(classes)
    }
}

impl<'a> From<&'a Tensor> for Truth<'a> {
    fn from(numbers: &'a Tensor) -> Self {
        Self::Numbers(numbers)
    }
}

/// The classes of the rows of logits.
pub(crate) struct Classes {
    /// The class of each row, 0 where it is ignored.
    pub of_rows: Vec<u32>,
    /// 1 where the row counts, else 0; of the logits' shape without the last axis.
    pub counted: Tensor,
    /// How many rows count.
    pub count: usize,
}

impl Classes {
    /// The classes of `logits` (N, ..., C).
    #[track_caller]
    pub fn new(loss: &str, logits: &Var, classes: &[i64], ignored: i64) -> Self {
        let Some((&number, outer)) = logits.shape().split_last() else {
            panic!("{loss}: logits are a single number, expected (N, ..., C)")
        };
        let rows: usize = outer.iter().product();
        assert!(
            classes.len() == rows,
            "{loss}: {} classes for logits of {:?}",
            classes.len(),
            logits.shape()
        );
        if let Some(beyond) = beyond(classes, number, ignored) {
            panic!("{loss}: class {beyond}, expected 0 to {} or {ignored}", number - 1);
        }
        let of_rows = classes.iter().map(|&class| if class == ignored { 0 } else { class as u32 }).collect();
        let counted: Vec<f32> = classes.iter().map(|&class| f32::from(class != ignored)).collect();
        let count = classes.iter().filter(|&&class| class != ignored).count();
        Self { of_rows, counted: Tensor::new(outer, counted), count }
    }
}

/// The classes of the tensor `target` in a call, each below the number of channels of `logits` or ignored.
pub(crate) fn in_call<'a>(call: &'a Call<'_>, ignored: i64) -> Result<&'a [i64], CallError> {
    let (classes, number) = (call.integers("target")?, call.shape("logits")[1]);
    match beyond(classes, number, ignored) {
        None => Ok(classes),
        Some(class) => {
            let expected = format!(
                "classes from 0 to {}, or ignore-index {ignored}, for logits of {number}",
                number - 1
            );
            Err(CallError::tensor("target", format!("class {class} among others"), expected))
        }
    }
}

fn beyond(classes: &[i64], number: usize, ignored: i64) -> Option<i64> {
    classes.iter().copied().find(|&class| class != ignored && !(0..number as i64).contains(&class))
}
