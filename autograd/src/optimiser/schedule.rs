//! How the learning rate changes over a run.

use std::f64::consts::PI;
use std::num::NonZeroU64;

use serde::{Deserialize, Serialize};

/// What the learning rate is multiplied by at each step: a pure function of the step, so a resumed run needs nothing
/// but its step. Steps may as well be epochs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Schedule {
    /// Always 1.
    #[default]
    Constant,
    /// 1, then down to 0 along a line (Zhu et al., "Unpaired image-to-image translation", 2017, appendix 7.1: 100 and
    /// 100 epochs).
    Linear {
        /// How many steps stay at 1.
        constant: u64,
        /// In how many steps after them the factor falls to 0.
        decay: u64,
    },
    /// Times `gamma` after every so many steps.
    Step {
        /// Steps between two changes.
        every: NonZeroU64,
        /// The change.
        gamma: f64,
    },
    /// Up along a line for `warmup` steps, then down to 0 along half a cosine (Loshchilov and Hutter, "SGDR", 2017,
    /// equation 5, without restarts).
    Cosine {
        /// Steps below 1 at the start; 0 for none.
        warmup: u64,
        /// The step at which the factor reaches 0, warm-up included.
        total: u64,
    },
}

impl Schedule {
    /// The factor of `step`, counted from 0.
    pub fn factor(&self, step: u64) -> f64 {
        match *self {
            Self::Constant => 1.0,
            Self::Linear { constant, .. } if step <= constant => 1.0,
            Self::Linear { constant, decay } => {
                let fallen = step - constant;
                if fallen < decay { 1.0 - fallen as f64 / decay as f64 } else { 0.0 }
            }
            Self::Step { every, gamma } => gamma.powf((step / every) as f64),
            Self::Cosine { warmup, .. } if step < warmup => (step + 1) as f64 / (warmup + 1) as f64,
            Self::Cosine { total, .. } if step >= total => 0.0,
            Self::Cosine { warmup, total } => {
                let part = (step - warmup) as f64 / (total - warmup) as f64;
                0.5 * (1.0 + (PI * part).cos())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn factors(schedule: Schedule, steps: &[u64]) -> Vec<f64> {
        steps.iter().map(|&step| schedule.factor(step)).collect()
    }

    #[test]
    fn corners_are_where_they_are_said_to_be() {
        let linear = Schedule::Linear { constant: 100, decay: 100 };
        assert_eq!(
            factors(linear, &[0, 99, 100, 101, 150, 199, 200, u64::MAX]),
            [1.0, 1.0, 1.0, 0.99, 0.5, 1.0 - 0.99, 0.0, 0.0]
        );
        let step = Schedule::Step { every: NonZeroU64::new(10).unwrap(), gamma: 0.5 };
        assert_eq!(factors(step, &[0, 9, 10, 19, 20, u64::MAX]), [1.0, 1.0, 0.5, 0.5, 0.25, 0.0]);
        let cosine = Schedule::Cosine { warmup: 3, total: 103 };
        let found = factors(cosine, &[0, 2, 3, 53, 103, u64::MAX]);
        let expected = [0.25, 0.75, 1.0, 0.5, 0.0, 0.0];
        assert!(found.iter().zip(expected).all(|(f, e)| (f - e).abs() < 1e-12), "{found:?}");
    }

    #[test]
    fn nothing_divides_by_zero() {
        for schedule in [
            Schedule::Linear { constant: 0, decay: 0 },
            Schedule::Cosine { warmup: 0, total: 0 },
            Schedule::Cosine { warmup: 5, total: 2 },
        ] {
            assert!((0..10).all(|step| (0.0..=1.0).contains(&schedule.factor(step))), "{schedule:?}");
        }
    }
}
