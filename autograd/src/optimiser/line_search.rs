//! How far to go along a direction: a point where the loss has fallen enough and the slope has flattened enough.
//!
//! The strong Wolfe conditions on `phi(t)`, the loss at a step of length `t`: `phi(t) <= phi(0) + c1 t phi'(0)` and
//! `|phi'(t)| <= c2 |phi'(0)|`. A bracket is grown until it must hold such a point, then narrowed by cubic interpolation
//! (Nocedal and Wright, "Numerical Optimization", 2006, algorithms 3.5 and 3.6), with the safeguards of Schmidt's minFunc,
//! which PyTorch has too.
//!
//! Near a minimum the loss changes by less than an `f32` sum of many terms can tell, and the first condition fails on
//! noise: it is therefore asked for only down to that resolution, and the slope, which is still sharp there, decides (Hager
//! and Zhang, "A new conjugate gradient method with guaranteed descent and an efficient line search", 2005, section 2).

/// The part of the first slope by which the loss must fall.
const DECREASE: f64 = 1e-4;
/// The part of the first slope that may be left.
const FLATNESS: f64 = 0.9;
/// Losses nearer than this, relative to the first, are the same number up to rounding.
const RESOLUTION: f64 = f32::EPSILON as f64;
/// How much further the bracket's end is moved: at least this part of the last move...
const GROW_AT_LEAST: f64 = 0.01;
/// ...and at most to this multiple of the step.
const GROW_AT_MOST: f64 = 10.0;
/// A trial nearer to an end of the bracket than this part of it makes no progress.
const NEAR_END: f64 = 0.1;

/// The loss at a step of one length.
#[derive(Clone, Debug)]
pub(super) struct Point<G> {
    /// The step's length.
    pub step: f64,
    /// The loss; infinite where it is no number, but finite at the start.
    pub loss: f64,
    /// The derivative of the loss by the length.
    pub slope: f64,
    /// The gradient, which the search only carries along.
    pub gradient: G,
}

/// What a search came to.
pub(super) struct Found<G> {
    /// The lowest point that was accepted; the start if nothing is lower.
    pub point: Point<G>,
    /// How often the loss was computed.
    pub evaluations: usize,
    /// Whether both conditions hold there.
    pub wolfe: bool,
}

/// Searches from `start` (step 0, with a negative slope), trying `first` first. Moves shorter than `shortest` change
/// nothing. At most `budget` evaluations, which is at least one.
pub(super) fn strong_wolfe<G: Clone>(
    start: &Point<G>,
    first: f64,
    shortest: f64,
    budget: usize,
    mut evaluate: impl FnMut(f64) -> Point<G>,
) -> Found<G> {
    let rounding = RESOLUTION * start.loss.abs();
    let too_high = |point: &Point<G>| {
        let limit = start.loss + DECREASE * point.step * start.slope + rounding;
        point.loss > limit
    };
    let flat = |point: &Point<G>| point.slope.abs() <= -FLATNESS * start.slope;

    // Grow until the bracket between the last two points must hold what is looked for.
    let (mut before, mut point) = (start.clone(), evaluate(first));
    let mut evaluations = 1;
    let [mut low, mut high] = loop {
        if too_high(&point) || (evaluations > 2 && point.loss >= before.loss + rounding) {
            break [before, point];
        }
        if flat(&point) {
            return Found { point, evaluations, wolfe: true };
        }
        if point.slope >= 0.0 {
            break [before, point];
        }
        if evaluations == budget {
            break [start.clone(), point];
        }
        let nearest = point.step + GROW_AT_LEAST * (point.step - before.step);
        let farthest = point.step * GROW_AT_MOST;
        let next = lowest_of_cubic(&before, &point, [nearest, farthest]);
        before = std::mem::replace(&mut point, evaluate(next));
        evaluations += 1;
    };
    // The lower end must have fallen enough (unlike PyTorch's): else the bracket may close on a place where nothing has.
    if low.loss > high.loss && !too_high(&high) {
        std::mem::swap(&mut low, &mut high);
    }

    // Narrow it, keeping its lower end as the best so far.
    let mut stuck = false;
    while evaluations < budget && (high.step - low.step).abs() > shortest {
        let [left, right] = [low.step.min(high.step), low.step.max(high.step)];
        let mut next = lowest_of_cubic(&low, &high, [left, right]);
        let margin = NEAR_END * (right - left);
        if (right - next).min(next - left) < margin {
            // Once may be right; a second time in turn the bracket would shrink from one side only.
            if stuck || next >= right || next <= left {
                next = if right - next < next - left { right - margin } else { left + margin };
                stuck = false;
            } else {
                stuck = true;
            }
        } else {
            stuck = false;
        }
        let point = evaluate(next);
        evaluations += 1;
        if too_high(&point) || point.loss >= low.loss + rounding {
            high = point;
            continue;
        }
        if flat(&point) {
            return Found { point, evaluations, wolfe: true };
        }
        if point.slope * (high.step - low.step) >= 0.0 {
            high = low;
        }
        low = point;
    }
    Found { point: low, evaluations, wolfe: false }
}

/// Where the cubic through two points with their slopes is lowest, within bounds (Nocedal and Wright, equation 3.59);
/// half way between the bounds where it has no such place.
fn lowest_of_cubic<G>(a: &Point<G>, b: &Point<G>, [low, high]: [f64; 2]) -> f64 {
    let [a, b] = if a.step <= b.step { [a, b] } else { [b, a] };
    let length = b.step - a.step;
    let first = a.slope + b.slope - 3.0 * (b.loss - a.loss) / length;
    let root = (first * first - a.slope * b.slope).sqrt();
    let place = b.step - length * (b.slope + root - first) / (b.slope - a.slope + 2.0 * root);
    if place.is_finite() { place.clamp(low, high) } else { f64::midpoint(low, high) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A search on a function of one number, from 0 on.
    fn search(first: f64, budget: usize, function: impl Fn(f64) -> (f64, f64)) -> Found<()> {
        let at = |step: f64| {
            let (loss, slope) = function(step);
            Point { step, loss, slope, gradient: () }
        };
        strong_wolfe(&at(0.0), first, 1e-9, budget, at)
    }

    #[track_caller]
    fn must_be_wolfe(found: &Found<()>, function: impl Fn(f64) -> (f64, f64)) {
        let (loss, slope) = function(0.0);
        assert!(found.wolfe, "{} after {}", found.point.step, found.evaluations);
        assert!(found.point.loss <= loss + 1e-4 * found.point.step * slope);
        assert!(found.point.slope.abs() <= 0.9 * slope.abs());
    }

    #[test]
    fn both_conditions_hold_however_long_the_first_step() {
        let valley =
            |t: f64| ((t - 3.0).powi(2) + 0.1 * (5.0 * t).cos(), 2.0 * (t - 3.0) - 0.5 * (5.0 * t).sin());
        let flat = |t: f64| (-t / (t * t + 2.0), (t * t - 2.0) / (t * t + 2.0).powi(2));
        let steep = |t: f64| ((t + 1.0).powi(4) - 200.0 * t, 4.0 * (t + 1.0).powi(3) - 200.0);
        for first in [1e-6, 1e-3, 0.1, 1.0, 10.0, 1e3] {
            for function in [&valley as &dyn Fn(f64) -> (f64, f64), &flat, &steep] {
                must_be_wolfe(&search(first, 60, function), function);
            }
        }
    }

    #[test]
    fn a_place_without_a_number_is_too_far() {
        let walled =
            |t: f64| if t < 2.0 { ((t - 1.5).powi(2), 2.0 * (t - 1.5)) } else { (f64::INFINITY, f64::NAN) };
        must_be_wolfe(&search(100.0, 60, walled), walled);
    }

    #[test]
    fn what_falls_for_ever_is_left_lower_when_the_budget_ends() {
        let found = search(1.0, 5, |t| (-t, -1.0));
        assert!(!found.wolfe && found.evaluations == 5 && found.point.step > 1.0);
    }

    #[test]
    fn nothing_lower_is_the_start() {
        // A slope that lies: the loss only rises.
        let found = search(1.0, 40, |t| (t, -1.0));
        assert!(!found.wolfe);
        assert_eq!(found.point.step, 0.0);
    }

    /// The loss in f32 shows no fall from 0 to 0.9: only the slope tells that it is right.
    #[test]
    fn rounding_does_not_hide_the_minimum() {
        let rounded = |t: f64| (f64::from((1e4 + 1e-4 * (t - 0.9).powi(2)) as f32), 2e-4 * (t - 0.9));
        let found = search(1.0, 25, rounded);
        assert!(found.wolfe && found.evaluations == 1, "{}", found.evaluations);
    }
}
