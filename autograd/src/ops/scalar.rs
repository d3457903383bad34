//! Sums and products with a constant number.

use gobelin_kernels::cuda::elementwise::Map;

use crate::var::Var;

/// `factor * x`. Derivative: `factor`.
pub fn scale(x: &Var, factor: f32) -> Var {
    Var::record("scale", x.tensor().map_as(Map::Scale(factor), move |v| factor * v), &[x], move |step| {
        if step.is_final() {
            let gradient = step.gradient.into_tensor();
            return vec![Some(gradient.map_into_as(Map::Scale(factor), move |g| factor * g).into())];
        }
        vec![Some(scale(&step.gradient, factor))]
    })
}

/// `x + addend`. Derivative: 1.
pub fn add_scalar(x: &Var, addend: f32) -> Var {
    Var::record("add_scalar", x.tensor().map_as(Map::Add(addend), move |v| v + addend), &[x], |step| {
        vec![Some(step.gradient)]
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::GradientCheck;
    use crate::ops::testing::numbers;

    #[test]
    fn gradients() {
        GradientCheck::default().assert(&[numbers(&[3, 5], 1)], |x| add_scalar(&scale(&x[0], -1.5), 0.3));
    }
}
