//! Cycle consistency: a picture taken to another domain and back should be the same.
//!
//! `lambda * mean |F(G(x)) - x|`.
//!
//! What it is for: translating between two sets of pictures without pairs. The adversarial loss says what a picture of the other
//! domain looks like; this one keeps its content.
//!
//! When it fails: where the way there loses what the way back must invent (labels to photo), the network hides it in
//! the picture as faint noise (Chu et al. 2017). Too large a `lambda` forbids changes of shape. One domain with more
//! in it than the other has no cycle.
//!
//! Shapes: `pred` and `target` of any one shape. `lambda` 10 by default. Unit: that of the pictures, in [-1, 1] in the
//! paper. The gradient where they are equal is 0.
//! Source: Zhu et al. 2017, equation 2.

use gobelin_autograd::{Var, ops};

use crate::catalogue::{Domain, LossEntry, OptionKind, OptionSpec, TensorSpec};

/// `lambda * mean |pred - target|`; `pred` is the picture after there and back.
///
/// # Panics
/// If the shapes differ.
#[track_caller]
pub fn cycle(pred: &Var, target: &Var, lambda: f32) -> Var {
    ops::scale(&ops::mean_absolute_difference(pred, target), lambda)
}

pub(crate) const LAMBDA: OptionSpec = OptionSpec {
    name: "lambda",
    kind: OptionKind::Number(Domain::NonNegative),
    default: "10",
    help: "the weight beside the adversarial loss",
};

pub(crate) const ENTRY: LossEntry = LossEntry {
    name: "cycle",
    about: "cycle consistency: lambda * mean |F(G(x)) - x|",
    paper: "Zhu et al. 2017, equation 2",
    tensors: &[TensorSpec::float("pred", "(...)"), TensorSpec::float("target", "(...)")],
    options: &[LAMBDA],
    vgg: false,
    run: |call| Ok(cycle(&call.var("pred"), &call.var("target"), call.number("lambda")).into()),
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::numbers_away_from;
    use gobelin_autograd::Tensor;
    use gobelin_autograd::check::GradientCheck;

    #[test]
    fn gradients() {
        let zeros = Var::constant(Tensor::zeros(&[4, 5]));
        let inputs = [numbers_away_from(&[0.0], &[4, 5], 1)];
        GradientCheck::default().assert(&inputs, |x| cycle(&x[0], &zeros, 10.0));
        GradientCheck::default().assert(&inputs, |x| cycle(&zeros, &x[0], 3.0));
    }
}
