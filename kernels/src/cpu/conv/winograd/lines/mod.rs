//! The transforms of one line, from which those of tiles are made: along the columns, then along the rows.
//!
//! Winograd's F(m, r) computes m outputs of a correlation with r taps by a = m + r - 1 products, those of the values
//! that two polynomials take at a points: the input goes through B (a to a), the taps through G (r to a), the products
//! through A (a to m). B depends on the points alone, so one input transform serves F(4, 3) and F(3, 4), the gradient of
//! the taps. (Winograd, Arithmetic complexity of computations, 1980; Lavin and Gray, Fast algorithms for convolutional
//! neural networks, 2016.)

use crate::cpu::simd::Lanes;

/// Longest line: a in F(4, 3).
pub(super) const LONGEST: usize = 6;

/// A linear map of a line of `FROM` registers to one of `TO`; entries past those counts are ignored and left as they come.
pub(super) trait Line {
    const FROM: usize;
    const TO: usize;

    /// # Safety
    /// The processor must support `V`.
    unsafe fn apply<V: Lanes>(line: [V; LONGEST]) -> [V; LONGEST];
}

/// One line: its name, how many registers go in and come out, what they are called, and what becomes of them.
macro_rules! line {
    ($(#[$doc:meta])* $name:ident: $from:literal to $to:literal, $line:pat in $body:block) => {
        $(#[$doc])*
        pub(in crate::cpu::conv::winograd) struct $name;

        impl Line for $name {
            const FROM: usize = $from;
            const TO: usize = $to;

            #[inline(always)]
            unsafe fn apply<V: Lanes>($line: [V; LONGEST]) -> [V; LONGEST] {
                // SAFETY: the caller's promise.
                unsafe { $body }
            }
        }
    };
}

mod five;
mod six;

pub(super) use five::*;
pub(super) use six::*;
