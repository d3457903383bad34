//! Every triplet of an anchor at once.

use super::rows::Row;

/// What triplets add up to.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sums {
    pub loss: f64,
    /// Triplets with a loss above 0.
    pub active: u64,
    /// All of them.
    pub valid: u64,
}

impl Sums {
    pub fn plus(self, other: Self) -> Self {
        Self {
            loss: self.loss + other.loss,
            active: self.active + other.active,
            valid: self.valid + other.valid,
        }
    }
}

/// Adds the loss of all triplets of the row's anchor, and writes into `weights` how often each distance appears in active
/// ones: positives count up, negatives down.
///
/// With P positives and M negatives this takes (P + M) log (P + M) steps, not P * M: in the order of the distances, the
/// active negatives of a positive are a prefix, whose length and sum are at hand.
pub(super) fn all_triplets(row: &Row<'_>, weights: &mut [f32]) -> Sums {
    let mut reaches: Vec<(f32, u32)> = row.positives().map(|(place, d)| (d + row.margin, place)).collect();
    reaches.sort_unstable_by(|x, y| x.0.total_cmp(&y.0));
    let Some(&(farthest, _)) = reaches.last() else { return Sums::default() };
    let mut valid = 0;
    let mut negatives: Vec<(f32, u32)> = Vec::new();
    for (place, d) in row.negatives() {
        valid += reaches.len() as u64;
        if d < farthest {
            negatives.push((d, place));
        }
    }
    negatives.sort_unstable_by(|x, y| x.0.total_cmp(&y.0));

    let mut sums = Sums { valid, ..Sums::default() };
    let (mut inside, mut sum) = (0, 0.0);
    for (done, &(reach, positive)) in reaches.iter().enumerate() {
        while let Some(&(d, negative)) = negatives.get(inside).filter(|&&(d, _)| d < reach) {
            // Active for this positive and for every farther one.
            weights[negative as usize] -= (reaches.len() - done) as f32;
            sum += f64::from(d);
            inside += 1;
        }
        weights[positive as usize] += inside as f32;
        sums.active += inside as u64;
        sums.loss += inside as f64 * f64::from(reach) - sum;
    }
    sums
}
