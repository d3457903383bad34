//! Betti numbers of masks: how many pieces, how many holes.

use super::{Connectivity, connected_components};
use crate::catalogue::{Measured, MetricEntry, TensorSpec};

/// The Betti numbers of the set pixels of a mask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BettiNumbers {
    /// Betti-0: pieces, where pixels that share a corner belong together (8-connectivity).
    pub pieces: u32,
    /// Betti-1: holes, that is pieces of the background that are shut off from the outside, where pixels that share only a
    /// corner are apart (4-connectivity): the dual of the foreground's, so that no line is crossed without being cut.
    pub holes: u32,
}

/// Counts the pieces and holes of a mask of (H, W). Outside of the picture lies background.
///
/// The topological error of a prediction is the difference to the numbers of the truth, [`BettiNumbers::errors`],
/// over the whole picture or, as in Hu et al. 2019, averaged over windows that the caller cuts.
///
/// # Panics
/// If the mask is not of `width` times a whole number of rows.
#[track_caller]
pub fn betti_numbers(mask: &[bool], width: usize) -> BettiNumbers {
    let (_, pieces) = connected_components(mask, width, Connectivity::Eight);
    // A frame of background joins everything that reaches the border.
    let framed_width = width + 2;
    let mut background = vec![true; framed_width * (mask.len() / width + 2)];
    for (y, row) in mask.chunks(width).enumerate() {
        let start = (y + 1) * framed_width + 1;
        background[start..start + width].iter_mut().zip(row).for_each(|(b, m)| *b = !m);
    }
    let (_, regions) = connected_components(&background, framed_width, Connectivity::Four);
    BettiNumbers { pieces, holes: regions - 1 }
}

impl BettiNumbers {
    /// The Betti-0 and the Betti-1 error: absolute differences.
    pub fn errors(self, truth: Self) -> (u32, u32) {
        (self.pieces.abs_diff(truth.pieces), self.holes.abs_diff(truth.holes))
    }
}

pub(crate) const ENTRY: MetricEntry = MetricEntry {
    name: "betti",
    about: "differences of the numbers of pieces (Betti-0) and holes (Betti-1) of two masks; value is their sum",
    paper: "Hu et al. 2019",
    tensors: &[TensorSpec::integer("pred", "(H, W)"), TensorSpec::integer("target", "(H, W)")],
    options: &[],
    vgg: false,
    run: |call| {
        let width = call.shape("pred")[1];
        let (pred, target) =
            (betti_numbers(&call.set("pred")?, width), betti_numbers(&call.set("target")?, width));
        let (pieces, holes) = pred.errors(target);
        let both = |n: BettiNumbers| vec![f64::from(n.pieces), f64::from(n.holes)];
        Ok(Measured {
            value: f64::from(pieces) + f64::from(holes),
            values: vec![
                ("betti-0-error", vec![f64::from(pieces)]),
                ("betti-1-error", vec![f64::from(holes)]),
                ("pred", both(pred)),
                ("target", both(target)),
            ],
        })
    },
};
