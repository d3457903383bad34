//! Which triplets of a batch train an embedding, their loss, and its gradient, without ever writing N^3 of anything.
//!
//! The loss of a triplet is `max(0, d(a, p) - d(a, n) + margin)`: of an anchor, another embedding of its label and one of another label
//! (Schroff et al. 2015, equation 3). Every mining gives a loss that is linear in the distances of the
//! triplets it uses, so its whole gradient lies in one N x N matrix of weights, [`Mined::weights`]: 64 MiB at
//! N = 4096. Distances are made 64 rows at a time. On a graphics card they are made at once, and what is chosen, added up and
//! counted stays there: nothing is read.
//!
//! | mining | triplets | mean over |
//! |---|---|---|
//! | [`Mining::All`] | every one | the triplets with a loss above 0, or all ([`Reduce`]) |
//! | [`Choice::Hard`] | of each anchor, the farthest positive and the nearest negative (Hermans et al. 2017) | the anchors that have both |
//! | [`Choice::SemiHard`] | of each anchor and positive, the nearest negative that is farther than the positive, but by less than the margin | the pairs that found a negative |
//! | [`Choice::DistanceWeighted`] | of each anchor and positive, a negative drawn so that all distances are equally likely (Wu et al. 2017) | the pairs that found a negative |
//!
//! All triplets are the surest start and the slowest end, as most become easy. Hard ones find the hard faces, and the wrong labels
//! too; from a fresh network they collapse all embeddings to one point: the loss then stands at the margin. Semi-hard ones avoid that, at the
//! price of ignoring what is worst. Distance-weighted ones keep far negatives in play. Of equal distances, the embedding that
//! comes first in the batch is taken.

mod all;
mod card;
mod choice;
mod labels;
mod loss;
mod rows;

pub(crate) use card::MinedThere;
pub use card::{Places, chosen_places};
pub use choice::{Choice, Fallback, Triplet, chosen_triplets};
pub use labels::Labels;
pub use loss::{Counts, Mined, Mining, Reduce, TripletBatch};
