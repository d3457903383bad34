//! AVX2 and FMA.

use super::Vector;
use std::arch::x86_64::{
    __m256, _MM_HINT_T0, _mm_prefetch, _mm256_add_ps, _mm256_fmadd_ps, _mm256_loadu_ps, _mm256_max_ps,
    _mm256_mul_ps, _mm256_permute2f128_ps, _mm256_set1_ps, _mm256_shuffle_ps, _mm256_storeu_ps,
    _mm256_stream_ps, _mm256_sub_ps, _mm256_unpackhi_ps, _mm256_unpacklo_ps,
};

/// One 256-bit register; needs AVX2 and FMA.
#[derive(Clone, Copy)]
pub struct Avx(__m256);

// SAFETY (of every body): the caller vouches for AVX2 and FMA, and for the pointers.
#[allow(clippy::undocumented_unsafe_blocks)]
impl Vector for Avx {
    type Sixteen = [Self; 2];
    type Widest = [Self; 1];

    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        Self(unsafe { _mm256_set1_ps(value) })
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        Self(unsafe { _mm256_loadu_ps(from) })
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        unsafe { _mm256_storeu_ps(to, self.0) }
    }

    #[inline(always)]
    unsafe fn stream(self, to: *mut f32) {
        unsafe { _mm256_stream_ps(to, self.0) }
    }

    #[inline(always)]
    unsafe fn prefetch(from: *const f32) {
        unsafe { _mm_prefetch::<_MM_HINT_T0>(from.cast()) }
    }

    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        Self(unsafe { _mm256_add_ps(self.0, other.0) })
    }

    #[inline(always)]
    unsafe fn sub(self, other: Self) -> Self {
        Self(unsafe { _mm256_sub_ps(self.0, other.0) })
    }

    #[inline(always)]
    unsafe fn mul(self, other: Self) -> Self {
        Self(unsafe { _mm256_mul_ps(self.0, other.0) })
    }

    #[inline(always)]
    unsafe fn mul_add(self, factor: Self, addend: Self) -> Self {
        Self(unsafe { _mm256_fmadd_ps(self.0, factor.0, addend.0) })
    }

    #[inline(always)]
    unsafe fn max(self, other: Self) -> Self {
        Self(unsafe { _mm256_max_ps(self.0, other.0) })
    }

    #[inline(always)]
    unsafe fn transpose([a, b, c, d, e, f, g, h]: [Self; 8]) -> [Self; 8] {
        unsafe {
            // Pairs, then quadruples within each half, then the halves across.
            let (ab, ab4) = (_mm256_unpacklo_ps(a.0, b.0), _mm256_unpackhi_ps(a.0, b.0));
            let (cd, cd4) = (_mm256_unpacklo_ps(c.0, d.0), _mm256_unpackhi_ps(c.0, d.0));
            let (ef, ef4) = (_mm256_unpacklo_ps(e.0, f.0), _mm256_unpackhi_ps(e.0, f.0));
            let (gh, gh4) = (_mm256_unpacklo_ps(g.0, h.0), _mm256_unpackhi_ps(g.0, h.0));
            let upper = [
                _mm256_shuffle_ps::<0x44>(ab, cd),
                _mm256_shuffle_ps::<0xee>(ab, cd),
                _mm256_shuffle_ps::<0x44>(ab4, cd4),
                _mm256_shuffle_ps::<0xee>(ab4, cd4),
            ];
            let lower = [
                _mm256_shuffle_ps::<0x44>(ef, gh),
                _mm256_shuffle_ps::<0xee>(ef, gh),
                _mm256_shuffle_ps::<0x44>(ef4, gh4),
                _mm256_shuffle_ps::<0xee>(ef4, gh4),
            ];
            [
                Self(_mm256_permute2f128_ps::<0x20>(upper[0], lower[0])),
                Self(_mm256_permute2f128_ps::<0x20>(upper[1], lower[1])),
                Self(_mm256_permute2f128_ps::<0x20>(upper[2], lower[2])),
                Self(_mm256_permute2f128_ps::<0x20>(upper[3], lower[3])),
                Self(_mm256_permute2f128_ps::<0x31>(upper[0], lower[0])),
                Self(_mm256_permute2f128_ps::<0x31>(upper[1], lower[1])),
                Self(_mm256_permute2f128_ps::<0x31>(upper[2], lower[2])),
                Self(_mm256_permute2f128_ps::<0x31>(upper[3], lower[3])),
            ]
        }
    }
}
