//! NVRTC's calls. What they make of a kernel file names it: the emulated card has its kernels already.
#![allow(non_snake_case)]

use std::collections::HashMap;
use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::sync::{Mutex, PoisonError};

use cudarc::nvrtc::sys::nvrtcResult::*;
use cudarc::nvrtc::sys::{self, nvrtcProgram, nvrtcResult};
use gobelin_kernels::cuda::source::SOURCES;

/// How code begins.
const MARK: &[u8] = b"\x7fELFgobelin ";

/// The architecture that NVRTC 13.0 knows last.
const NEWEST_CARD: u32 = 121;

/// Code for a card.
pub(crate) struct Code {
    /// The capability that it is for.
    pub capability: (i32, i32),
    /// The kernel file that it was made from.
    pub file: String,
}

impl Code {
    /// What [`nvrtcGetCUBIN`] gave; none if it is something else.
    ///
    /// # Safety
    /// It is, or other memory that begins otherwise.
    pub(crate) unsafe fn read(image: *const c_void) -> Option<Self> {
        let image: *const u8 = image.cast();
        // SAFETY: one byte after the other, no further than the first that differs.
        let is_code = !image.is_null() && (0..MARK.len()).all(|i| unsafe { *image.add(i) } == MARK[i]);
        if !is_code {
            return None;
        }
        // SAFETY: code ends with a zero.
        let text = unsafe { CStr::from_ptr(image.add(MARK.len()).cast()) }.to_str().ok()?;
        let mut words = text.split(' ');
        let digits = words.next()?.strip_prefix("sm_")?;
        let (major, minor) = digits.split_at_checked(digits.len() - 1)?;
        let capability = (major.parse().ok()?, minor.parse().ok()?);
        Some(Self { capability, file: words.next()?.to_owned() })
    }
}

/// A program, and what became of it.
struct Program {
    text: CString,
    name: CString,
    code: Option<Vec<u8>>,
    log: CString,
}

static PROGRAMS: Mutex<Option<HashMap<usize, Program>>> = Mutex::new(None);

type Outcome = Result<(), nvrtcResult>;

fn answer(work: impl FnOnce(&mut HashMap<usize, Program>) -> Outcome) -> nvrtcResult {
    let mut programs = PROGRAMS.lock().unwrap_or_else(PoisonError::into_inner);
    work(programs.get_or_insert_default()).err().unwrap_or(NVRTC_SUCCESS)
}

fn put<T>(place: *mut T, value: T) -> Outcome {
    if place.is_null() {
        return Err(NVRTC_ERROR_INVALID_INPUT);
    }
    // SAFETY: the caller gave the place for it.
    unsafe { place.write(value) };
    Ok(())
}

fn fill(place: *mut c_char, bytes: &[u8]) -> Outcome {
    if place.is_null() {
        return Err(NVRTC_ERROR_INVALID_INPUT);
    }
    // SAFETY: the caller asked how many there are.
    unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr().cast(), place, bytes.len()) };
    Ok(())
}

fn of(programs: &mut HashMap<usize, Program>, program: nvrtcProgram) -> Result<&mut Program, nvrtcResult> {
    programs.get_mut(&(program as usize)).ok_or(NVRTC_ERROR_INVALID_PROGRAM)
}

fn code_of(program: &Program) -> Result<&[u8], nvrtcResult> {
    program.code.as_deref().ok_or(NVRTC_ERROR_INVALID_PROGRAM)
}

/// A C string; null is an error.
unsafe fn text(place: *const c_char) -> Result<CString, nvrtcResult> {
    if place.is_null() {
        return Err(NVRTC_ERROR_INVALID_INPUT);
    }
    // SAFETY: the caller's promise.
    Ok(unsafe { CStr::from_ptr(place) }.to_owned())
}

impl Program {
    /// The kernel files compile, and nothing else.
    fn compile(&mut self, options: &[CString]) -> Outcome {
        let mut architecture = None;
        for option in options {
            match option.to_str().ok().and_then(|option| option.split_once('=')) {
                Some(("--gpu-architecture", value)) if value.starts_with("sm_") => architecture = Some(value),
                Some(("--std", "c++17")) => {}
                _ => return Err(NVRTC_ERROR_INVALID_OPTION),
            }
        }
        let is_known = |value: &&str| value[3..].parse().is_ok_and(|number: u32| number <= NEWEST_CARD);
        let architecture = architecture.filter(is_known).ok_or(NVRTC_ERROR_INVALID_OPTION)?;
        let name = self.name.to_string_lossy();
        let is_known = |source: &&gobelin_kernels::cuda::source::Source| {
            source.name == name && source.text().as_bytes() == self.text.as_bytes()
        };
        if SOURCES.iter().find(is_known).is_none() {
            let message = format!("{name}(1): error: this is none of the kernel files that were emulated");
            self.log = CString::new(message).expect("no zero bytes");
            return Err(NVRTC_ERROR_COMPILATION);
        }
        self.code = Some([MARK, format!("{architecture} {name}\0").as_bytes()].concat());
        Ok(())
    }
}

macro_rules! calls {
    ($(fn $name:ident($($argument:ident: $type:ty),*) = $work:expr;)*) => {$(
        /// NVRTC's call.
        ///
        /// # Safety
        /// As NVRTC's: what pointers point to is there.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $name($($argument: $type),*) -> nvrtcResult {
            answer($work)
        }

        // It is what cudarc calls.
        const _: unsafe fn($($type),*) -> nvrtcResult = sys::$name;
    )*};
}

calls! {
    fn nvrtcVersion(major: *mut c_int, minor: *mut c_int) = |_| {
        put(major, 13)?;
        put(minor, 0)
    };
    fn nvrtcCreateProgram(
        program: *mut nvrtcProgram,
        source: *const c_char,
        name: *const c_char,
        headers: c_int,
        _header_texts: *const *const c_char,
        _header_names: *const *const c_char
    ) = |programs| {
        if headers != 0 {
            return Err(NVRTC_ERROR_INVALID_INPUT);
        }
        // SAFETY: the caller's promise.
        let (text, name) = unsafe { (text(source)?, text(name)?) };
        let handle = programs.keys().max().map_or(16, |last| last + 16);
        programs.insert(handle, Program { text, name, code: None, log: CString::default() });
        put(program, handle as nvrtcProgram)
    };
    fn nvrtcCompileProgram(program: nvrtcProgram, count: c_int, options: *const *const c_char) = |programs| {
        // SAFETY: the caller's promise.
        let given = (0..count as usize).map(|i| unsafe { text(*options.add(i)) });
        let given = given.collect::<Result<Vec<_>, _>>()?;
        of(programs, program)?.compile(&given)
    };
    fn nvrtcDestroyProgram(program: *mut nvrtcProgram) = |programs| {
        // SAFETY: the caller's promise.
        let handle = if program.is_null() { 0 } else { unsafe { *program as usize } };
        programs.remove(&handle).map(drop).ok_or(NVRTC_ERROR_INVALID_PROGRAM)
    };
    fn nvrtcGetCUBINSize(program: nvrtcProgram, size: *mut usize) = |programs| {
        put(size, code_of(of(programs, program)?)?.len())
    };
    fn nvrtcGetCUBIN(program: nvrtcProgram, code: *mut c_char) = |programs| {
        fill(code, code_of(of(programs, program)?)?)
    };
    fn nvrtcGetProgramLogSize(program: nvrtcProgram, size: *mut usize) = |programs| {
        put(size, of(programs, program)?.log.as_bytes_with_nul().len())
    };
    fn nvrtcGetProgramLog(program: nvrtcProgram, log: *mut c_char) = |programs| {
        fill(log, of(programs, program)?.log.as_bytes_with_nul())
    };
}
