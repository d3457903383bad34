//! The transforms of one line, from which those of tiles are made: along the columns, then along the rows.
//!
//! Winograd's F(m, r) computes m outputs of a correlation with r taps by a = m + r - 1 products, those of the values
//! that two polynomials take at a points: the input goes through B (a to a), the taps through G (r to a), the products
//! through A (a to m). B depends on the points alone, so one input transform serves F(4, 3) and F(3, 4), the gradient of
//! the taps. (Winograd, Arithmetic complexity of computations, 1980; Lavin and Gray, Fast algorithms for convolutional
//! neural networks, 2016.)
//!
//! The six points are 0, +-3/4, +-3/2 and infinity. The usual 0, +-1, +-2 cost the same number of operations and twice
//! the error (1.7e-6 against 3.1e-6, root mean square relative to the output, 256 channels), since powers of 2 up to the
//! third weigh the products unevenly. Signs in pairs halve the work: a pair is the sum and the difference of an even and an
//! odd part. The five points are 0, 1, -1, 2 and infinity (1.8e-6; 1/2 or -2 instead of 2 is no better).

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

const P: f32 = 0.75;
const Q: f32 = 1.5;
const P2: f32 = P * P;
const Q2: f32 = Q * Q;
/// The product of the differences of a point to all others, which the taps are divided by.
const AT_ZERO: f32 = P2 * Q2;
const AT_P: f32 = 2.0 * P2 * (P2 - Q2);
const AT_Q: f32 = 2.0 * Q2 * (Q2 - P2);

/// Six inputs at six points.
pub(super) struct Input6;
/// Three taps at six points: F(4, 3)'s filter.
pub(super) struct Taps3;
/// Four taps at six points: F(3, 4)'s filter.
pub(super) struct Taps4;
/// From six points to four outputs.
pub(super) struct Output4;
/// From six points to three outputs.
pub(super) struct Output3;
/// Five taps at six points: F(2, 5)'s filter.
pub(super) struct Taps5;
/// Two taps at six points: F(5, 2)'s.
pub(super) struct Taps2;
/// From six points to two outputs.
pub(super) struct Output2;
/// From six points to five outputs.
pub(super) struct Output5;

impl Line for Input6 {
    const FROM: usize = 6;
    const TO: usize = 6;

    #[inline(always)]
    unsafe fn apply<V: Lanes>([x0, x1, x2, x3, x4, x5]: [V; LONGEST]) -> [V; LONGEST] {
        // SAFETY: the caller's promise.
        unsafe {
            let outer = V::splat(-(P2 + Q2));
            let product = V::splat(P2 * Q2);
            let (minus_p2, minus_q2) = (V::splat(-P2), V::splat(-Q2));
            let (even_p, odd_p) = (x2.mul_add(minus_q2, x4), x1.mul_add(minus_q2, x3));
            let (even_q, odd_q) = (x2.mul_add(minus_p2, x4), x1.mul_add(minus_p2, x3));
            [
                x0.mul_add(product, x2.mul_add(outer, x4)),
                odd_p.mul_add(V::splat(P), even_p),
                odd_p.mul_add(V::splat(-P), even_p),
                odd_q.mul_add(V::splat(Q), even_q),
                odd_q.mul_add(V::splat(-Q), even_q),
                x1.mul_add(product, x3.mul_add(outer, x5)),
            ]
        }
    }
}

impl Line for Taps3 {
    const FROM: usize = 3;
    const TO: usize = 6;

    #[inline(always)]
    unsafe fn apply<V: Lanes>([g0, g1, g2, ..]: [V; LONGEST]) -> [V; LONGEST] {
        // SAFETY: the caller's promise.
        unsafe {
            let even_p = g2.mul_add(V::splat(P2 / AT_P), g0.mul(V::splat(1.0 / AT_P)));
            let even_q = g2.mul_add(V::splat(Q2 / AT_Q), g0.mul(V::splat(1.0 / AT_Q)));
            [
                g0.mul(V::splat(1.0 / AT_ZERO)),
                g1.mul_add(V::splat(P / AT_P), even_p),
                g1.mul_add(V::splat(-P / AT_P), even_p),
                g1.mul_add(V::splat(Q / AT_Q), even_q),
                g1.mul_add(V::splat(-Q / AT_Q), even_q),
                g2,
            ]
        }
    }
}

impl Line for Taps4 {
    const FROM: usize = 4;
    const TO: usize = 6;

    #[inline(always)]
    unsafe fn apply<V: Lanes>([g0, g1, g2, g3, ..]: [V; LONGEST]) -> [V; LONGEST] {
        // SAFETY: the caller's promise.
        unsafe {
            let even_p = g2.mul_add(V::splat(P2 / AT_P), g0.mul(V::splat(1.0 / AT_P)));
            let even_q = g2.mul_add(V::splat(Q2 / AT_Q), g0.mul(V::splat(1.0 / AT_Q)));
            let odd_p = g3.mul_add(V::splat(P2), g1);
            let odd_q = g3.mul_add(V::splat(Q2), g1);
            [
                g0.mul(V::splat(1.0 / AT_ZERO)),
                odd_p.mul_add(V::splat(P / AT_P), even_p),
                odd_p.mul_add(V::splat(-P / AT_P), even_p),
                odd_q.mul_add(V::splat(Q / AT_Q), even_q),
                odd_q.mul_add(V::splat(-Q / AT_Q), even_q),
                g3,
            ]
        }
    }
}

impl Line for Output4 {
    const FROM: usize = 6;
    const TO: usize = 4;

    #[inline(always)]
    unsafe fn apply<V: Lanes>([m0, m1, m2, m3, m4, m5]: [V; LONGEST]) -> [V; LONGEST] {
        // SAFETY: the caller's promise.
        unsafe {
            let (even_p, odd_p) = (m1.add(m2), m1.sub(m2).mul(V::splat(P)));
            let (even_q, odd_q) = (m3.add(m4), m3.sub(m4).mul(V::splat(Q)));
            let (p2, q2) = (V::splat(P2), V::splat(Q2));
            [
                m0.add(even_p).add(even_q),
                odd_p.add(odd_q),
                even_q.mul_add(q2, even_p.mul(p2)),
                odd_q.mul_add(q2, odd_p.mul_add(p2, m5)),
                m0,
                m0,
            ]
        }
    }
}

impl Line for Output3 {
    const FROM: usize = 6;
    const TO: usize = 3;

    #[inline(always)]
    unsafe fn apply<V: Lanes>([m0, m1, m2, m3, m4, m5]: [V; LONGEST]) -> [V; LONGEST] {
        // SAFETY: the caller's promise.
        unsafe {
            let (even_p, odd_p) = (m1.add(m2), m1.sub(m2).mul(V::splat(P)));
            let (even_q, odd_q) = (m3.add(m4), m3.sub(m4).mul(V::splat(Q)));
            [
                m0.add(even_p).add(even_q),
                odd_p.add(odd_q),
                even_q.mul_add(V::splat(Q2), even_p.mul_add(V::splat(P2), m5)),
                m0,
                m0,
                m0,
            ]
        }
    }
}

impl Line for Taps5 {
    const FROM: usize = 5;
    const TO: usize = 6;

    #[inline(always)]
    unsafe fn apply<V: Lanes>([g0, g1, g2, g3, g4, _]: [V; LONGEST]) -> [V; LONGEST] {
        // SAFETY: the caller's promise.
        unsafe {
            let (p2, q2) = (V::splat(P2), V::splat(Q2));
            let even_p = g4.mul_add(p2, g2).mul_add(p2, g0).mul(V::splat(1.0 / AT_P));
            let even_q = g4.mul_add(q2, g2).mul_add(q2, g0).mul(V::splat(1.0 / AT_Q));
            let (odd_p, odd_q) = (g3.mul_add(p2, g1), g3.mul_add(q2, g1));
            [
                g0.mul(V::splat(1.0 / AT_ZERO)),
                odd_p.mul_add(V::splat(P / AT_P), even_p),
                odd_p.mul_add(V::splat(-P / AT_P), even_p),
                odd_q.mul_add(V::splat(Q / AT_Q), even_q),
                odd_q.mul_add(V::splat(-Q / AT_Q), even_q),
                g4,
            ]
        }
    }
}

impl Line for Taps2 {
    const FROM: usize = 2;
    const TO: usize = 6;

    #[inline(always)]
    unsafe fn apply<V: Lanes>([g0, g1, ..]: [V; LONGEST]) -> [V; LONGEST] {
        // SAFETY: the caller's promise.
        unsafe {
            let (at_p, at_q) = (g0.mul(V::splat(1.0 / AT_P)), g0.mul(V::splat(1.0 / AT_Q)));
            [
                g0.mul(V::splat(1.0 / AT_ZERO)),
                g1.mul_add(V::splat(P / AT_P), at_p),
                g1.mul_add(V::splat(-P / AT_P), at_p),
                g1.mul_add(V::splat(Q / AT_Q), at_q),
                g1.mul_add(V::splat(-Q / AT_Q), at_q),
                g1,
            ]
        }
    }
}

impl Line for Output2 {
    const FROM: usize = 6;
    const TO: usize = 2;

    #[inline(always)]
    unsafe fn apply<V: Lanes>([m0, m1, m2, m3, m4, m5]: [V; LONGEST]) -> [V; LONGEST] {
        // SAFETY: the caller's promise.
        unsafe {
            let odd_p = m1.sub(m2).mul_add(V::splat(P), m5);
            let even = m1.add(m2).add(m3.add(m4));
            [m0.add(even), m3.sub(m4).mul_add(V::splat(Q), odd_p), m0, m0, m0, m0]
        }
    }
}

impl Line for Output5 {
    const FROM: usize = 6;
    const TO: usize = 5;

    #[inline(always)]
    unsafe fn apply<V: Lanes>([m0, m1, m2, m3, m4, m5]: [V; LONGEST]) -> [V; LONGEST] {
        // SAFETY: the caller's promise.
        unsafe {
            let (even_p, odd_p) = (m1.add(m2), m1.sub(m2).mul(V::splat(P)));
            let (even_q, odd_q) = (m3.add(m4), m3.sub(m4).mul(V::splat(Q)));
            let (p2, q2) = (V::splat(P2), V::splat(Q2));
            [
                m0.add(even_p).add(even_q),
                odd_p.add(odd_q),
                even_q.mul_add(q2, even_p.mul(p2)),
                odd_q.mul_add(q2, odd_p.mul(p2)),
                even_q.mul_add(V::splat(Q2 * Q2), even_p.mul_add(V::splat(P2 * P2), m5)),
                m0,
            ]
        }
    }
}

/// [`Output4`] transposed: the values at six points of a polynomial of four coefficients.
pub(super) struct Values4;
/// [`Input6`] transposed.
pub(super) struct Spread6;

impl Line for Values4 {
    const FROM: usize = 4;
    const TO: usize = 6;

    #[inline(always)]
    unsafe fn apply<V: Lanes>([g0, g1, g2, g3, ..]: [V; LONGEST]) -> [V; LONGEST] {
        // SAFETY: the caller's promise.
        unsafe {
            let (even_p, odd_p) = (g2.mul_add(V::splat(P2), g0), g3.mul_add(V::splat(P2), g1));
            let (even_q, odd_q) = (g2.mul_add(V::splat(Q2), g0), g3.mul_add(V::splat(Q2), g1));
            [
                g0,
                odd_p.mul_add(V::splat(P), even_p),
                odd_p.mul_add(V::splat(-P), even_p),
                odd_q.mul_add(V::splat(Q), even_q),
                odd_q.mul_add(V::splat(-Q), even_q),
                g3,
            ]
        }
    }
}

impl Line for Spread6 {
    const FROM: usize = 6;
    const TO: usize = 6;

    #[inline(always)]
    unsafe fn apply<V: Lanes>([m0, m1, m2, m3, m4, m5]: [V; LONGEST]) -> [V; LONGEST] {
        // SAFETY: the caller's promise.
        unsafe {
            let outer = V::splat(-(P2 + Q2));
            let product = V::splat(P2 * Q2);
            let (minus_p2, minus_q2) = (V::splat(-P2), V::splat(-Q2));
            let (even_p, odd_p) = (m1.add(m2), m1.sub(m2).mul(V::splat(P)));
            let (even_q, odd_q) = (m3.add(m4), m3.sub(m4).mul(V::splat(Q)));
            [
                m0.mul(product),
                m5.mul_add(product, odd_q.mul_add(minus_p2, odd_p.mul(minus_q2))),
                m0.mul_add(outer, even_q.mul_add(minus_p2, even_p.mul(minus_q2))),
                m5.mul_add(outer, odd_p.add(odd_q)),
                m0.add(even_p).add(even_q),
                m5,
            ]
        }
    }
}

/// Five inputs at five points.
pub(super) struct Input5;
/// Two taps at five points: F(4, 2)'s filter.
pub(super) struct Taps2Of5;
/// Four taps at five points: F(2, 4)'s.
pub(super) struct Taps4Of5;
/// Three taps at five points: F(3, 3)'s.
pub(super) struct Taps3Of5;
/// From five points to four outputs.
pub(super) struct Output4Of5;
/// From five points to three outputs.
pub(super) struct Output3Of5;
/// From five points to two outputs.
pub(super) struct Output2Of5;

impl Line for Input5 {
    const FROM: usize = 5;
    const TO: usize = 5;

    #[inline(always)]
    unsafe fn apply<V: Lanes>([x0, x1, x2, x3, x4, _]: [V; LONGEST]) -> [V; LONGEST] {
        // SAFETY: the caller's promise.
        unsafe {
            let (two, minus_two, minus_three) = (V::splat(2.0), V::splat(-2.0), V::splat(-3.0));
            // Two differences, seen from point 2, are all that the middle of the table needs.
            let near = x3.sub(x1);
            [
                x0.sub(x2).mul_add(two, near),
                x1.mul_add(minus_two, x3.sub(x2)),
                x1.mul_add(two, x2.mul_add(minus_three, x3)),
                near,
                near.mul_add(minus_two, x4.sub(x2)),
                x0,
            ]
        }
    }
}

impl Line for Taps2Of5 {
    const FROM: usize = 2;
    const TO: usize = 5;

    #[inline(always)]
    unsafe fn apply<V: Lanes>([g0, g1, ..]: [V; LONGEST]) -> [V; LONGEST] {
        // SAFETY: the caller's promise.
        unsafe {
            let sixth = g0.mul(V::splat(1.0 / 6.0));
            [
                g0.mul(V::splat(0.5)),
                g0.add(g1).mul(V::splat(-0.5)),
                g1.mul_add(V::splat(1.0 / 6.0), g0.mul(V::splat(-1.0 / 6.0))),
                g1.mul_add(V::splat(1.0 / 3.0), sixth),
                g1,
                g0,
            ]
        }
    }
}

impl Line for Taps4Of5 {
    const FROM: usize = 4;
    const TO: usize = 5;

    #[inline(always)]
    unsafe fn apply<V: Lanes>([g0, g1, g2, g3, ..]: [V; LONGEST]) -> [V; LONGEST] {
        // SAFETY: the caller's promise.
        unsafe {
            let (even, odd) = (g0.add(g2), g1.add(g3));
            let (even_two, odd_two) = (g2.mul_add(V::splat(4.0), g0), g3.mul_add(V::splat(4.0), g1));
            [
                g0.mul(V::splat(0.5)),
                even.add(odd).mul(V::splat(-0.5)),
                odd.sub(even).mul(V::splat(1.0 / 6.0)),
                odd_two.mul_add(V::splat(2.0), even_two).mul(V::splat(1.0 / 6.0)),
                g3,
                g0,
            ]
        }
    }
}

impl Line for Output4Of5 {
    const FROM: usize = 5;
    const TO: usize = 4;

    #[inline(always)]
    unsafe fn apply<V: Lanes>([m0, m1, m2, m3, m4, _]: [V; LONGEST]) -> [V; LONGEST] {
        // SAFETY: the caller's promise.
        unsafe {
            let (even, odd) = (m1.add(m2), m1.sub(m2));
            [
                m0.add(even).add(m3),
                m3.mul_add(V::splat(2.0), odd),
                m3.mul_add(V::splat(4.0), even),
                m3.mul_add(V::splat(8.0), odd.add(m4)),
                m0,
                m0,
            ]
        }
    }
}

impl Line for Output2Of5 {
    const FROM: usize = 5;
    const TO: usize = 2;

    #[inline(always)]
    unsafe fn apply<V: Lanes>([m0, m1, m2, m3, m4, _]: [V; LONGEST]) -> [V; LONGEST] {
        // SAFETY: the caller's promise.
        unsafe { [m0.add(m1.add(m2)).add(m3), m3.mul_add(V::splat(2.0), m1.sub(m2).add(m4)), m0, m0, m0, m0] }
    }
}

impl Line for Taps3Of5 {
    const FROM: usize = 3;
    const TO: usize = 5;

    #[inline(always)]
    unsafe fn apply<V: Lanes>([g0, g1, g2, ..]: [V; LONGEST]) -> [V; LONGEST] {
        // SAFETY: the caller's promise.
        unsafe {
            let even = g0.add(g2);
            let even_two = g2.mul_add(V::splat(4.0), g0);
            [
                g0.mul(V::splat(0.5)),
                even.add(g1).mul(V::splat(-0.5)),
                g1.sub(even).mul(V::splat(1.0 / 6.0)),
                g1.mul_add(V::splat(2.0), even_two).mul(V::splat(1.0 / 6.0)),
                g2,
                g0,
            ]
        }
    }
}

impl Line for Output3Of5 {
    const FROM: usize = 5;
    const TO: usize = 3;

    #[inline(always)]
    unsafe fn apply<V: Lanes>([m0, m1, m2, m3, m4, _]: [V; LONGEST]) -> [V; LONGEST] {
        // SAFETY: the caller's promise.
        unsafe {
            let (even, odd) = (m1.add(m2), m1.sub(m2));
            [
                m0.add(even).add(m3),
                m3.mul_add(V::splat(2.0), odd),
                m3.mul_add(V::splat(4.0), even.add(m4)),
                m0,
                m0,
                m0,
            ]
        }
    }
}

/// The lines of one family: all that depends on the kernel's size.
pub(super) trait Family {
    /// Along a side of the transformed tile.
    const POINTS: usize;
    /// Taps along a side of the kernel.
    const TAPS: usize;
    /// Whether tiles of the output overlap and are added up.
    const OVERLAP: bool = false;
    type Input: Line;
    type Filter: Line;
    type Output: Line;
    /// The output's gradient as a filter.
    type Gradient: Line;
    /// The taps' gradient.
    type Taps: Line;
}

/// F(4x4, 3x3), and F(3x3, 4x4) for the taps: 36 products for 144.
pub(super) struct Three;
/// The adjoint of F(4x4, 3x3) in its input: its matrices transposed, so that a tile of four by four of the output's gradient gives
/// what it adds to six by six of the input's. Its taps' gradient is [`Three`]'s.
pub(super) struct ThreeAdjoint;
/// F(3x3, 4x4), and F(4x4, 3x3) for the taps: the same the other way round.
pub(super) struct Four;
/// F(4x4, 2x2), and F(2x2, 4x4) for the taps: 25 products for 64. For 3x3 with stride 2, four phases of 2x2, 2x1, 1x2 and 1x1
/// taps: 81 products for 144.
pub(super) struct Two;
/// F(3x3, 3x3), for the taps too: 25 products for 81. Of pictures whose sides are short of a multiple of four it computes no
/// outputs that do not exist: 100 products for 6x6 outputs instead of 144.
pub(super) struct ThreeByThree;
/// F(2x2, 5x5), and F(5x5, 2x2) for the taps: 36 products for 100.
pub(super) struct Five;

impl Family for ThreeByThree {
    const POINTS: usize = 5;
    const TAPS: usize = 3;
    type Input = Input5;
    type Filter = Taps3Of5;
    type Output = Output3Of5;
    type Gradient = Taps3Of5;
    type Taps = Output3Of5;
}

impl Family for Five {
    const POINTS: usize = 6;
    const TAPS: usize = 5;
    type Input = Input6;
    type Filter = Taps5;
    type Output = Output2;
    type Gradient = Taps2;
    type Taps = Output5;
}

impl Family for Three {
    const POINTS: usize = 6;
    const TAPS: usize = 3;
    type Input = Input6;
    type Filter = Taps3;
    type Output = Output4;
    type Gradient = Taps4;
    type Taps = Output3;
}

impl Family for ThreeAdjoint {
    const POINTS: usize = 6;
    const TAPS: usize = 3;
    const OVERLAP: bool = true;
    type Input = Values4;
    type Filter = Taps3;
    type Output = Spread6;
    type Gradient = Taps4;
    type Taps = Output3;
}

impl Family for Four {
    const POINTS: usize = 6;
    const TAPS: usize = 4;
    type Input = Input6;
    type Filter = Taps4;
    type Output = Output3;
    type Gradient = Taps3;
    type Taps = Output4;
}

impl Family for Two {
    const POINTS: usize = 5;
    const TAPS: usize = 2;
    type Input = Input5;
    type Filter = Taps2Of5;
    type Output = Output4Of5;
    type Gradient = Taps4Of5;
    type Taps = Output2Of5;
}
