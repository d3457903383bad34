//! The triplet loss over a batch of labelled embeddings, which mines its own triplets.
//!
//! `max(0, d(a, p) - d(a, n) + margin)` over triplets found in the batch: all, the hardest of each anchor, semi-hard ones, or negatives
//! drawn by distance; [`crate::mining`] tells them apart and says what each mean is over.
//!
//! What it is for: training embeddings (FaceNet). `P` identities times `K` pictures a batch; each of K - 1 positives of an anchor
//! makes a pair, so the same pictures train many times over.
//!
//! When it fails: [`Counts`] tell. Nothing valid (one identity, or no two pictures of any) gives 0 with
//! a zero gradient: sample batches by identity. Fewer and fewer active ones: larger batches, or `mining=hard` once the network is no
//! longer fresh. A loss at the margin: collapse; back to `semi-hard` or a smaller rate.
//!
//! Shapes: embeddings (N, D), labels (N). One margin, 0.2 by default, for miner and loss. Memory: one N x N matrix, 64 MiB at
//! N = 4096. Of the second order where the choice of triplets does not change. NaN in any embedding makes loss and gradient
//! NaN.
//! Source: Schroff et al. 2015, section 3.2; Hermans et al. 2017; Wu et al. 2017.

use gobelin_autograd::ops::Side::Plain;
use gobelin_autograd::{Figure, Tensor, Var, ops};

use crate::catalogue::{Call, Domain, LossEntry, OptionKind, OptionSpec, Outcome, TensorSpec};
use crate::metrics::Vectors;
use crate::mining::{Choice, Counts, Fallback, Labels, MinedThere, Mining, Reduce, TripletBatch};
use crate::triplet::{MARGIN, SQUARED};

/// The loss of a batch of embeddings (N, D), and what it is taken over. Where they lie on a card, so does all of it.
///
/// # Panics
/// If the embeddings are no matrix or there is not one label an embedding.
#[track_caller]
pub fn triplet_batch(loss: TripletBatch, embeddings: &Var, labels: &Labels) -> (Var, Counts) {
    assert!(
        embeddings.shape().len() == 2,
        "triplet-batch: embeddings of {:?}, expected (N, D)",
        embeddings.shape()
    );
    if embeddings.tensor().device().is_some() {
        return on_a_card(loss, embeddings, labels);
    }
    let (count, dimensions) = (embeddings.shape()[0], embeddings.shape()[1]);
    let mined = loss.mine(Vectors::new(embeddings.tensor().data(), dimensions), labels);
    let counts =
        Counts { counted: Figure::Known(mined.counted as f64), active: Figure::Known(mined.active as f64) };
    let e = embeddings.clone();
    let value = Tensor::scalar(mined.loss as f32);
    let value = Var::record("triplet_batch", value, &[embeddings], move |step| {
        if step.is_final() {
            let factor = step.gradient.item();
            let gradient = mined.gradient(Vectors::new(e.tensor().data(), dimensions));
            return vec![Some(Tensor::new(&[count, dimensions], gradient).map_into(|g| g * factor).into())];
        }
        let weights = by_square(Tensor::new(&[count, count], &mined.weights[..]), &e, loss.squared);
        vec![Some(ops::mul(&gradient(&weights, &e), &step.gradient))]
    });
    (value, counts)
}

fn on_a_card(loss: TripletBatch, embeddings: &Var, labels: &Labels) -> (Var, Counts) {
    let MinedThere { loss: value, counted, active, weights } = loss.mine_there(embeddings.tensor(), labels);
    let counts = Counts { counted: (&counted).into(), active: (&active).into() };
    let e = embeddings.clone();
    let value = Var::record("triplet_batch", value, &[embeddings], move |step| {
        // Distances do not change when all embeddings move. Seen from the first of them, those that lie close together keep
        // their digits, and those that are all the same have no gradient at all.
        let centred = ops::sub(&e, &ops::narrow(&e, 0, 0, e.shape()[0].min(1)));
        let weights = if step.is_final() {
            weights.clone().into()
        } else {
            by_square(weights.clone(), &e, loss.squared)
        };
        vec![Some(ops::mul(&gradient(&weights, &centred), &step.gradient))]
    });
    (value, counts)
}

/// The gradient by the embeddings (N, D) of a loss whose derivatives by the squared distances are `weights` (N, N).
fn gradient(weights: &Var, embeddings: &Var) -> Var {
    let both = ops::add(weights, &ops::permute(weights, &[1, 0]));
    let own = ops::mul(embeddings, &ops::sum_axes(&both, &[1]));
    ops::scale(&ops::sub(&own, &ops::matmul(&both, Plain, embeddings, Plain)), 2.0)
}

/// (N, N): the derivative of the loss by each squared distance, which is `constant`, as a function of the embeddings. By squared distances
/// it is constant as long as the choice of triplets is; by plain ones `d` it is a constant over `2 d`.
fn by_square(constant: Tensor, embeddings: &Var, squared: bool) -> Var {
    if squared {
        return constant.into();
    }
    let distances = ops::sqrt(&ops::squared_distances(embeddings, embeddings));
    let by_distance = ops::mul(&constant.into(), &distances.detach());
    ops::mul(&by_distance, &ops::reciprocal_or_zero(&distances))
}

pub(crate) const ENTRY: LossEntry = LossEntry {
    name: "triplet-batch",
    about: "triplet loss over mined triplets of a batch: max(0, d(a, p) - d(a, n) + margin)",
    paper: "Schroff et al. 2015, section 3.2; Hermans et al. 2017; Wu et al. 2017",
    tensors: &[TensorSpec::float("embeddings", "(N, D)"), TensorSpec::integer("labels", "(N)")],
    options: &[
        OptionSpec {
            name: "mining",
            kind: OptionKind::Choice(&["all", "hard", "semi-hard", "distance-weighted"]),
            default: "semi-hard",
            help: "which triplets count",
        },
        MARGIN,
        SQUARED,
        OptionSpec {
            name: "fallback",
            kind: OptionKind::Choice(&["skip", "hardest", "largest"]),
            default: "skip",
            help: "semi-hard: what to take for a pair with no negative in the band: none, the nearest, the farthest",
        },
        OptionSpec {
            name: "reduce",
            kind: OptionKind::Choice(&["active", "valid"]),
            default: "active",
            help: "all: the mean over triplets with a loss above 0, or over all",
        },
        OptionSpec {
            name: "seed",
            kind: OptionKind::Integer { at_least: 0, at_most: i64::MAX },
            default: "0",
            help: "distance-weighted: draws the negatives",
        },
        OptionSpec {
            name: "nearest",
            kind: OptionKind::Number(Domain::Positive),
            default: "0.5",
            help: "distance-weighted: smaller distances weigh as much as this one",
        },
        OptionSpec {
            name: "farthest",
            kind: OptionKind::Number(Domain::Positive),
            default: "1.4",
            help: "distance-weighted: negatives at this distance or farther are not drawn",
        },
    ],
    vgg: false,
    run: |call| {
        let labels = Labels::new(call.integers("labels")?, call.integer("seed") as u64);
        let (value, Counts { counted, active }) =
            triplet_batch(options(call), &call.var("embeddings"), &labels);
        Ok(Outcome {
            value,
            counts: vec![("counted", counted.get() as u64), ("active", active.get() as u64)],
        })
    },
};

fn options(call: &Call<'_>) -> TripletBatch {
    let mining = match call.word("mining") {
        "all" if call.word("reduce") == "valid" => Mining::All { reduce: Reduce::Valid },
        "all" => Mining::All { reduce: Reduce::Active },
        "hard" => Mining::Chosen(Choice::Hard),
        "distance-weighted" => Mining::Chosen(Choice::DistanceWeighted {
            nearest: call.number("nearest"),
            farthest: call.number("farthest"),
        }),
        _ => Mining::Chosen(Choice::SemiHard {
            fallback: match call.word("fallback") {
                "hardest" => Fallback::Hardest,
                "largest" => Fallback::Largest,
                _ => Fallback::Skip,
            },
        }),
    };
    TripletBatch { mining, margin: call.number("margin"), squared: call.flag("squared") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::numbers;
    use gobelin_autograd::check::GradientCheck;

    #[test]
    fn gradients() {
        let labels = Labels::new(&[0, 0, 1, 1, 2, 2, 0], 1);
        for mining in [
            Mining::All { reduce: Reduce::Valid },
            Mining::Chosen(Choice::Hard),
            Mining::Chosen(Choice::SemiHard { fallback: Fallback::Hardest }),
            // All as near as each other, so that no step changes what is drawn.
            Mining::Chosen(Choice::DistanceWeighted { nearest: 100.0, farthest: 1e9 }),
        ] {
            for (squared, stream) in [(true, 1), (true, 2), (false, 10), (false, 14)] {
                // Batches whose choices lie so far from ties that these steps change none.
                let check = GradientCheck::default().with_step(0.002).with_tolerance(5e-3);
                let loss = TripletBatch { mining, margin: 1.0, squared };
                check.assert(&[numbers(&[7, 4], stream)], |x| triplet_batch(loss, &x[0], &labels).0);
            }
        }
    }
}
