//! Pooling.

use gobelin_autograd::{Var, ops};

use crate::module::{Entry, Module};
use crate::pass::Pass;

/// What is kept of each window of a map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pool {
    /// The largest value.
    Max(ops::Window),
    /// The Euclidean length of the values: the root of the sum of their squares.
    L2(ops::Window),
}

impl Pool {
    /// Added below the root of [`Pool::L2`], whose derivative is infinite at 0.
    const EPSILON: f32 = 1e-12;
}

impl Module for Pool {
    fn forward(&self, _: &Pass, x: &Var) -> Var {
        match *self {
            Self::Max(window) => ops::max_pool(x, window),
            Self::L2(window) => ops::l2_pool(x, window, Self::EPSILON),
        }
    }

    fn as_max_pool(&self) -> Option<ops::Window> {
        match *self {
            Self::Max(window) => Some(window),
            Self::L2(_) => None,
        }
    }

    fn list(&self, _: &str, _: &mut Vec<Entry>) {}
}
