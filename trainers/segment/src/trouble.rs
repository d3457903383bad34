//! Signs of trouble, named while they happen.

use gobelin_harness::{State, StateError, StepReport};

use crate::learner::Learned;

/// Steps a sign must last before it is told: a single batch proves nothing.
const LASTING: i64 = 50;
/// A share of set pixels this many times the true one is no mask any more.
const FLOODED: f32 = 3.0;
/// A part of the loss this many times the loss of pixels is all the network hears.
const OUTWEIGHED: f32 = 20.0;

/// How long each sign has lasted.
#[derive(Default)]
pub struct Trouble {
    empty: i64,
    flooded: i64,
    outweighed: i64,
}

impl Trouble {
    /// Looks at an update; `mu` is the weight of what VGG-19 sees.
    pub fn watch(&mut self, learned: &Learned, mu: f32, mut report: StepReport) -> StepReport {
        let lasts = |sign: bool, steps: &mut i64| {
            *steps = if sign { *steps + 1 } else { 0 };
            *steps >= LASTING
        };
        if lasts(learned.predicted == 0.0 && learned.actual > 0.0, &mut self.empty) {
            let text = format!(
                "every pixel has been called background for {LASTING} steps, though {:.1}% are set in the masks; try \
                 --class-weights balance, --loss dice or another --learning-rate",
                100.0 * learned.actual
            );
            report = report.warning("background-only", text);
        }
        if lasts(learned.predicted > (FLOODED * learned.actual).min(0.99), &mut self.flooded) {
            let text = format!(
                "{:.1}% of all pixels have been set for {LASTING} steps, {:.1}% are in the masks; try --class-weights \
                 nearer to 1,1 or a smaller --learning-rate",
                100.0 * learned.predicted,
                100.0 * learned.actual
            );
            report = report.warning("flooded-mask", text);
        }
        let topology = mu * learned.topology.unwrap_or(0.0);
        if lasts(topology > OUTWEIGHED * learned.pixel, &mut self.outweighed) {
            let text = format!(
                "the topology loss has been {:.0} times the loss of pixels for {LASTING} steps, so pixels count for \
                 nothing; try a --topology of {:.1e}",
                topology / learned.pixel,
                mu * learned.pixel / topology
            );
            report = report.warning("topology-outweighs-pixels", text);
        }
        report
    }

    /// Stores the counts.
    pub fn save(&self, state: &mut State, name: &str) {
        state.put_integers(name, &[3], vec![self.empty, self.flooded, self.outweighed]);
    }

    /// Takes the counts back.
    ///
    /// # Errors
    /// They are missing.
    pub fn load(state: &State, name: &str) -> Result<Self, StateError> {
        let counts = state.integers(name, &[3])?;
        Ok(Self { empty: counts[0], flooded: counts[1], outweighed: counts[2] })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lasts_is_told_and_what_passes_is_not() {
        let empty = Learned { actual: 0.2, pixel: 1.0, ..Learned::default() };
        let flooded = Learned { predicted: 0.9, ..empty };
        let outweighed = Learned { predicted: 0.2, topology: Some(300.0), ..empty };
        let told = |report: StepReport| report.warnings().map(|(kind, _)| kind).collect::<Vec<_>>();
        let mut trouble = Trouble::default();
        for (learned, kind) in
            [(empty, "background-only"), (flooded, "flooded-mask"), (outweighed, "topology-outweighs-pixels")]
        {
            for _ in 1..LASTING {
                assert!(told(trouble.watch(&learned, 0.1, StepReport::new())).is_empty());
            }
            assert_eq!(told(trouble.watch(&learned, 0.1, StepReport::new())), [kind]);
            let well = Learned { predicted: 0.2, ..empty };
            assert!(told(trouble.watch(&well, 0.1, StepReport::new())).is_empty());
        }
    }
}
