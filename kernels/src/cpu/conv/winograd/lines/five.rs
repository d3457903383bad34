//! Five points.
//!
//! The five points are 0, 1, -1, 2 and infinity (1.8e-6; 1/2 or -2 instead of 2 is no better).

use super::{LONGEST, Line};
use crate::cpu::simd::Lanes;

line! {
    /// Five inputs at five points.
    Input5: 5 to 5, [x0, x1, x2, x3, x4, _] in {
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

line! {
    /// Two taps at five points: F(4, 2)'s filter.
    Taps2Of5: 2 to 5, [g0, g1, ..] in {
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

line! {
    /// From five points to four outputs.
    Output4Of5: 5 to 4, [m0, m1, m2, m3, m4, _] in {
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

line! {
    /// Four taps at five points: F(2, 4)'s.
    Taps4Of5: 4 to 5, [g0, g1, g2, g3, ..] in {
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

line! {
    /// From five points to two outputs.
    Output2Of5: 5 to 2, [m0, m1, m2, m3, m4, _] in { [m0.add(m1.add(m2)).add(m3), m3.mul_add(V::splat(2.0), m1.sub(m2).add(m4)), m0, m0, m0, m0] }
}

line! {
    /// Three taps at five points: F(3, 3)'s.
    Taps3Of5: 3 to 5, [g0, g1, g2, ..] in {
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

line! {
    /// From five points to three outputs.
    Output3Of5: 5 to 3, [m0, m1, m2, m3, m4, _] in {
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
