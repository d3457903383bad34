//! What the adversarial losses share in the catalogue: tensors, options, and the choice of a side.

use gobelin_autograd::random::Stream;
use gobelin_autograd::{Var, ops};

use super::Labels;
use crate::catalogue::{Call, CallError, Domain, OptionKind, OptionSpec, Outcome, TensorSpec};

/// Logits of any shapes; the generator's side needs no real ones.
pub(super) const TENSORS: &[TensorSpec] =
    &[TensorSpec::float("real", "*, any shape").optional(), TensorSpec::float("fake", "*, any shape")];

pub(super) const SIDE: OptionSpec = OptionSpec {
    name: "side",
    kind: OptionKind::Choice(&["d", "g"]),
    default: "d",
    help: "what the discriminator (or critic) minimises, or the generator, which needs no `real`",
};

pub(super) const LABEL_SMOOTHING: OptionSpec = OptionSpec {
    name: "label-smoothing",
    kind: OptionKind::Number(Domain::Share),
    default: "0",
    help: "how much less than 1 the discriminator is told of real pictures",
};

pub(super) const LABEL_NOISE: OptionSpec = OptionSpec {
    name: "label-noise",
    kind: OptionKind::Number(Domain::Share),
    default: "0",
    help: "with what probability the discriminator is told the opposite",
};

pub(super) const SEED: OptionSpec = OptionSpec {
    name: "seed",
    kind: OptionKind::Integer { at_least: 0, at_most: i64::MAX },
    default: "0",
    help: "draws the label noise",
};

/// The loss of the side that the call asks for.
pub(super) fn sided(
    call: &Call<'_>,
    discriminator: impl Fn(&Var, &Var) -> Var,
    generator: impl Fn(&Var) -> Var,
) -> Result<Outcome, CallError> {
    let flat = |name| {
        let scores = call.var(name);
        ops::reshape(&scores, &[scores.tensor().len()])
    };
    if call.word("side") == "g" {
        return Ok(generator(&flat("fake")).into());
    }
    call.require(&TENSORS[0])?;
    Ok(discriminator(&flat("real"), &flat("fake")).into())
}

/// The labels that the call asks for.
pub(super) fn labels(call: &Call<'_>) -> Labels {
    noisy(call, call.number("label-smoothing"))
}

/// Labels with the call's noise, for flat scores.
pub(super) fn noisy(call: &Call<'_>, smoothing: f32) -> Labels {
    let noise = call.number("label-noise");
    if noise == 0.0 {
        return Labels::smooth(smoothing);
    }
    let draw = |name: &str, stream| {
        let mut numbers = Stream::new(call.integer("seed") as u64, stream);
        Labels::noisy(call.shape(name).iter().product(), smoothing, noise, &mut numbers)
    };
    Labels { real: draw("real", 0).real, fake: draw("fake", 1).fake }
}
