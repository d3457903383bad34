//! Signs of trouble, named while they happen.

use gobelin_harness::{State, StateError, StepReport};
use gobelin_losses::mining::Counts;

use crate::separation::Separation;

/// Steps a sign must last before it is told: a single batch proves nothing.
const LASTING: i64 = 20;
/// Spread of a batch's embeddings under which they are one point.
const COLLAPSED: f64 = 1e-2;

/// How long each sign has lasted.
#[derive(Default)]
pub struct Trouble {
    collapsed: i64,
    idle: i64,
}

impl Trouble {
    /// Looks at a step: its loss, what that was taken over, and how far apart the embeddings lie. `standing`: the loss of embeddings
    /// that are all one.
    pub fn watch(
        &mut self,
        loss: f32,
        standing: f32,
        counts: Counts<f64>,
        separation: &Separation,
        mut report: StepReport,
    ) -> StepReport {
        let lasts = |sign: bool, steps: &mut i64| {
            *steps = if sign { *steps + 1 } else { 0 };
            *steps >= LASTING
        };
        if lasts(separation.spread < COLLAPSED, &mut self.collapsed) {
            report = report.warning(
                "collapsed-embedding",
                format!(
                    "all embeddings have been one point for {LASTING} steps (mean squared distance {:.1e} within a person, {:.1e} \
                     between people, loss {loss:.3} where one point has {standing:.3}); try --mining semi-hard, a \
                     smaller --learning-rate or --pretrain 200",
                    separation.same, separation.different
                ),
            );
        }
        if lasts(counts.active == 0.0, &mut self.idle) {
            let what = if counts.counted == 0.0 {
                "no valid triplet was found"
            } else {
                "every triplet keeps its margin already"
            };
            report = report.warning(
                "no-triplets",
                format!(
                    "{what} in any batch for {LASTING} steps, so nothing is learned; try --mining batch-hard, a larger \
                     --margin or more --people"
                ),
            );
        }
        report
    }

    /// Stores the counts.
    pub fn save(&self, state: &mut State) {
        state.put_integers("trouble", &[2], vec![self.collapsed, self.idle]);
    }

    /// Takes the counts back.
    ///
    /// # Errors
    /// They are missing.
    pub fn load(state: &State) -> Result<Self, StateError> {
        let counts = state.integers("trouble", &[2])?;
        Ok(Self { collapsed: counts[0], idle: counts[1] })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lasts_is_told_and_what_passes_is_not() {
        let apart = Separation { same: 0.5, different: 1.5, spread: 0.7 };
        let point = Separation { same: 1e-6, different: 2e-6, spread: 1e-6 };
        let some = Counts { counted: 9.0, active: 3.0 };
        let mut trouble = Trouble::default();
        let mut watch = |counts: Counts<f64>, separation: &Separation| -> Vec<String> {
            let report = trouble.watch(0.2, 0.2, counts, separation, StepReport::new());
            report.warnings().map(|(kind, text)| format!("{kind}: {text}")).collect()
        };
        for _ in 1..LASTING {
            assert!(watch(some, &point).is_empty());
        }
        assert!(
            watch(some, &point)[0].starts_with("collapsed-embedding: all embeddings have been one point")
        );
        assert!(watch(some, &apart).is_empty());
        for _ in 1..LASTING {
            assert!(watch(Counts::default(), &apart).is_empty());
        }
        assert!(watch(Counts::default(), &apart)[0].starts_with("no-triplets: no valid triplet was found"));
        let kept = Counts { counted: 9.0, active: 0.0 };
        assert!(watch(kept, &apart)[0].starts_with("no-triplets: every triplet keeps its margin"));
        assert!(watch(some, &apart).is_empty());
    }
}
