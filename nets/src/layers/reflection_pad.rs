//! Padding with a mirrored border.

use gobelin_autograd::{Var, ops};

use crate::module::{Entry, Module};
use crate::pass::Pass;

/// This many pixels more on every side, mirrored at the edge: no border of zeros for a net to draw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReflectionPad(pub usize);

impl Module for ReflectionPad {
    fn forward(&self, _: &Pass, x: &Var) -> Var {
        ops::pad_reflect(x, ops::Sides::all(self.0))
    }

    fn as_mirror(&self) -> Option<usize> {
        Some(self.0)
    }

    fn list(&self, _: &str, _: &mut Vec<Entry>) {}
}
