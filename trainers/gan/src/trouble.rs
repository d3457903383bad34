//! Signs of trouble, named while they happen.

use gobelin_autograd::{Figure, Tensor, Var, ops};
use gobelin_harness::{State, StateError, StepReport};

use crate::game::Judged;

/// Steps a sign must last before it is told: a single batch proves nothing.
const LASTING: i64 = 100;
/// Real pictures surer than this and generated ones surer than its opposite: nothing is left to learn from.
const SATURATED: f32 = 0.99;
/// Spread of a generated batch, relative to a real one's, under which it is one picture.
const COLLAPSED: f32 = 0.1;

/// How long each sign has lasted.
#[derive(Default)]
pub struct Trouble {
    saturated: i64,
    collapsed: i64,
}

impl Trouble {
    /// Looks at a step: what the discriminator said, and the spread of generated pictures relative to real ones.
    pub fn watch(
        &mut self,
        judged: &Judged,
        critic: bool,
        spread: f32,
        mut report: StepReport,
    ) -> StepReport {
        let lasts = |sign: bool, steps: &mut i64| {
            *steps = if sign { *steps + 1 } else { 0 };
            *steps >= LASTING
        };
        let [real, fake] = [judged.real_probability as f32, judged.fake_probability as f32];
        let sure = real > SATURATED && fake < 1.0 - SATURATED;
        if lasts(sure && !critic, &mut self.saturated) {
            report = report.warning(
                "saturated-discriminator",
                format!(
                    "the discriminator has told every picture apart for {LASTING} steps, so the generator learns \
                     little; try --loss ns or wgan, --label-smoothing 0.1 or --r1 1"
                ),
            );
        }
        if lasts(spread < COLLAPSED, &mut self.collapsed) {
            report = report.warning(
                "collapsed-generator",
                format!(
                    "the generator has drawn nearly one picture for {LASTING} steps (spread {spread:.3} of real \
                     pictures'); try another seed, a smaller --learning-rate, --loss wgan or --r1 1"
                ),
            );
        }
        report
    }

    /// Stores the counts.
    pub fn save(&self, state: &mut State) {
        state.put_integers("trouble", &[2], vec![self.saturated, self.collapsed]);
    }

    /// Takes the counts back.
    ///
    /// # Errors
    /// They are missing.
    pub fn load(state: &State) -> Result<Self, StateError> {
        let counts = state.integers("trouble", &[2])?;
        Ok(Self { saturated: counts[0], collapsed: counts[1] })
    }
}

/// The mean, over pixels, of the deviation within a batch of pictures `(N, ...)`.
pub fn spread(pictures: &Tensor) -> Figure {
    let (count, size) = (pictures.shape()[0], pictures.len() / pictures.shape()[0]);
    if pictures.device().is_none() {
        return Figure::Known(f64::from(spread_of(pictures.data(), count)));
    }
    let pictures = Var::constant(pictures.reshape(&[count, size]));
    let means = ops::mean_axes(&pictures, &[0]);
    let variances = ops::sub(&ops::mean_axes(&ops::square(&pictures), &[0]), &ops::square(&means));
    (&ops::mean(&ops::sqrt(&ops::relu(&variances)))).into()
}

fn spread_of(pictures: &[f32], count: usize) -> f32 {
    let size = pictures.len() / count;
    let (mut sums, mut squares) = (vec![0.0f32; size], vec![0.0f32; size]);
    for picture in pictures.chunks_exact(size) {
        for ((sum, square), &value) in sums.iter_mut().zip(&mut squares).zip(picture) {
            *sum += value;
            *square += value * value;
        }
    }
    let n = count as f32;
    let deviation = |(sum, square): (&f32, &f32)| (square / n - (sum / n) * (sum / n)).max(0.0).sqrt();
    let total: f64 = sums.iter().zip(&squares).map(deviation).map(f64::from).sum();
    (total / size as f64) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_pictures_have_no_spread() {
        let of = |shape: &[usize], pictures: &[f32]| spread(&Tensor::new(shape, pictures)).get();
        assert_eq!(of(&[3, 2], &[0.5, -0.25, 0.5, -0.25, 0.5, -0.25]), 0.0);
        assert!((of(&[2, 2], &[1.0, -1.0, -1.0, 1.0]) - 1.0).abs() < 1e-6);
    }

    #[test]
    fn what_lasts_is_told_and_what_passes_is_not() {
        let sure = Judged { real_probability: 0.999, fake_probability: 0.001, ..Judged::default() };
        let mut trouble = Trouble::default();
        let told = |report: StepReport| report.warnings().map(|(kind, _)| kind).collect::<Vec<_>>();
        for _ in 1..LASTING {
            assert!(told(trouble.watch(&sure, false, 1.0, StepReport::new())).is_empty());
        }
        assert_eq!(told(trouble.watch(&sure, false, 1.0, StepReport::new())), ["saturated-discriminator"]);
        assert!(told(trouble.watch(&Judged::default(), false, 1.0, StepReport::new())).is_empty());
        for _ in 1..LASTING {
            trouble.watch(&sure, true, 0.01, StepReport::new());
        }
        assert_eq!(told(trouble.watch(&sure, true, 0.01, StepReport::new())), ["collapsed-generator"]);
    }
}
