//! The focal loss: binary cross-entropy whose easy elements are turned down.
//!
//! With `p_t` the probability given to the truth: `alpha_t (1 - p_t)^gamma * -ln p_t` of each element, where `alpha_t` is `alpha` for
//! positives and `1 - alpha` for negatives.
//!
//! What it is for: dense detection and segmentation with thousands of easy negatives for each positive. At `gamma` 2
//! an element with `p_t` = 0.9 counts a hundredth of what it does in [`crate::bce`].
//!
//! When it fails: wrong labels look like hard elements and take over: lower `gamma`. Probabilities come out too timid for use as
//! such. `alpha` and `gamma` work together: the paper lowers `alpha` as `gamma` rises, so alpha 0.25 is for gamma 2,
//! though positives are the rare ones.
//!
//! Shapes: logits and targets in [0, 1] of any one shape; the mean divides by the number of elements. `1 - p_t` is taken by its
//! logarithm, so logits of +-1e4 give finite values and gradients for every `gamma`. Smooth. Unit: nats.
//! Source: Lin et al. 2017, equation 5.

use gobelin_autograd::{Var, ops};

use crate::bce::{self, complement};
use crate::catalogue::{Domain, LossEntry, OptionKind, OptionSpec, TensorSpec};
use crate::reduction::Reduction;

/// The focal loss of each element, reduced. `alpha: None` leaves the balancing of classes out.
///
/// # Panics
/// If the shapes differ.
#[track_caller]
pub fn focal(logits: &Var, target: &Var, alpha: Option<f32>, gamma: f32, reduction: Reduction) -> Var {
    // -ln(1 - p_t): the cross-entropy with the opposite truth.
    let other = bce::each(logits, &complement(target), 1.0);
    let modulation = ops::exp(&ops::scale(&other, -gamma));
    let each = ops::mul(&modulation, &bce::each(logits, target, 1.0));
    reduction.of(&match alpha {
        Some(alpha) => {
            // alpha t + (1 - alpha) (1 - t)
            let balance = ops::add_scalar(&ops::scale(target, 2.0 * alpha - 1.0), 1.0 - alpha);
            ops::mul(&balance, &each)
        }
        None => each,
    })
}

pub(crate) const ENTRY: LossEntry = LossEntry {
    name: "focal",
    about: "focal: alpha_t (1 - p_t)^gamma * -ln p_t, p_t the probability of the truth",
    paper: "Lin et al. 2017, equation 5",
    tensors: &[TensorSpec::float("logits", "(...)"), TensorSpec::mask("target", "(...)")],
    options: &[
        OptionSpec {
            name: "alpha",
            kind: OptionKind::NumberOrNone(Domain::Share),
            default: "0.25",
            help: "the weight of positives (negatives: 1 - alpha); none: no weights",
        },
        OptionSpec {
            name: "gamma",
            kind: OptionKind::Number(Domain::NonNegative),
            default: "2",
            help: "how strongly easy elements are turned down; 0: not at all",
        },
        OptionSpec::REDUCTION,
    ],
    vgg: false,
    run: |call| {
        let (logits, target) = (call.var("logits"), call.mask("target")?);
        let (alpha, gamma) = (call.number_or_none("alpha"), call.number("gamma"));
        Ok(focal(&logits, &target, alpha, gamma, call.reduction()).into())
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
            for (alpha, gamma) in [(Some(0.25), 2.0), (None, 0.5)] {
                let inputs = [numbers(&[3, 4], 1), target.clone()];
                GradientCheck::default().assert(&inputs, |x| focal(&x[0], &x[1], alpha, gamma, reduction));
            }
        }
    }
}
