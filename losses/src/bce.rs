//! Binary cross-entropy of logits: each element is a yes or a no of its own.
//!
//! With `p = sigmoid(logits)`: `-q t ln p - (1 - t) ln(1 - p)` of each element, times its weight; `q` is `pos-weight`.
//!
//! What it is for: masks, several labels that do not exclude each other, real or fake. `pos-weight` above 1 raises recall of
//! rare positives: the number of negatives over that of positives balances them.
//!
//! When it fails: thin structures vanish at small loss ([`crate::dice`], clDice, the topology loss); a sea of easy negatives
//! outweighs what is hard ([`crate::focal`]).
//!
//! Shapes: logits, targets in [0, 1] and weights of any one shape. The mean divides by the number of elements, whatever the
//! weights. Logits of +-1e4 give finite values and gradients. Smooth. Unit: nats.
//! Source: as PyTorch's binary_cross_entropy_with_logits.

use gobelin_autograd::{Var, ops};

use crate::catalogue::{Domain, LossEntry, OptionKind, OptionSpec, TensorSpec};
use crate::reduction::Reduction;

/// The binary cross-entropy of `logits` and targets in [0, 1], each element times its `weight`, reduced.
///
/// # Panics
/// If the shapes differ.
#[track_caller]
pub fn bce(logits: &Var, target: &Var, pos_weight: f32, weight: Option<&Var>, reduction: Reduction) -> Var {
    let each = each(logits, target, pos_weight);
    reduction.of(&weight.map_or_else(|| each.clone(), |weight| ops::mul(&each, weight)))
}

/// The loss of each element. Both logarithms are taken, where `softplus(z) - t z` would do: that loses all digits of a small
/// loss to the difference of two large numbers.
#[track_caller]
pub(crate) fn each(logits: &Var, target: &Var, pos_weight: f32) -> Var {
    let yes = ops::mul(target, &ops::softplus(&ops::neg(logits)));
    let no = ops::mul(&complement(target), &ops::softplus(logits));
    ops::add(&ops::scale(&yes, pos_weight), &no)
}

/// `1 - x`.
pub(crate) fn complement(x: &Var) -> Var {
    ops::add_scalar(&ops::neg(x), 1.0)
}

pub(crate) const ENTRY: LossEntry = LossEntry {
    name: "bce",
    about: "binary cross-entropy: -q t ln sigmoid(logits) - (1 - t) ln(1 - sigmoid(logits)), q = pos-weight",
    paper: "as PyTorch's binary_cross_entropy_with_logits",
    tensors: &[
        TensorSpec::float("logits", "(...)"),
        TensorSpec::mask("target", "(...)"),
        TensorSpec::float("weight", "(...)").optional(),
    ],
    options: &[
        OptionSpec {
            name: "pos-weight",
            kind: OptionKind::Number(Domain::NonNegative),
            default: "1",
            help: "the weight of positives",
        },
        OptionSpec::REDUCTION,
    ],
    vgg: false,
    run: |call| {
        let (logits, target) = (call.var("logits"), call.mask("target")?);
        let weight = call.optional_var("weight");
        Ok(bce(&logits, &target, call.number("pos-weight"), weight.as_ref(), call.reduction()).into())
    },
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{numbers, reductions};
    use gobelin_autograd::check::GradientCheck;
    use gobelin_autograd::random;

    #[test]
    fn gradients() {
        let target = random::uniform(&[3, 4], 0.0, 1.0, &mut random::generator(1, 0));
        for reduction in reductions() {
            let inputs = [numbers(&[3, 4], 1), target.clone(), numbers(&[3, 4], 2)];
            GradientCheck::default().assert(&inputs, |x| bce(&x[0], &x[1], 2.5, Some(&x[2]), reduction));
            GradientCheck::default().assert(&inputs[..2], |x| bce(&x[0], &x[1], 1.0, None, reduction));
        }
    }
}
