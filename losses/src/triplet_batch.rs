//! The triplet loss over a batch of labelled embeddings, which mines its own triplets.
//!
//! `max(0, d(a, p) - d(a, n) + margin)` over triplets found in the batch: all, the hardest of each anchor, semi-hard ones, or negatives
//! drawn by distance; [`crate::mining`] tells them apart and says what each mean is over.
//!
//! What it is for: training embeddings (FaceNet). `P` identities times `K` pictures a batch; each of K - 1 positives of an anchor
//! makes a pair, so the same pictures train many times over.
//!
//! When it fails: [`Mined::counted`] and [`Mined::active`] tell. Nothing valid (one identity, or no two pictures of any) gives 0 with
//! a zero gradient: sample batches by identity. Fewer and fewer active ones: larger batches, or `mining=hard` once the network is no
//! longer fresh. A loss at the margin: collapse; back to `semi-hard` or a smaller rate.
//!
//! Shapes: embeddings (N, D), labels (N). One margin, 0.2 by default, for miner and loss. Memory: one N x N matrix, 64 MiB at
//! N = 4096. Of the second order where the choice of triplets does not change. NaN in any embedding makes loss and gradient
//! NaN.
//! Source: Schroff et al. 2015, section 3.2; Hermans et al. 2017; Wu et al. 2017.

use std::rc::Rc;

use gobelin_autograd::ops::Side::Plain;
use gobelin_autograd::{Tensor, Var, ops};

use crate::catalogue::{Call, Domain, LossEntry, OptionKind, OptionSpec, Outcome, TensorSpec};
use crate::metrics::Vectors;
use crate::mining::{Choice, Fallback, Mined, Mining, Reduce, TripletBatch};
use crate::triplet::{MARGIN, SQUARED};

/// The loss of a batch of embeddings (N, D), and what was mined.
///
/// # Panics
/// If the embeddings are no matrix or there is not one label an embedding.
#[track_caller]
pub fn triplet_batch(loss: TripletBatch, embeddings: &Var, labels: &[i64]) -> (Var, Rc<Mined>) {
    let &[count, dimensions] = embeddings.shape() else {
        panic!("triplet-batch: embeddings of {:?}, expected (N, D)", embeddings.shape())
    };
    let mined = Rc::new(loss.mine(Vectors::new(embeddings.tensor().data(), dimensions), labels));
    let (embeddings_saved, saved) = (embeddings.clone(), Rc::clone(&mined));
    let value = Tensor::scalar(mined.loss as f32);
    let value = Var::record("triplet_batch", value, &[embeddings], move |step| {
        let e = &embeddings_saved;
        if step.is_final() {
            let factor = step.gradient.item();
            let gradient = saved.gradient(Vectors::new(e.tensor().data(), dimensions));
            return vec![Some(Tensor::new(&[count, dimensions], gradient).map_into(|g| g * factor).into())];
        }
        let by_square = weights(&saved, e, loss.squared);
        let both = ops::add(&by_square, &ops::permute(&by_square, &[1, 0]));
        let own = ops::mul(e, &ops::sum_axes(&both, &[1]));
        let gradient = ops::scale(&ops::sub(&own, &ops::matmul(&both, Plain, e, Plain)), 2.0);
        vec![Some(ops::mul(&gradient, &step.gradient))]
    });
    (value, mined)
}

/// (N, N): the derivative of the loss by each squared distance, as a function of the embeddings. By squared distances it is constant as long as
/// the choice of triplets is; by plain ones `d` it is a constant over `2 d`.
fn weights(mined: &Mined, embeddings: &Var, squared: bool) -> Var {
    let count = embeddings.shape()[0];
    let constant = Tensor::new(&[count, count], &mined.weights[..]);
    if squared {
        return constant.into();
    }
    let distances = ops::sqrt(&ops::squared_distances(embeddings, embeddings));
    let by_distance = constant.zip(distances.tensor(), |weight, d| weight * d);
    ops::mul(&by_distance.into(), &ops::reciprocal_or_zero(&distances))
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
        let labels = call.integers("labels")?;
        let (value, mined) = triplet_batch(options(call), &call.var("embeddings"), labels);
        Ok(Outcome { value, counts: vec![("counted", mined.counted), ("active", mined.active)] })
    },
};

fn options(call: &Call<'_>) -> TripletBatch {
    let mining = match call.word("mining") {
        "all" if call.word("reduce") == "valid" => Mining::All { reduce: Reduce::Valid },
        "all" => Mining::All { reduce: Reduce::Active },
        "hard" => Mining::Chosen(Choice::Hard),
        "distance-weighted" => Mining::Chosen(Choice::DistanceWeighted {
            seed: call.integer("seed") as u64,
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
        let labels = [0, 0, 1, 1, 2, 2, 0];
        for mining in [
            Mining::All { reduce: Reduce::Valid },
            Mining::Chosen(Choice::Hard),
            Mining::Chosen(Choice::SemiHard { fallback: Fallback::Hardest }),
            // All as near as each other, so that no step changes what is drawn.
            Mining::Chosen(Choice::DistanceWeighted { seed: 1, nearest: 100.0, farthest: 1e9 }),
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
