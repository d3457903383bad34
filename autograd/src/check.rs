//! The gradient check: derivatives of any order against differences.
//!
//! A function's output is projected onto a random direction, so that one number stands for all of them; its change
//! along a random direction of one input, by a fourth-order central difference, must equal the inner product of that
//! direction with the gradient (the idea of HIPS autograd's checks). For order two the same is done with the gradient
//! as the function, and so on. First-order gradients are also taken the way training takes them, through fused
//! kernels, and must equal the composed ones.

use std::fmt;

use crate::ops;
use crate::random::{self, Generator};
use crate::tape::Tape;
use crate::tensor::Tensor;
use crate::var::Var;

/// How to check; [`GradientCheck::default`] checks orders one and two.
#[derive(Clone, Debug)]
pub struct GradientCheck {
    /// The highest order checked.
    pub orders: usize,
    /// The step of the differences. Rounding errors grow as it shrinks (1e-7 / step), the formula's own error as it
    /// grows (step^4).
    pub step: f32,
    /// The largest allowed difference, relative to the larger of the two and of the gradient's norm.
    pub tolerance: f64,
    /// Values of inputs at which the function has a kink: inputs nearer than the differences reach are moved away.
    pub kinks: Vec<f32>,
    /// Seeds the random directions.
    pub seed: u64,
}

impl Default for GradientCheck {
    fn default() -> Self {
        Self { orders: 2, step: 0.02, tolerance: 2e-3, kinks: Vec::new(), seed: 0 }
    }
}

/// A derivative that is not what the differences say.
#[derive(Clone, Debug, PartialEq)]
pub struct Mismatch {
    /// 1 for the gradient, 2 for the gradient's gradient.
    pub order: usize,
    /// Which input; at order two the direction the first gradient was projected on follows the inputs.
    pub input: usize,
    /// What was held against what.
    pub kind: &'static str,
    /// The derivative along the direction by differences (or by the composed rule).
    pub expected: f64,
    /// The derivative along the direction by the rule (or by the fused one).
    pub found: f64,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { order, input, kind, expected, found } = self;
        write!(
            f,
            "gradient check: order {order}, input {input}: {kind}: expected {expected:e}, found {found:e}"
        )
    }
}

impl std::error::Error for Mismatch {}

impl GradientCheck {
    /// Only the gradient itself: for functions that are not twice differentiable.
    pub fn first_order() -> Self {
        Self { orders: 1, ..Self::default() }
    }

    /// Declares kinks.
    pub fn with_kinks(mut self, kinks: &[f32]) -> Self {
        self.kinks = kinks.to_vec();
        self
    }

    /// Sets the tolerance.
    pub fn with_tolerance(mut self, tolerance: f64) -> Self {
        self.tolerance = tolerance;
        self
    }

    /// Sets the step of the differences.
    pub fn with_step(mut self, step: f32) -> Self {
        self.step = step;
        self
    }

    /// Checks `function` at `inputs`.
    ///
    /// # Errors
    /// The first derivative that differs from what is expected.
    pub fn run(&self, inputs: &[Tensor], function: impl Fn(&[Var]) -> Var) -> Result<(), Mismatch> {
        let mut generator = random::generator(self.seed, 0);
        let reach = 2.5 * self.step;
        let away = |value: f32| {
            let near = self.kinks.iter().find(|&&kink| (value - kink).abs() < reach);
            near.map_or(value, |&kink| if value < kink { kink - reach } else { kink + reach })
        };
        let inputs: Vec<Tensor> = inputs.iter().map(|input| input.map(away)).collect();
        self.check_order(1, &inputs, &|inputs| vec![function(inputs)], &mut generator)
    }

    /// As [`GradientCheck::run`].
    ///
    /// # Panics
    /// With the mismatch.
    #[track_caller]
    pub fn assert(&self, inputs: &[Tensor], function: impl Fn(&[Var]) -> Var) {
        if let Err(mismatch) = self.run(inputs, &function) {
            panic!("{mismatch}");
        }
        #[cfg(test)]
        crate::ops::testing::assert_same_on_a_card(inputs, function);
    }

    fn check_order(
        &self,
        order: usize,
        inputs: &[Tensor],
        function: &dyn Fn(&[Var]) -> Vec<Var>,
        generator: &mut Generator,
    ) -> Result<(), Mismatch> {
        let mut direction = |tensor: &Tensor| random::normal(tensor.shape(), 0.0, 1.0, generator);
        let constants: Vec<Var> = inputs.iter().cloned().map(Var::constant).collect();
        let projection: Vec<Tensor> =
            function(&constants).iter().map(|out| direction(out.tensor())).collect();
        let value = |inputs: &[Var]| -> f64 {
            function(inputs).iter().zip(&projection).map(|(out, p)| inner_product(out.tensor(), p)).sum()
        };

        let tape = Tape::new();
        let leaves: Vec<Var> = inputs.iter().cloned().map(|input| tape.leaf(input)).collect();
        let wanted: Vec<&Var> = leaves.iter().collect();
        let project = |outputs: Vec<Var>, projection: &[Var]| -> Var {
            let terms = outputs.iter().zip(projection).map(|(out, p)| ops::sum(&ops::mul(out, p)));
            terms.reduce(|a, b| ops::add(&a, &b)).expect("a function has an output")
        };
        let fixed: Vec<Var> = projection.iter().cloned().map(Var::constant).collect();
        let composed = tape.differentiable_gradients(&project(function(&leaves), &fixed), &wanted);
        let fused = tape.gradients(&project(function(&leaves), &fixed), &wanted);

        for (input, leaf) in inputs.iter().enumerate() {
            let along = direction(leaf);
            let shifted = |amount: f32| -> f64 {
                let mut moved = constants.clone();
                moved[input] = Var::constant(leaf.zip(&along, |x, d| x + amount * d));
                value(&moved)
            };
            // One step for each value of a small input; a large one moves by four steps in all.
            let h = self.step / norm(&along).max(1e-12) as f32 * (leaf.len() as f32).sqrt().min(4.0);
            let near = shifted(h) - shifted(-h);
            let far = shifted(2.0 * h) - shifted(-2.0 * h);
            let expected = (8.0 * near - far) / (12.0 * f64::from(h));
            let found = inner_product(composed[input].tensor(), &along);
            let scale = norm(composed[input].tensor()).max(expected.abs());
            let mismatch = |kind, expected, found| Mismatch { order, input, kind, expected, found };
            if !within(found, expected, self.tolerance * scale.max(1e-3)) {
                return Err(mismatch("rule against differences", expected, found));
            }
            let fast = inner_product(&fused[input], &along);
            if !within(fast, found, 1e-4 * scale.max(1e-3)) {
                return Err(mismatch("fused rule against composed rule", found, fast));
            }
        }
        if order == self.orders {
            return Ok(());
        }
        // The gradient as a function of the inputs and of the projection.
        let count = inputs.len();
        let gradient = |all: &[Var]| -> Vec<Var> {
            let local = all.iter().all(|var| !var.is_tracked()).then(Tape::new);
            let (inputs, projection): (Vec<Var>, &[Var]) = match &local {
                Some(tape) => {
                    (all[..count].iter().map(|v| tape.leaf(v.tensor().clone())).collect(), &all[count..])
                }
                None => (all[..count].to_vec(), &all[count..]),
            };
            let tape = inputs[0].tape();
            let loss = project(function(&inputs), projection);
            tape.differentiable_gradients(&loss, &inputs.iter().collect::<Vec<_>>())
        };
        let extended: Vec<Tensor> = inputs.iter().chain(&projection).cloned().collect();
        self.check_order(order + 1, &extended, &gradient, generator)
    }
}

/// False for NaN.
fn within(a: f64, b: f64, bound: f64) -> bool {
    (a - b).abs() <= bound
}

fn inner_product(a: &Tensor, b: &Tensor) -> f64 {
    a.data().iter().zip(b.data()).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum()
}

fn norm(a: &Tensor) -> f64 {
    inner_product(a, a).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inputs() -> Vec<Tensor> {
        vec![random::normal(&[3, 4], 0.0, 1.0, &mut random::generator(1, 0))]
    }

    #[test]
    fn right_derivatives_pass() {
        GradientCheck { orders: 3, ..GradientCheck::default() }.assert(&inputs(), |x| ops::tanh(&x[0]));
    }

    #[test]
    fn a_wrong_rule_is_found() {
        let wrong = |x: &[Var]| {
            let saved = x[0].clone();
            Var::record("wrong", x[0].tensor().map(|v| v * v), &[&x[0]], move |step| {
                vec![Some(ops::mul(&step.gradient, &ops::scale(&saved, 1.9)))]
            })
        };
        let mismatch = GradientCheck::default().run(&inputs(), wrong).unwrap_err();
        assert_eq!((mismatch.order, mismatch.input, mismatch.kind), (1, 0, "rule against differences"));
    }

    #[test]
    fn a_rule_that_cannot_be_differentiated_is_found_at_order_two() {
        let wrong = |x: &[Var]| {
            let saved = x[0].detach();
            Var::record("wrong", x[0].tensor().map(|v| v * v), &[&x[0]], move |step| {
                vec![Some(ops::mul(&step.gradient, &ops::scale(&saved, 2.0)))]
            })
        };
        assert_eq!(GradientCheck::default().run(&inputs(), wrong).unwrap_err().order, 2);
    }

    #[test]
    fn a_fused_rule_that_differs_is_found() {
        let wrong = |x: &[Var]| {
            let saved = x[0].clone();
            Var::record("wrong", x[0].tensor().map(|v| v * v), &[&x[0]], move |step| {
                let factor = if step.is_final() { 2.01 } else { 2.0 };
                vec![Some(ops::mul(&step.gradient, &ops::scale(&saved, factor)))]
            })
        };
        let mismatch = GradientCheck::default().run(&inputs(), wrong).unwrap_err();
        assert_eq!(mismatch.kind, "fused rule against composed rule");
    }

    #[test]
    fn nan_does_not_pass() {
        let nan = |x: &[Var]| ops::scale(&x[0], f32::NAN);
        assert!(GradientCheck::default().run(&inputs(), nan).is_err());
    }
}
