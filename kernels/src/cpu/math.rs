//! Elementary functions without branches or calls, so that loops over them vectorise.
//!
//! Polynomials after Cephes' single-precision routines (Moshier, 1989), evaluated without contraction: both forms of
//! the kernels give the same bits on every machine.

/// `e^x`, relative error below 2e-7; 0 below -87.3, infinity above 88.7, NaN for NaN.
#[inline(always)]
pub fn exp(x: f32) -> f32 {
    const LOG2_E: f32 = std::f32::consts::LOG2_E;
    // ln 2 in two parts: the first has few bits, so that `n * HIGH` is exact.
    const HIGH: f32 = 0.693_359_4;
    const LOW: f32 = -2.121_944_4e-4;
    // Beyond these the result is 0 or infinity; `clamp` keeps NaN.
    let inside = x.clamp(-87.336, 88.722);
    // Adding 1.5 * 2^23 rounds to the nearest integer, which then stands in the low bits: a conversion that, unlike Rust's
    // saturating cast, vectorises.
    const ROUND: f32 = 12_582_912.0;
    let rounded = inside * LOG2_E + ROUND;
    let n = rounded - ROUND;
    let whole = (rounded.to_bits() as i32).wrapping_sub(ROUND.to_bits() as i32);
    let r = (inside - n * HIGH) - n * LOW;
    let p = 1.987_569_1e-4;
    let p = p * r + 1.398_199_9e-3;
    let p = p * r + 8.333_452e-3;
    let p = p * r + 4.166_579_6e-2;
    let p = p * r + 1.666_666_5e-1;
    let p = p * r + 0.5;
    let mantissa = p * r * r + r + 1.0;
    // 2^n in two factors, since n may be 128.
    let half = whole >> 1;
    let power = |k: i32| f32::from_bits((k.wrapping_add(127) << 23) as u32);
    let result = mantissa * power(half) * power(whole - half);
    let result = if x < -87.336 { 0.0 } else { result };
    if x > 88.722 { f32::INFINITY } else { result }
}

/// The natural logarithm, relative error below 2e-7 away from 1 and absolute error below 1e-7 near it; -infinity at 0,
/// NaN below. Subnormal numbers count as 0.
#[inline(always)]
pub fn ln(x: f32) -> f32 {
    let bits = x.to_bits();
    // x = m * 2^e with m in [sqrt(1/2), sqrt(2)).
    let shifted = bits.wrapping_sub(0x3f35_04f3);
    let exponent = ((shifted as i32) >> 23) as f32;
    let mantissa = f32::from_bits((shifted & 0x007f_ffff).wrapping_add(0x3f35_04f3));
    let r = mantissa - 1.0;
    let p = 7.037_683_6e-2;
    let p = p * r - 1.151_461e-1;
    let p = p * r + 1.167_699_9e-1;
    let p = p * r - 1.242_014_1e-1;
    let p = p * r + 1.424_932_3e-1;
    let p = p * r - 1.666_805_8e-1;
    let p = p * r + 2.000_071_5e-1;
    let p = p * r - 2.499_999_4e-1;
    let p = p * r + 3.333_333e-1;
    let square = r * r;
    let tail = p * r * square + exponent * -2.121_944_4e-4 - 0.5 * square;
    let result = r + tail + exponent * 0.693_359_4;
    let result = if x < f32::MIN_POSITIVE { f32::NEG_INFINITY } else { result };
    let result = if x < 0.0 || x.is_nan() { f32::NAN } else { result };
    if x == f32::INFINITY { f32::INFINITY } else { result }
}

/// `ln(1 + x)` for `x >= 0` without loss near 0.
#[inline(always)]
pub fn ln_1p(x: f32) -> f32 {
    // The rounding error of 1 + x is known exactly and corrected to first order.
    let u = 1.0 + x;
    let lost = x - (u - 1.0);
    let result = ln(u) + lost / u;
    if x == f32::INFINITY { x } else { result }
}

/// The logistic function `1 / (1 + e^-x)`.
#[inline(always)]
pub fn sigmoid(x: f32) -> f32 {
    let e = exp(-x.abs());
    let positive = 1.0 / (1.0 + e);
    if x >= 0.0 { positive } else { e * positive }
}

/// `ln(1 + e^x)`, exact to rounding for every `x`.
#[inline(always)]
pub fn softplus(x: f32) -> f32 {
    x.max(0.0) + ln_1p(exp(-x.abs()))
}

/// The hyperbolic tangent.
#[inline(always)]
pub fn tanh(x: f32) -> f32 {
    let size = x.abs();
    // Near 0 the quotient loses digits: the odd series instead.
    let s = x * x;
    let p = -5.704_988_7e-3;
    let p = p * s + 2.063_909e-2;
    let p = p * s - 5.373_971_5e-2;
    let p = p * s + 1.333_144_2e-1;
    let p = p * s - 3.333_328e-1;
    let near = p * s * x + x;
    let e = exp(-2.0 * size);
    let far = ((1.0 - e) / (1.0 + e)).copysign(x);
    if size < 0.625 { near } else { far }
}

/// Powers with one exponent, which must not be 0.
#[derive(Clone, Copy, Debug)]
pub struct Power {
    exponent: f64,
    at_zero: f32,
    at_infinity: f32,
    /// What the power of a negative base is multiplied with.
    sign: f32,
}

impl Power {
    /// Powers with the exponent `exponent`.
    ///
    /// # Panics
    /// If the exponent is 0 or no number.
    pub fn new(exponent: f32) -> Self {
        assert!(exponent.is_finite() && exponent != 0.0, "power: exponent {exponent}");
        let (at_zero, at_infinity) = if exponent > 0.0 { (0.0, f32::INFINITY) } else { (f32::INFINITY, 0.0) };
        let sign = match exponent.rem_euclid(2.0) {
            0.0 => 1.0,
            1.0 => -1.0,
            _ => f32::NAN,
        };
        Self { exponent: f64::from(exponent), at_zero, at_infinity, sign }
    }

    /// `base^exponent`, within 0.5001 units in the last place; NaN for a negative base unless the exponent is whole; -0
    /// counts as 0.
    #[inline(always)]
    pub fn of(&self, base: f32) -> f32 {
        // In double precision: the exponent multiplies the logarithm's error. Subnormal floats are normal doubles.
        const MAGIC: f64 = 4_503_599_627_370_496.0;
        const FRACTION: u64 = (1 << 52) - 1;
        let bits = f64::from(base.abs()).to_bits();
        // A whole number below 2^52 in the low bits of 2^52: the conversion that AVX2 lacks.
        let whole = f64::from_bits((bits >> 52) | MAGIC.to_bits()) - (MAGIC + 1023.0);
        let fraction = f64::from_bits((bits & FRACTION) | 1.0f64.to_bits());
        let high = fraction > std::f64::consts::SQRT_2;
        let m = if high { 0.5 * fraction } else { fraction };
        let e = if high { whole + 1.0 } else { whole };
        // ln m = 2 artanh s; with |s| < 0.172 the first term left out is below 2^-50.
        let s = (m - 1.0) / (m + 1.0);
        let z = s * s;
        let p = 1.0 / 17.0;
        let p = p * z + 1.0 / 15.0;
        let p = p * z + 1.0 / 13.0;
        let p = p * z + 1.0 / 11.0;
        let p = p * z + 1.0 / 9.0;
        let p = p * z + 1.0 / 7.0;
        let p = p * z + 1.0 / 5.0;
        let p = p * z + 1.0 / 3.0;
        let ln_m = 2.0 * s * (p * z + 1.0);
        let log2 = e + ln_m * std::f64::consts::LOG2_E;
        // 2^t in double precision, where f32 has long ended.
        let t = (log2 * self.exponent).clamp(-200.0, 200.0);
        let rounded = t + 1.5 * MAGIC;
        let r = (t - (rounded - 1.5 * MAGIC)) * std::f64::consts::LN_2;
        let p = 1.0 / 3_628_800.0;
        let p = p * r + 1.0 / 362_880.0;
        let p = p * r + 1.0 / 40_320.0;
        let p = p * r + 1.0 / 5_040.0;
        let p = p * r + 1.0 / 720.0;
        let p = p * r + 1.0 / 120.0;
        let p = p * r + 1.0 / 24.0;
        let p = p * r + 1.0 / 6.0;
        let p = p * r + 0.5;
        let p = p * r + 1.0;
        let mantissa = p * r + 1.0;
        let scale = f64::from_bits(rounded.to_bits().wrapping_add(1023) << 52);
        let size = (mantissa * scale) as f32;
        // The ends, where the logarithm is infinite.
        let size = if base == 0.0 { self.at_zero } else { size };
        let size = if base.abs() == f32::INFINITY { self.at_infinity } else { size };
        let signed = if base < 0.0 { size * self.sign } else { size };
        if base.is_nan() { base } else { signed }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(
        name: &str,
        ours: impl Fn(f32) -> f32,
        exact: impl Fn(f64) -> f64,
        from: f32,
        to: f32,
        bound: f64,
    ) {
        let steps = 200_000;
        for i in 0..=steps {
            let x = from + (to - from) * (i as f32 / steps as f32);
            let (found, expected) = (f64::from(ours(x)), exact(f64::from(x)));
            let error = (found - expected).abs() / expected.abs().max(1e-30);
            assert!(error < bound, "{name}({x}) = {found}, expected {expected}: relative error {error:e}");
        }
    }

    #[test]
    fn values_match_double_precision() {
        close("exp", exp, f64::exp, -87.0, 88.7, 2e-7);
        close("ln", ln, f64::ln, 1.5, 1e6, 2e-7);
        close("ln", ln, f64::ln, 1e-6, 0.7, 2e-7);
        close("ln_1p", ln_1p, f64::ln_1p, 1e-6, 1.0, 4e-7);
        close("sigmoid", sigmoid, |x| 1.0 / (1.0 + (-x).exp()), -80.0, 80.0, 4e-7);
        close("softplus", softplus, |x| x.exp().ln_1p(), -80.0, 80.0, 4e-7);
        close("tanh", tanh, f64::tanh, -12.0, 12.0, 4e-7);
        close("tanh", tanh, f64::tanh, 1e-6, 1e-2, 4e-7);
    }

    #[test]
    fn powers_are_rounded_well() {
        for exponent in [0.045f32, 0.5, 0.75, 1.0, 2.0, 3.5, -0.5, -2.0, 11.0] {
            for i in 0..=100_000 {
                let base = (i as f32 / 8_000.0 - 6.0).exp();
                let (found, expected) =
                    (Power::new(exponent).of(base), f64::from(base).powf(f64::from(exponent)));
                let exact = expected as f32;
                let off = found.to_bits().abs_diff(exact.to_bits());
                assert!(off <= 1, "{base}^{exponent} = {found}, expected {exact}");
                let error = (f64::from(found) - expected).abs() / expected;
                assert!(error < 0.5001 * f64::from(f32::EPSILON), "{base}^{exponent}: {error:e}");
            }
        }
    }

    #[test]
    fn powers_at_the_ends_are_those_of_the_standard_library() {
        let bases = [0.0, 1.0, -1.0, 2.0, -2.0, 1e-42, 3e38, -3e38, f32::INFINITY, f32::NAN];
        let exponents = [0.04, 0.5, 1.0, 2.0, 3.0, 60.0, -0.5, -1.0, -2.0, -3.0, 0.001];
        for (base, exponent) in bases.into_iter().flat_map(|b| exponents.map(|e| (b, e))) {
            let (found, expected) = (Power::new(exponent).of(base), base.powf(exponent));
            let close = found == expected || (found - expected).abs() <= 1e-7 * expected.abs();
            let same = close && found.is_sign_negative() == expected.is_sign_negative();
            assert!(
                same || (found.is_nan() && expected.is_nan()),
                "{base}^{exponent}: {found}, not {expected}"
            );
        }
    }

    #[test]
    fn ends_are_defined() {
        assert_eq!((exp(-1e4), exp(1e4), exp(0.0)), (0.0, f32::INFINITY, 1.0));
        assert_eq!((ln(0.0), ln(1.0), ln(f32::INFINITY)), (f32::NEG_INFINITY, 0.0, f32::INFINITY));
        assert_eq!((sigmoid(-1e4), sigmoid(1e4)), (0.0, 1.0));
        assert_eq!((softplus(-1e4), softplus(1e4)), (0.0, 1e4));
        assert_eq!((tanh(-1e4), tanh(1e4), tanh(0.0)), (-1.0, 1.0, 0.0));
        for function in [exp, ln, ln_1p, sigmoid, softplus, tanh] {
            assert!(function(f32::NAN).is_nan());
        }
        assert!(ln(-1.0).is_nan());
    }
}
