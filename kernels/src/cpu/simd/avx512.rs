//! AVX-512.
//!
//! A vector is still eight lanes, in one of 32 registers instead of 16; sixteen lanes are one 512-bit register.

use super::avx::Avx;
use super::{Lanes, Sixteen, Vector};
use std::arch::x86_64::{
    __m512, __mmask16, _mm256_storeu_ps, _mm512_add_ps, _mm512_castps512_ps256, _mm512_fmadd_ps,
    _mm512_loadu_ps, _mm512_mask_storeu_ps, _mm512_maskz_loadu_ps, _mm512_max_ps, _mm512_mul_ps,
    _mm512_set1_ps, _mm512_shuffle_f32x4, _mm512_shuffle_ps, _mm512_storeu_ps, _mm512_sub_ps,
    _mm512_unpackhi_ps, _mm512_unpacklo_ps,
};

/// One 256-bit register; needs AVX-512 F and VL beside AVX2 and FMA.
#[derive(Clone, Copy)]
pub struct Avx512(Avx);

/// One 512-bit register; needs AVX-512 F.
#[derive(Clone, Copy)]
pub struct Register(__m512);

/// The first `count` lanes, or all.
#[inline(always)]
fn first(count: usize) -> __mmask16 {
    ((1u32 << count.min(16)) - 1) as __mmask16
}

impl Sixteen for Register {
    // A fused multiply-add takes four cycles and two begin in each: fewer sums than eight would wait for each other.
    const CHAINS: usize = 2;
}

// SAFETY (of every body): the caller vouches for AVX-512, and for the pointers.
#[allow(clippy::undocumented_unsafe_blocks)]
impl Lanes for Register {
    const LANES: usize = 16;

    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        Self(unsafe { _mm512_set1_ps(value) })
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        Self(unsafe { _mm512_loadu_ps(from) })
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        unsafe { _mm512_storeu_ps(to, self.0) }
    }

    #[inline(always)]
    unsafe fn load_part(from: *const f32, count: usize) -> Self {
        Self(unsafe { _mm512_maskz_loadu_ps(first(count), from) })
    }

    #[inline(always)]
    unsafe fn store_part(self, to: *mut f32, count: usize) {
        unsafe { _mm512_mask_storeu_ps(to, first(count), self.0) }
    }

    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        Self(unsafe { _mm512_add_ps(self.0, other.0) })
    }

    #[inline(always)]
    unsafe fn sub(self, other: Self) -> Self {
        Self(unsafe { _mm512_sub_ps(self.0, other.0) })
    }

    #[inline(always)]
    unsafe fn mul(self, other: Self) -> Self {
        Self(unsafe { _mm512_mul_ps(self.0, other.0) })
    }

    #[inline(always)]
    unsafe fn mul_add(self, factor: Self, addend: Self) -> Self {
        Self(unsafe { _mm512_fmadd_ps(self.0, factor.0, addend.0) })
    }

    #[inline(always)]
    unsafe fn max(self, other: Self) -> Self {
        Self(unsafe { _mm512_max_ps(self.0, other.0) })
    }

    #[inline(always)]
    unsafe fn totals([a, b, c, d, e, f, g, h]: [Self; 8]) -> [f32; 8] {
        /// In each quarter sums of two lanes: of `a` in the even ones, of `b` in the odd.
        #[inline(always)]
        unsafe fn pairs(a: __m512, b: __m512) -> __m512 {
            unsafe { _mm512_add_ps(_mm512_unpacklo_ps(a, b), _mm512_unpackhi_ps(a, b)) }
        }
        /// Of four registers, in each quarter the sum of each one's quarter.
        #[inline(always)]
        unsafe fn quarters(ab: __m512, cd: __m512) -> __m512 {
            unsafe { _mm512_add_ps(_mm512_shuffle_ps::<0x44>(ab, cd), _mm512_shuffle_ps::<0xee>(ab, cd)) }
        }
        let mut totals = [0.0; 8];
        unsafe {
            let abcd = quarters(pairs(a.0, b.0), pairs(c.0, d.0));
            let efgh = quarters(pairs(e.0, f.0), pairs(g.0, h.0));
            let halves = _mm512_add_ps(
                _mm512_shuffle_f32x4::<0x44>(abcd, efgh),
                _mm512_shuffle_f32x4::<0xee>(abcd, efgh),
            );
            let sum = _mm512_add_ps(halves, _mm512_shuffle_f32x4::<0xb1>(halves, halves));
            let sum = _mm512_shuffle_f32x4::<0x08>(sum, sum);
            _mm256_storeu_ps(totals.as_mut_ptr(), _mm512_castps512_ps256(sum));
        }
        totals
    }
}

// SAFETY (of every body): AVX-512 includes what `Avx` needs.
#[allow(clippy::undocumented_unsafe_blocks)]
impl Vector for Avx512 {
    type Sixteen = Register;
    type Widest = Register;

    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        Self(unsafe { Avx::splat(value) })
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        Self(unsafe { Avx::load(from) })
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        unsafe { self.0.store(to) }
    }

    #[inline(always)]
    unsafe fn stream(self, to: *mut f32) {
        unsafe { self.0.stream(to) }
    }

    #[inline(always)]
    unsafe fn prefetch(from: *const f32) {
        unsafe { Avx::prefetch(from) }
    }

    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        Self(unsafe { self.0.add(other.0) })
    }

    #[inline(always)]
    unsafe fn sub(self, other: Self) -> Self {
        Self(unsafe { self.0.sub(other.0) })
    }

    #[inline(always)]
    unsafe fn mul(self, other: Self) -> Self {
        Self(unsafe { self.0.mul(other.0) })
    }

    #[inline(always)]
    unsafe fn mul_add(self, factor: Self, addend: Self) -> Self {
        Self(unsafe { self.0.mul_add(factor.0, addend.0) })
    }

    #[inline(always)]
    unsafe fn max(self, other: Self) -> Self {
        Self(unsafe { self.0.max(other.0) })
    }

    #[inline(always)]
    unsafe fn transpose(rows: [Self; 8]) -> [Self; 8] {
        // Not by `map`: where the compiler leaves that a function of its own, eight registers go through memory and plain SSE.
        let [a, b, c, d, e, f, g, h] = rows;
        let [a, b, c, d, e, f, g, h] = unsafe { Avx::transpose([a.0, b.0, c.0, d.0, e.0, f.0, g.0, h.0]) };
        [Self(a), Self(b), Self(c), Self(d), Self(e), Self(f), Self(g), Self(h)]
    }
}
