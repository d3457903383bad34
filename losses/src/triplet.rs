//! The triplet loss: an anchor should be nearer to its positive than to its negative, by a margin.
//!
//! `max(0, d(a, p) - d(a, n) + margin)`, with `d` the squared L2 distance (`squared=false`: plain). `soft-margin`: `ln(1 + exp(d(a, p) -
//! d(a, n)))`, which has no margin and never ends.
//!
//! What it is for: embeddings in which only the order of distances matters: identities the network never saw are told
//! apart by a threshold on the distance.
//!
//! When it fails: random triplets are soon all fulfilled and the gradient is 0: mine them from the batch,
//! [`crate::triplet_batch`]. A loss that stays at the margin while distances go to 0 is collapse: all embeddings in one
//! point. A margin means nothing unless embeddings have a fixed length: normalise them.
//!
//! Shapes: `anchor`, `positive`, `negative` (N, D). `margin` 0.2 by default, in the unit of the distance (squared L2 of unit
//! embeddings lies in [0, 4]). Plain distances of 0 have gradient 0. Smooth except where the loss reaches 0.
//! Source: Schroff et al. 2015 (FaceNet), equation 3; soft margin: Hermans et al. 2017.

use gobelin_autograd::{Var, ops};

use crate::catalogue::{Domain, LossEntry, OptionKind, OptionSpec, TensorSpec};
use crate::reduction::Reduction;

/// The triplet loss.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Triplet {
    /// By how much the negative must be farther: 0.2.
    pub margin: f32,
    /// Squared L2 distances, as in the paper, or plain ones.
    pub squared: bool,
    /// A soft ramp in place of the margin: off.
    pub soft_margin: bool,
    /// Over triplets.
    pub reduction: Reduction,
}

impl Default for Triplet {
    fn default() -> Self {
        Self { margin: 0.2, squared: true, soft_margin: false, reduction: Reduction::Mean }
    }
}

impl Triplet {
    /// The loss of triplets of embeddings, each (N, D).
    ///
    /// # Panics
    /// If the shapes differ.
    #[track_caller]
    pub fn of(&self, anchor: &Var, positive: &Var, negative: &Var) -> Var {
        let shapes = [anchor.shape(), positive.shape(), negative.shape()];
        let fits = shapes[0].len() == 2 && shapes[0] == shapes[1] && shapes[0] == shapes[2];
        assert!(fits, "triplet: shapes {shapes:?}, expected three times (N, D)");
        let distance = |other: &Var| {
            let squares = ops::sum_axes(&ops::square(&ops::sub(anchor, other)), &[1]);
            let squares = ops::reshape(&squares, &shapes[0][..1]);
            if self.squared { squares } else { ops::sqrt(&squares) }
        };
        let difference = ops::sub(&distance(positive), &distance(negative));
        self.reduction.of(&if self.soft_margin {
            ops::softplus(&difference)
        } else {
            ops::relu(&ops::add_scalar(&difference, self.margin))
        })
    }
}

pub(crate) const MARGIN: OptionSpec = OptionSpec {
    name: "margin",
    kind: OptionKind::Number(Domain::NonNegative),
    default: "0.2",
    help: "by how much the negative must be farther than the positive",
};

pub(crate) const SQUARED: OptionSpec = OptionSpec {
    name: "squared",
    kind: OptionKind::Flag,
    default: "true",
    help: "squared L2 distances, as in the paper, or plain ones",
};

pub(crate) const ENTRY: LossEntry = LossEntry {
    name: "triplet",
    about: "triplet: max(0, d(a, p) - d(a, n) + margin), d the squared L2 distance",
    paper: "Schroff et al. 2015, equation 3",
    tensors: &[
        TensorSpec::float("anchor", "(N, D)"),
        TensorSpec::float("positive", "(N, D)"),
        TensorSpec::float("negative", "(N, D)"),
    ],
    options: &[
        MARGIN,
        SQUARED,
        OptionSpec {
            name: "soft-margin",
            kind: OptionKind::Flag,
            default: "false",
            help: "ln(1 + exp(d(a, p) - d(a, n))) instead, without a margin",
        },
        OptionSpec::REDUCTION,
    ],
    vgg: false,
    run: |call| {
        let loss = Triplet {
            margin: call.number("margin"),
            squared: call.flag("squared"),
            soft_margin: call.flag("soft-margin"),
            reduction: call.reduction(),
        };
        Ok(loss.of(&call.var("anchor"), &call.var("positive"), &call.var("negative")).into())
    },
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{numbers, reductions};
    use gobelin_autograd::check::GradientCheck;

    #[test]
    fn gradients() {
        for reduction in reductions() {
            for (squared, soft_margin) in [(true, false), (false, false), (true, true), (false, true)] {
                // With this margin every triplet has a loss.
                let loss = Triplet { margin: 20.0, squared, soft_margin, reduction };
                let inputs = [1, 2, 3].map(|stream| numbers(&[4, 3], stream));
                GradientCheck::default().assert(&inputs, |x| loss.of(&x[0], &x[1], &x[2]));
            }
        }
    }
}
