//! The contrastive loss: pairs of one identity are pulled together, others pushed apart up to a margin.
//!
//! With `d` the L2 distance of a pair: `same d^2 + (1 - same) max(0, margin - d)^2`.
//!
//! What it is for: embeddings from pairs known to be same or different (signatures, faces, patches).
//!
//! When it fails: same pairs are pulled to a point whatever the spread of their class, and pairs beyond the margin, soon most of
//! them, give no gradient: mine pairs, or compare instead of pull: [`crate::triplet`],
//! [`crate::triplet_batch`]. A margin must fit the scale of the embeddings: below 2 for unit ones. Where two embeddings
//! of a different pair are identical the gradient is 0, not infinite.
//!
//! Shapes: `a` and `b` (N, D), `same` (N), 1 or 0. `margin` 1 by default, in the unit of the distance. The mean is over pairs; the
//! paper's factor 1/2 is `half`. The second derivative jumps at the margin.
//! Source: Hadsell et al. 2006, equation 4.

use gobelin_autograd::{Tensor, Var, ops};

use crate::catalogue::{CallError, Domain, LossEntry, OptionKind, OptionSpec, TensorSpec};
use crate::reduction::Reduction;

/// The contrastive loss.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Contrastive {
    /// How far pairs that are not the same are pushed apart: 1.
    pub margin: f32,
    /// The paper's factor 1/2: off.
    pub half: bool,
    /// Over pairs.
    pub reduction: Reduction,
}

impl Default for Contrastive {
    fn default() -> Self {
        Self { margin: 1.0, half: false, reduction: Reduction::Mean }
    }
}

impl Contrastive {
    /// The loss of pairs of embeddings, `a` and `b` (N, D), and whether each pair is of one identity: `same` (N), 1 or 0.
    ///
    /// # Panics
    /// If the shapes do not fit.
    #[track_caller]
    pub fn of(&self, a: &Var, b: &Var, same: &Tensor) -> Var {
        let fits = a.shape() == b.shape() && a.shape().len() == 2 && a.shape()[..1] == *same.shape();
        assert!(fits, "contrastive: {:?} and {:?}, pairs of {:?}", a.shape(), b.shape(), same.shape());
        let pairs = [same.len()];
        let squares = ops::reshape(&ops::sum_axes(&ops::square(&ops::sub(a, b)), &[1]), &pairs);
        let distance = ops::sqrt(&squares);
        let short = ops::relu(&ops::add_scalar(&ops::neg(&distance), self.margin));
        let each = ops::select(same, &squares, &ops::square(&short));
        self.reduction.of(&if self.half { ops::scale(&each, 0.5) } else { each })
    }
}

pub(crate) const ENTRY: LossEntry = LossEntry {
    name: "contrastive",
    about: "contrastive: same d^2 + (1 - same) max(0, margin - d)^2, d = |a - b|",
    paper: "Hadsell et al. 2006, equation 4",
    tensors: &[
        TensorSpec::float("a", "(N, D)"),
        TensorSpec::float("b", "(N, D)"),
        TensorSpec::mask("same", "(N)").constant(),
    ],
    options: &[
        OptionSpec {
            name: "margin",
            kind: OptionKind::Number(Domain::NonNegative),
            default: "1",
            help: "how far pairs that are not the same are pushed apart",
        },
        OptionSpec { name: "half", kind: OptionKind::Flag, default: "false", help: "the paper's factor 1/2" },
        OptionSpec::REDUCTION,
    ],
    vgg: false,
    run: |call| {
        let loss = Contrastive {
            margin: call.number("margin"),
            half: call.flag("half"),
            reduction: call.reduction(),
        };
        let same = call.var("same");
        if let Some(other) = same.tensor().data().iter().find(|&&same| same != 0.0 && same != 1.0) {
            return Err(CallError::tensor(
                "same",
                format!("{other} among others"),
                "1 for same, 0 for different",
            ));
        }
        Ok(loss.of(&call.var("a"), &call.var("b"), same.tensor()).into())
    },
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{numbers, reductions};
    use gobelin_autograd::check::GradientCheck;

    #[test]
    fn gradients() {
        // Every pair's distance is far from 0 and from the margin.
        let inputs = [numbers(&[4, 3], 1), numbers(&[4, 3], 2).map(|x| x + 1.0)];
        let same = Tensor::new(&[4], [1.0, 0.0, 1.0, 0.0]);
        for reduction in reductions() {
            for (margin, half) in [(1.0, false), (9.0, true)] {
                let loss = Contrastive { margin, half, reduction };
                GradientCheck::default().assert(&inputs, |x| loss.of(&x[0], &x[1], &same));
            }
        }
    }
}
