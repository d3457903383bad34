//! The rectifiers behind a normalisation.

/// What follows a normalisation: nothing, or a leaky rectifier of this slope.
pub type Slope = Option<f32>;

/// A rectifier, by the value that goes into it.
pub(super) trait Rectifier: Copy + Sync {
    fn apply(self, value: f32) -> f32;
    fn back(self, gradient: f32, value: f32) -> f32;
}

#[derive(Clone, Copy)]
pub(super) struct Linear;

impl Rectifier for Linear {
    #[inline(always)]
    fn apply(self, value: f32) -> f32 {
        value
    }

    #[inline(always)]
    fn back(self, gradient: f32, _: f32) -> f32 {
        gradient
    }
}

/// Of slope 0, where a product would turn infinities into NaN; NaN stays.
#[derive(Clone, Copy)]
pub(super) struct Relu;

impl Rectifier for Relu {
    #[inline(always)]
    fn apply(self, value: f32) -> f32 {
        if value <= 0.0 { 0.0 } else { value }
    }

    #[inline(always)]
    fn back(self, gradient: f32, value: f32) -> f32 {
        if value > 0.0 { gradient } else { 0.0 * gradient }
    }
}

#[derive(Clone, Copy)]
pub(super) struct Leaky(pub f32);

impl Rectifier for Leaky {
    #[inline(always)]
    fn apply(self, value: f32) -> f32 {
        if value > 0.0 { value } else { self.0 * value }
    }

    #[inline(always)]
    fn back(self, gradient: f32, value: f32) -> f32 {
        if value > 0.0 { gradient } else { self.0 * gradient }
    }
}

/// A call with the rectifier of a slope.
macro_rules! by_slope {
    ($slope:expr, $rectifier:ident => $call:expr) => {
        match $slope {
            None => {
                let $rectifier = $crate::cpu::norm::rectifier::Linear;
                $call
            }
            Some(0.0) => {
                let $rectifier = $crate::cpu::norm::rectifier::Relu;
                $call
            }
            Some(slope) => {
                let $rectifier = $crate::cpu::norm::rectifier::Leaky(slope);
                $call
            }
        }
    };
}

pub(super) use by_slope;
