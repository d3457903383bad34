//! Eight floats at a time: one small trait, one form with AVX2 and FMA, one in plain Rust.
//!
//! A kernel is written once, generic over [`Vector`], and marked
//! `#[inline(always)]`. [`dispatch`] instantiates it for the processor found:
//! inside a function compiled with `target_feature(enable = "avx2,fma")` for
//! [`Avx`], or plainly for [`Portable`].

use std::sync::OnceLock;

/// Eight `f32` lanes.
///
/// # Safety of implementors
/// `load` and `store` need pointers valid for eight floats; no alignment is asked for. [`Avx`] may only be used
/// where AVX2 and FMA were detected, which [`dispatch`] sees to.
pub trait Vector: Copy + Send + Sync + 'static {
    /// How many floats one vector holds.
    const LANES: usize = 8;

    /// Eight times `value`.
    ///
    /// # Safety
    /// The processor must support this form.
    unsafe fn splat(value: f32) -> Self;
    /// Reads eight floats.
    ///
    /// # Safety
    /// `from` must be valid for reads of eight floats, and the processor must support this form.
    unsafe fn load(from: *const f32) -> Self;
    /// Writes eight floats.
    ///
    /// # Safety
    /// `to` must be valid for writes of eight floats, and the processor must support this form.
    unsafe fn store(self, to: *mut f32);
    /// Writes eight floats past the caches: for outputs that are not read again soon.
    ///
    /// # Safety
    /// As [`Vector::store`], and `to` must be 32-byte aligned.
    unsafe fn stream(self, to: *mut f32);
    /// Asks for the cache line at `from`, without waiting; any address will do.
    ///
    /// # Safety
    /// The processor must support this form.
    unsafe fn prefetch(from: *const f32);
    /// `self + other`.
    ///
    /// # Safety
    /// The processor must support this form.
    unsafe fn add(self, other: Self) -> Self;
    /// `self - other`.
    ///
    /// # Safety
    /// The processor must support this form.
    unsafe fn sub(self, other: Self) -> Self;
    /// `self * other`.
    ///
    /// # Safety
    /// The processor must support this form.
    unsafe fn mul(self, other: Self) -> Self;
    /// `self * factor + addend`: in one rounding with FMA, in two without.
    ///
    /// # Safety
    /// The processor must support this form.
    unsafe fn mul_add(self, factor: Self, addend: Self) -> Self;
    /// The larger of each pair of lanes.
    ///
    /// # Safety
    /// The processor must support this form.
    unsafe fn max(self, other: Self) -> Self;
    /// Turns eight rows into eight columns.
    ///
    /// # Safety
    /// The processor must support this form.
    unsafe fn transpose(rows: [Self; 8]) -> [Self; 8];
}

/// Plain Rust, which the compiler turns into whatever the target guarantees (SSE2 on x86-64).
#[derive(Clone, Copy)]
pub struct Portable([f32; 8]);

impl Vector for Portable {
    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        Self([value; 8])
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: the caller vouches for eight floats; the read asks for no alignment.
        Self(unsafe { from.cast::<[f32; 8]>().read_unaligned() })
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: the caller vouches for eight floats; the write asks for no alignment.
        unsafe { to.cast::<[f32; 8]>().write_unaligned(self.0) }
    }

    #[inline(always)]
    unsafe fn stream(self, to: *mut f32) {
        // SAFETY: the same contract as `store`, and more.
        unsafe { self.store(to) }
    }

    #[inline(always)]
    unsafe fn prefetch(_from: *const f32) {}

    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        Self(std::array::from_fn(|i| self.0[i] + other.0[i]))
    }

    #[inline(always)]
    unsafe fn sub(self, other: Self) -> Self {
        Self(std::array::from_fn(|i| self.0[i] - other.0[i]))
    }

    #[inline(always)]
    unsafe fn mul(self, other: Self) -> Self {
        Self(std::array::from_fn(|i| self.0[i] * other.0[i]))
    }

    #[inline(always)]
    unsafe fn mul_add(self, factor: Self, addend: Self) -> Self {
        // Not `f32::mul_add`: without FMA in hardware that is a call into libm.
        Self(std::array::from_fn(|i| self.0[i] * factor.0[i] + addend.0[i]))
    }

    #[inline(always)]
    unsafe fn max(self, other: Self) -> Self {
        Self(std::array::from_fn(|i| if self.0[i] > other.0[i] { self.0[i] } else { other.0[i] }))
    }

    #[inline(always)]
    unsafe fn transpose(rows: [Self; 8]) -> [Self; 8] {
        std::array::from_fn(|i| Self(std::array::from_fn(|j| rows[j].0[i])))
    }
}

#[cfg(target_arch = "x86_64")]
pub use avx::Avx;

#[cfg(target_arch = "x86_64")]
mod avx {
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
}

/// A piece of work written once for any [`Vector`]; mark `run` `#[inline(always)]`.
pub trait Kernel {
    /// What the kernel returns.
    type Output;
    /// Does the work with vectors of type `V`.
    ///
    /// # Safety
    /// The processor must support `V`.
    unsafe fn run<V: Vector>(self) -> Self::Output;
}

/// Which form of the kernels runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Plain Rust.
    Portable,
    /// AVX2 and FMA.
    Avx,
}

/// The form used in this process: the best the processor has, or the portable one where the environment variable
/// `GOBELIN_PORTABLE` is set to anything but `0` (to compare the two).
pub fn form() -> Form {
    static FORM: OnceLock<Form> = OnceLock::new();
    *FORM.get_or_init(|| {
        let portable = std::env::var_os("GOBELIN_PORTABLE").is_some_and(|value| value != "0");
        if !portable && detected() { Form::Avx } else { Form::Portable }
    })
}

/// Whether this processor has AVX2 and FMA.
pub fn detected() -> bool {
    #[cfg(target_arch = "x86_64")]
    return is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
    #[cfg(not(target_arch = "x86_64"))]
    return false;
}

/// Runs a kernel in this process's form.
#[inline]
pub fn dispatch<K: Kernel>(kernel: K) -> K::Output {
    dispatch_as(form(), kernel)
}

/// Runs a kernel in a given form: how tests hold the two equal.
///
/// # Panics
/// If the processor lacks the form.
#[inline]
pub fn dispatch_as<K: Kernel>(form: Form, kernel: K) -> K::Output {
    #[cfg(target_arch = "x86_64")]
    {
        #[target_feature(enable = "avx2,fma")]
        fn with_avx<K: Kernel>(kernel: K) -> K::Output {
            // SAFETY: this function's own features are what `Avx` needs.
            unsafe { kernel.run::<Avx>() }
        }
        if form == Form::Avx {
            assert!(detected(), "this processor has no AVX2 with FMA; only Form::Portable runs here");
            // SAFETY: asserted on the line above.
            return unsafe { with_avx(kernel) };
        }
    }
    assert!(form == Form::Portable, "only Form::Portable exists on this architecture");
    // SAFETY: plain Rust runs everywhere.
    unsafe { kernel.run::<Portable>() }
}
