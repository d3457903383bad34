//! Signs of trouble, named while they happen.

use gobelin_autograd::{Figure, Tensor, Var, ops};
use gobelin_harness::{State, StateError, StepReport};

/// Steps a sign must last before it is told: a single batch proves nothing.
const LASTING: i64 = 100;
/// Steps after which a network that was trained on pixels should know more than bicubic interpolation.
const LEARNED: i64 = 2000;
/// What the network makes varies less than this share of what it should make: it is one colour.
const FLAT: f32 = 0.02;
/// So many of the values are darker than black or lighter than white.
const MUCH_CLIPPED: f32 = 0.2;
/// The loss of a discriminator that has nothing left to learn; one that cannot tell anything has 2 ln 2.
const SATURATED: f32 = 0.02;

/// What a step shows of the network's health.
#[derive(Clone, Copy, Debug, Default)]
pub struct Signs {
    /// The deviation of what it made, relative to that of what it should make.
    pub contrast: f32,
    /// The share of values outside of what a picture can show.
    pub clipped: f32,
    /// The mean squared error, and bicubic interpolation's, where pixels are what is learned.
    pub errors: Option<[f32; 2]>,
    /// The discriminator's loss.
    pub discriminator: Option<f32>,
}

/// How long each sign has lasted.
#[derive(Default)]
pub struct Trouble {
    flat: i64,
    clipped: i64,
    worse: i64,
    saturated: i64,
}

impl Trouble {
    /// Looks at a step.
    pub fn watch(&mut self, signs: &Signs, mut report: StepReport) -> StepReport {
        let lasts = |sign: bool, steps: &mut i64, least: i64| {
            *steps = if sign { *steps + 1 } else { 0 };
            *steps >= least
        };
        if lasts(signs.contrast < FLAT, &mut self.flat, LASTING) {
            report = report.warning(
                "flat-pictures",
                format!(
                    "the network has made pictures of a single colour for {LASTING} steps; try a smaller --learning-rate, or \
                     begin again with another --seed"
                ),
            );
        }
        if lasts(signs.clipped > MUCH_CLIPPED, &mut self.clipped, LASTING) {
            report = report.warning(
                "clipped",
                format!(
                    "{:.0}% of the network's values have been darker than black or lighter than white for {LASTING} steps and \
                     are cut off; try a smaller --learning-rate, or with --task style a smaller --style-weight",
                    100.0 * signs.clipped
                ),
            );
        }
        if lasts(signs.errors.is_some_and(|[own, bicubic]| own > bicubic), &mut self.worse, LEARNED) {
            report = report.warning(
                "worse-than-bicubic",
                format!(
                    "no batch of the last {LEARNED} came nearer to the true pixels than bicubic interpolation; try --skip, which \
                     begins there, or a smaller --learning-rate"
                ),
            );
        }
        if lasts(signs.discriminator.is_some_and(|loss| loss < SATURATED), &mut self.saturated, LASTING) {
            report = report.warning(
                "saturated-discriminator",
                format!(
                    "the discriminator has told every picture apart for {LASTING} steps; try a smaller --discriminator-width or \
                     --discriminator-rate"
                ),
            );
        }
        report
    }

    /// Stores the counts.
    pub fn save(&self, state: &mut State) {
        state.put_integers("trouble", &[4], vec![self.flat, self.clipped, self.worse, self.saturated]);
    }

    /// Takes the counts back.
    ///
    /// # Errors
    /// They are missing.
    pub fn load(state: &State) -> Result<Self, StateError> {
        let counts = state.integers("trouble", &[4])?;
        Ok(Self { flat: counts[0], clipped: counts[1], worse: counts[2], saturated: counts[3] })
    }
}

/// The deviation of all values of a tensor.
pub fn deviation(values: &Tensor) -> Figure {
    if values.device().is_some() {
        let values = Var::constant(values.clone());
        let centred = ops::sub(&values, &ops::mean(&values));
        return (&ops::sqrt(&ops::mean(&ops::square(&centred)))).into();
    }
    let count = values.len() as f64;
    let mean = values.data().iter().map(|&value| f64::from(value)).sum::<f64>() / count;
    let square = values.data().iter().map(|&value| (f64::from(value) - mean).powi(2)).sum::<f64>();
    Figure::Known(f64::from((square / count).sqrt() as f32))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deviation_is_that_of_all_values() {
        let of = |values: &[f32]| deviation(&Tensor::new(&[values.len()], values)).get();
        assert_eq!(of(&[0.5; 6]), 0.0);
        assert_eq!(of(&[2.0, 6.0, 4.0, 4.0]), f64::from(2.0f32.sqrt()));
    }

    #[test]
    fn what_lasts_is_told_and_what_passes_is_not() {
        let well = Signs { contrast: 0.9, clipped: 0.01, errors: Some([1.0, 2.0]), discriminator: Some(1.3) };
        let mut trouble = Trouble::default();
        let mut told = |signs: &Signs| {
            let report = trouble.watch(signs, StepReport::new());
            report.warnings().map(|(kind, _)| kind).collect::<Vec<_>>()
        };
        for (signs, kind, steps) in [
            (Signs { contrast: 0.001, ..well }, "flat-pictures", LASTING),
            (Signs { clipped: 0.5, ..well }, "clipped", LASTING),
            (Signs { errors: Some([2.1, 2.0]), ..well }, "worse-than-bicubic", LEARNED),
            (Signs { discriminator: Some(0.001), ..well }, "saturated-discriminator", LASTING),
        ] {
            for _ in 1..steps {
                assert!(told(&signs).is_empty());
            }
            assert_eq!(told(&signs), [kind]);
            assert!(told(&well).is_empty() && told(&signs).is_empty());
        }
    }
}
