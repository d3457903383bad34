//! What becomes of one number an element (or a pixel, a pair, a picture).

use gobelin_autograd::{Var, ops};

/// How the values of a loss are brought together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reduction {
    /// Their mean: the same step size whatever the size of batch and pictures. NaN of no values.
    #[default]
    Mean,
    /// Their sum.
    Sum,
    /// Nothing: each stays, so that a caller may weigh them.
    None,
}

impl Reduction {
    /// The names of the reductions, the default first.
    pub(crate) const NAMES: &'static [&'static str] = &["mean", "sum", "none"];

    /// The reduction of one of [`Reduction::NAMES`].
    pub(crate) fn named(name: &str) -> Self {
        match name {
            "sum" => Self::Sum,
            "none" => Self::None,
            _ => Self::Mean,
        }
    }

    /// Brings `values` together: of shape `[]`, or `values` themselves.
    pub fn of(self, values: &Var) -> Var {
        match self {
            Self::Mean => ops::mean(values),
            Self::Sum => ops::sum(values),
            Self::None => values.clone(),
        }
    }
}
