//! Eight floats at a time: one small trait, and a form of it for AVX-512, for AVX2 with FMA, and in plain Rust.
//!
//! A kernel is written once, generic over [`Vector`], and marked `#[inline(always)]`. [`dispatch`] instantiates it for the
//! processor found: inside a function compiled with `target_feature(enable = "avx2,fma")` for [`Avx`], likewise for
//! [`Avx512`], or plainly for [`Portable`]. Sums of products, where arithmetic is the limit, are held in [`Sixteen`] lanes, and what is
//! done to each lane alike can use the widest registers, [`Vector::Widest`].

use std::sync::OnceLock;

/// Eight `f32` lanes.
///
/// # Safety of implementors
/// `load` and `store` need pointers valid for eight floats; no alignment is asked for. A form may only be
/// used where the processor has it, which [`dispatch`] sees to.
pub trait Vector: Copy + Send + Sync + 'static {
    /// How many floats one vector holds.
    const LANES: usize = 8;
    /// Twice as many.
    type Sixteen: Sixteen;
    /// What one register holds at most.
    type Widest: Lanes;

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
    /// Reads the first `count` floats, all eight where there are more, and zeros above.
    ///
    /// # Safety
    /// As [`Vector::load`], for as many floats; nothing is read at any other address.
    #[inline(always)]
    unsafe fn load_part(from: *const f32, count: usize) -> Self {
        let mut lanes = [0.0f32; 8];
        // SAFETY: the caller vouches for `count` floats; there are as many lanes as in a vector.
        unsafe {
            if count >= Self::LANES {
                return Self::load(from);
            }
            for (lane, value) in lanes.iter_mut().enumerate().take(count) {
                *value = *from.add(lane);
            }
            Self::load(lanes.as_ptr())
        }
    }
    /// Writes the first `count` lanes, all eight where it is more.
    ///
    /// # Safety
    /// As [`Vector::store`], for as many floats; nothing is written at any other address.
    #[inline(always)]
    unsafe fn store_part(self, to: *mut f32, count: usize) {
        let mut lanes = [0.0f32; 8];
        // SAFETY: as above.
        unsafe {
            if count >= Self::LANES {
                return self.store(to);
            }
            self.store(lanes.as_mut_ptr());
            for (lane, value) in lanes.into_iter().enumerate().take(count) {
                *to.add(lane) = value;
            }
        }
    }
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

/// Some `f32` lanes, and arithmetic that does the same to each.
///
/// # Safety of implementors
/// As [`Vector`], with `LANES` floats.
pub trait Lanes: Copy + Send + Sync + 'static {
    /// How many.
    const LANES: usize;

    /// `value` in every lane.
    ///
    /// # Safety
    /// The processor must support this form.
    unsafe fn splat(value: f32) -> Self;
    /// Reads `LANES` floats.
    ///
    /// # Safety
    /// `from` must be valid for reads of as many floats, and the processor must support this form.
    unsafe fn load(from: *const f32) -> Self;
    /// Writes `LANES` floats.
    ///
    /// # Safety
    /// `to` must be valid for writes of as many floats, and the processor must support this form.
    unsafe fn store(self, to: *mut f32);
    /// Reads the first `count` floats, all where there are more, and zeros above.
    ///
    /// # Safety
    /// As [`Lanes::load`], for as many floats; nothing is read at any other address.
    unsafe fn load_part(from: *const f32, count: usize) -> Self;
    /// Writes the first `count` lanes, all where it is more.
    ///
    /// # Safety
    /// As [`Lanes::store`], for as many floats; nothing is written at any other address.
    unsafe fn store_part(self, to: *mut f32, count: usize);
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
    /// `self * factor + addend`, as [`Vector::mul_add`].
    ///
    /// # Safety
    /// The processor must support this form.
    unsafe fn mul_add(self, factor: Self, addend: Self) -> Self;
    /// The larger of each pair of lanes.
    ///
    /// # Safety
    /// The processor must support this form.
    unsafe fn max(self, other: Self) -> Self;
    /// The sum of the lanes of each of eight.
    ///
    /// # Safety
    /// The processor must support this form.
    unsafe fn totals(eight: [Self; 8]) -> [f32; 8];
}

/// Sixteen `f32` lanes, for the sums of the products of matrices: two vectors, or one where registers are so wide.
pub trait Sixteen: Lanes {
    /// How many independent sums of a tile of six rows keep the multipliers busy.
    const CHAINS: usize;
}

impl<V: Vector> Sixteen for [V; 2] {
    // Six rows of two vectors are twelve sums already.
    const CHAINS: usize = 1;
}

// SAFETY (of every body): the caller's promise, for each vector.
#[allow(clippy::undocumented_unsafe_blocks)]
impl<V: Vector, const N: usize> Lanes for [V; N] {
    const LANES: usize = N * V::LANES;

    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        [unsafe { V::splat(value) }; N]
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        let mut lanes = unsafe { Self::splat(0.0) };
        for (i, lanes) in lanes.iter_mut().enumerate() {
            *lanes = unsafe { V::load(from.add(i * V::LANES)) };
        }
        lanes
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        for (i, lanes) in self.into_iter().enumerate() {
            unsafe { lanes.store(to.add(i * V::LANES)) };
        }
    }

    #[inline(always)]
    unsafe fn load_part(from: *const f32, count: usize) -> Self {
        let mut lanes = unsafe { Self::splat(0.0) };
        for (i, lanes) in lanes.iter_mut().enumerate() {
            let before = i * V::LANES;
            *lanes = unsafe { V::load_part(from.wrapping_add(before), count.saturating_sub(before)) };
        }
        lanes
    }

    #[inline(always)]
    unsafe fn store_part(self, to: *mut f32, count: usize) {
        for (i, lanes) in self.into_iter().enumerate() {
            let before = i * V::LANES;
            unsafe { lanes.store_part(to.wrapping_add(before), count.saturating_sub(before)) };
        }
    }

    #[inline(always)]
    unsafe fn add(mut self, other: Self) -> Self {
        for i in 0..N {
            self[i] = unsafe { self[i].add(other[i]) };
        }
        self
    }

    #[inline(always)]
    unsafe fn sub(mut self, other: Self) -> Self {
        for i in 0..N {
            self[i] = unsafe { self[i].sub(other[i]) };
        }
        self
    }

    #[inline(always)]
    unsafe fn mul(mut self, other: Self) -> Self {
        for i in 0..N {
            self[i] = unsafe { self[i].mul(other[i]) };
        }
        self
    }

    #[inline(always)]
    unsafe fn mul_add(mut self, factor: Self, addend: Self) -> Self {
        for i in 0..N {
            self[i] = unsafe { self[i].mul_add(factor[i], addend[i]) };
        }
        self
    }

    #[inline(always)]
    unsafe fn max(mut self, other: Self) -> Self {
        for i in 0..N {
            self[i] = unsafe { self[i].max(other[i]) };
        }
        self
    }

    #[inline(always)]
    unsafe fn totals(eight: [Self; 8]) -> [f32; 8] {
        let mut totals = [0.0; 8];
        unsafe {
            let mut rows = [V::splat(0.0); 8];
            for (row, lanes) in rows.iter_mut().zip(eight) {
                *row = lanes[0];
                for part in &lanes[1..] {
                    *row = row.add(*part);
                }
            }
            let [a, b, c, d, e, f, g, h] = V::transpose(rows);
            let sum = a.add(e).add(c.add(g)).add(b.add(f).add(d.add(h)));
            sum.store(totals.as_mut_ptr());
        }
        totals
    }
}

mod portable;
pub use portable::Portable;

#[cfg(target_arch = "x86_64")]
mod avx;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "x86_64")]
pub use {avx::Avx, avx512::Avx512};

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

/// Which form of the kernels runs, from the plainest to the best.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Form {
    /// Plain Rust.
    Portable,
    /// AVX2 and FMA.
    Avx,
    /// AVX-512 (F and VL), AVX2 and FMA.
    Avx512,
}

/// The form used in this process: the best the processor has, or none better than the environment variable `GOBELIN_SIMD`
/// names: `portable`, `avx2` or `avx512`, to compare them. Any other name counts as none: [`asked`] tells.
pub fn form() -> Form {
    static FORM: OnceLock<Form> = OnceLock::new();
    *FORM.get_or_init(|| {
        let asked = asked().ok().flatten().unwrap_or(Form::Avx512);
        forms().filter(|&form| form <= asked).last().expect("the portable form runs everywhere")
    })
}

/// The form that `GOBELIN_SIMD` names, if it is set.
///
/// # Errors
/// One line, if it names no form.
pub fn asked() -> Result<Option<Form>, String> {
    let Some(name) = std::env::var_os("GOBELIN_SIMD") else { return Ok(None) };
    match name.to_str() {
        Some("portable") => Ok(Some(Form::Portable)),
        Some("avx2") => Ok(Some(Form::Avx)),
        Some("avx512") => Ok(Some(Form::Avx512)),
        _ => Err(format!(
            "GOBELIN_SIMD={}: known are portable, avx2 and avx512; unset, the best of the processor",
            name.display()
        )),
    }
}

/// The forms that this processor has.
pub fn forms() -> impl Iterator<Item = Form> {
    [Form::Portable, Form::Avx, Form::Avx512].into_iter().filter(|&form| detected(form))
}

#[cfg(target_arch = "x86_64")]
fn detected(form: Form) -> bool {
    let avx = || is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
    match form {
        Form::Portable => true,
        Form::Avx => avx(),
        Form::Avx512 => avx() && is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512vl"),
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn detected(form: Form) -> bool {
    form == Form::Portable
}

/// Runs a kernel in this process's form.
#[inline]
pub fn dispatch<K: Kernel>(kernel: K) -> K::Output {
    dispatch_as(form(), kernel)
}

/// Runs a kernel in a given form: how tests hold them equal.
///
/// # Panics
/// If the processor lacks the form.
#[inline]
pub fn dispatch_as<K: Kernel>(form: Form, kernel: K) -> K::Output {
    assert!(detected(form), "this processor has no {form:?}; Form::Portable runs everywhere");
    match form {
        // SAFETY: plain Rust runs everywhere.
        Form::Portable => unsafe { kernel.run::<Portable>() },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: asserted above.
        Form::Avx => unsafe { with_avx(kernel) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: asserted above.
        Form::Avx512 => unsafe { with_avx512(kernel) },
        #[cfg(not(target_arch = "x86_64"))]
        Form::Avx | Form::Avx512 => unreachable!("asserted above"),
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn with_avx<K: Kernel>(kernel: K) -> K::Output {
    // SAFETY: this function's own features are what `Avx` needs.
    unsafe { kernel.run::<Avx>() }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512vl,avx2,fma")]
fn with_avx512<K: Kernel>(kernel: K) -> K::Output {
    // SAFETY: this function's own features are what `Avx512` needs.
    unsafe { kernel.run::<Avx512>() }
}
