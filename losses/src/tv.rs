//! Total variation: how much neighbouring pixels differ.
//!
//! With `r` the difference to the right neighbour and `b` to the one below, of each value: anisotropic `|r| + |b|`, isotropic
//! `sqrt(r^2 + b^2)`, squared `r^2 + b^2`. The last column has no right neighbour (`r = 0`), the last row none below.
//!
//! What it is for: a prior against noise and checkerboards beside a loss that does not mind them (style, features).
//!
//! When it fails: it draws everything towards flat patches: much of it turns texture into steps (anisotropic ones along
//! the axes; isotropic has no such directions) or, squared, into blur. Where a clean target exists, no prior is needed.
//!
//! Shapes: `pred` (N, H, W, C). Unit: that of the values; the sum grows with the picture, the mean does not. Anisotropic and
//! mean by default. Constant pictures have the value 0 and a zero gradient, also isotropic ones: the root's derivative at 0 is
//! taken as 0, where some libraries give NaN.
//! Source: Rudin, Osher and Fatemi 1992; squared: Mahendran and Vedaldi 2015 (beta 2).

use gobelin_autograd::{Var, ops};

use crate::catalogue::{LossEntry, OptionKind, OptionSpec, TensorSpec, as_in_files};
use crate::reduction::Reduction;

/// How the two differences of a value are brought together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Variation {
    /// `|r| + |b|`.
    #[default]
    Anisotropic,
    /// `sqrt(r^2 + b^2)`.
    Isotropic,
    /// `r^2 + b^2`.
    Squared,
}

/// The total variation of `pred` `(N, H, W, C)`, one number a value, reduced.
///
/// # Panics
/// If `pred` is no batch of pictures.
#[track_caller]
pub fn tv(pred: &Var, kind: Variation, reduction: Reduction) -> Var {
    assert!(pred.shape().len() == 4, "tv: shape {:?}, expected (N, H, W, C)", pred.shape());
    let [below, right] = [1, 2].map(|axis| differences(pred, axis));
    let squares = || ops::add(&ops::square(&right), &ops::square(&below));
    reduction.of(&match kind {
        Variation::Anisotropic => ops::add(&ops::abs(&right), &ops::abs(&below)),
        Variation::Isotropic => ops::sqrt(&squares()),
        Variation::Squared => squares(),
    })
}

/// The difference to the next value along an axis, 0 for the last one.
fn differences(x: &Var, axis: usize) -> Var {
    let length = x.shape()[axis];
    if length == 1 {
        // Not a constant, so that NaN is not hidden.
        return ops::scale(x, 0.0);
    }
    let [next, own] = [1, 0].map(|start| ops::narrow(x, axis, start, length - 1));
    ops::embed(&ops::sub(&next, &own), axis, 0, length)
}

pub(crate) const ENTRY: LossEntry = LossEntry {
    name: "tv",
    about: "total variation: |r| + |b|, sqrt(r^2 + b^2) or r^2 + b^2 of the differences to the right and below",
    paper: "Rudin et al. 1992; squared: Mahendran and Vedaldi 2015",
    tensors: &[TensorSpec::float("pred", "(N, C, H, W)")],
    options: &[
        OptionSpec {
            name: "kind",
            kind: OptionKind::Choice(&["anisotropic", "isotropic", "squared"]),
            default: "anisotropic",
            help: "|r| + |b|, sqrt(r^2 + b^2) or r^2 + b^2",
        },
        OptionSpec::REDUCTION,
    ],
    vgg: false,
    run: |call| {
        let kind = match call.word("kind") {
            "isotropic" => Variation::Isotropic,
            "squared" => Variation::Squared,
            _ => Variation::Anisotropic,
        };
        Ok(as_in_files(&tv(&call.var("pred"), kind, call.reduction())).into())
    },
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::reductions;
    use gobelin_autograd::check::GradientCheck;
    use gobelin_autograd::{Tape, Tensor, random};

    const KINDS: [Variation; 3] = [Variation::Anisotropic, Variation::Isotropic, Variation::Squared];

    #[test]
    fn gradients() {
        // Neighbours at least 0.5 apart, so that no difference changes its sign.
        let x = random::separated(&[2, 3, 4, 2], 0.5, &mut random::generator(1, 0));
        for (kind, reduction) in KINDS.into_iter().flat_map(|kind| reductions().map(|r| (kind, r))) {
            let check = GradientCheck::default().with_tolerance(5e-3);
            check.assert(std::slice::from_ref(&x), |x| tv(&x[0], kind, reduction));
        }
    }

    #[test]
    fn a_known_picture() {
        let x = Tensor::new(&[1, 2, 2, 1], [0.0, 3.0, 4.0, 9.0]);
        let expected = [3.0 + 4.0 + 6.0 + 5.0, 5.0 + 6.0 + 5.0, 25.0 + 36.0 + 25.0];
        for (kind, expected) in KINDS.into_iter().zip(expected) {
            assert_eq!(tv(&x.clone().into(), kind, Reduction::Sum).item(), expected, "{kind:?}");
            assert_eq!(tv(&x.clone().into(), kind, Reduction::Mean).item(), expected / 4.0, "{kind:?}");
        }
    }

    #[test]
    fn edges() {
        for kind in KINDS {
            for shape in [[1, 1, 1, 2], [1, 1, 5, 1], [2, 4, 3, 1]] {
                let tape = Tape::new();
                let x = tape.leaf(Tensor::full(&shape, 0.3));
                let y = tv(&x, kind, Reduction::Mean);
                assert_eq!(y.item(), 0.0);
                assert!(tape.gradients(&y, &[&x])[0].data().iter().all(|&v| v == 0.0));
                let nan = Tensor::full(&shape, f32::NAN).into();
                assert!(tv(&nan, kind, Reduction::Mean).item().is_nan());
            }
        }
    }
}
