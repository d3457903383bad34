//! Signs of trouble, named while they happen.

use gobelin_harness::{State, StateError, StepReport};

use crate::game::{A, B, Judged};

/// Steps a sign must last before it is told: a single picture proves nothing.
const LASTING: i64 = 200;
/// The loss of a discriminator that has nothing left to learn, as a share of an undecided one's.
const SATURATED: f32 = 0.02;

/// How long each discriminator has been sure of everything.
#[derive(Default)]
pub struct Trouble {
    saturated: [i64; 2],
}

impl Trouble {
    /// Looks at a step: what the discriminators said; `undecided` is the loss of one that cannot tell anything.
    pub fn watch(&mut self, judged: &Judged, undecided: f32, mut report: StepReport) -> StepReport {
        for (domain, kind) in [(A, "saturated-discriminator-of-a"), (B, "saturated-discriminator-of-b")] {
            let sure = (judged.losses[domain] as f32) < SATURATED * undecided;
            let steps = &mut self.saturated[domain];
            *steps = if sure { *steps + 1 } else { 0 };
            if *steps >= LASTING {
                let name = ["A", "B"][domain];
                report = report.warning(
                    kind,
                    format!(
                        "the discriminator of {name} has told every picture apart for {LASTING} steps, so the \
                         translations to {name} learn from the cycle loss alone; more pictures, --flip or a smaller \
                         --discriminator-width may help"
                    ),
                );
            }
        }
        report
    }

    /// Stores the counts.
    pub fn save(&self, state: &mut State) {
        state.put_integers("trouble", &[2], self.saturated.to_vec());
    }

    /// Takes the counts back.
    ///
    /// # Errors
    /// They are missing.
    pub fn load(state: &State) -> Result<Self, StateError> {
        let counts = state.integers("trouble", &[2])?;
        Ok(Self { saturated: [counts[A], counts[B]] })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::game::undecided;
    use gobelin_losses::gan::Adversarial;

    #[test]
    fn what_lasts_is_told_and_what_passes_is_not() {
        let undecided = undecided(Adversarial::Ls);
        assert_eq!(undecided, 0.25);
        let mut trouble = Trouble::default();
        let mut told = |losses| {
            let judged = Judged { losses, ..Judged::default() };
            let report = trouble.watch(&judged, undecided, StepReport::new());
            report.warnings().map(|(kind, _)| kind).collect::<Vec<_>>()
        };
        for _ in 1..LASTING {
            assert!(told([0.1, 0.001]).is_empty());
        }
        assert_eq!(told([0.1, 0.001]), ["saturated-discriminator-of-b"]);
        assert!(told([0.1, 0.1]).is_empty());
        assert!(told([0.1, 0.001]).is_empty());
    }
}
