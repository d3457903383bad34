//! Values chosen by a constant mask.

use gobelin_kernels::cpu::elementwise;
use gobelin_kernels::cuda::elementwise::{self as device, Map, Zip, ZipThree};

use crate::tensor::Tensor;
use crate::var::Var;

/// `a` where `mask` is not 0, else `b`; all of one shape. What is not chosen does not matter, even if it is NaN. Derivative:
/// the gradient where the operand was chosen.
///
/// # Panics
/// If the shapes differ.
#[track_caller]
pub fn select(mask: &Tensor, a: &Var, b: &Var) -> Var {
    let same = mask.shape() == a.shape() && mask.shape() == b.shape();
    assert!(same, "select: a mask of {:?}, operands of {:?} and {:?}", mask.shape(), a.shape(), b.shape());
    let y = Tensor::compute(
        mask.shape(),
        [mask, a.tensor(), b.tensor()],
        |operands, y| elementwise::zip_three(operands, y, |mask, a, b| if mask == 0.0 { b } else { a }),
        |operands, y| device::zip_three(operands, y, ZipThree::Select),
    );
    let mask = mask.clone();
    Var::record("select", y, &[a, b], move |step| {
        let for_a = step.needs(0).then(|| masked(&step.gradient, &mask));
        let for_b = step.needs(1).then(|| {
            let others = mask.map_as(Map::IsZero, |mask| f32::from(mask == 0.0));
            masked(&step.gradient, &others)
        });
        vec![for_a, for_b]
    })
}

/// `x` where `mask` is not 0, else 0, also where `x` is NaN. Derivative: the gradient masked likewise.
///
/// # Panics
/// If the shapes differ.
#[track_caller]
pub fn masked(x: &Var, mask: &Tensor) -> Var {
    let y = x.tensor().zip_as(mask, Zip::Masked, |x, mask| if mask == 0.0 { 0.0 } else { x });
    let mask = mask.clone();
    Var::record("masked", y, &[x], move |step| vec![Some(masked(&step.gradient, &mask))])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::GradientCheck;
    use crate::ops;
    use crate::ops::testing::numbers;
    use crate::tape::Tape;

    #[test]
    fn gradients() {
        let mask = numbers(&[3, 4], 3).map(|v| f32::from(v > 0.0));
        let inputs = [numbers(&[3, 4], 1), numbers(&[3, 4], 2)];
        GradientCheck::default().assert(&inputs, |x| ops::square(&select(&mask, &x[0], &x[1])));
        GradientCheck::default().assert(&inputs[..1], |x| ops::square(&masked(&x[0], &mask)));
    }

    #[test]
    fn what_is_not_chosen_does_not_matter() {
        let tape = Tape::new();
        let x = tape.leaf(Tensor::new(&[2], [0.0, 4.0]));
        let mask = Tensor::new(&[2], [0.0, 1.0]);
        let y = select(&mask, &ops::ln(&x), &Tensor::zeros(&[2]).into());
        assert_eq!(y.tensor().data(), [0.0, 4.0f32.ln()]);
        assert_eq!(masked(&ops::ln(&x), &mask).tensor().data(), y.tensor().data());
    }
}
