//! From kernel files to code for one card: compiled once by NVRTC, then kept on disk.

use std::env;
use std::ffi::{CStr, CString};
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::PathBuf;

use cudarc::nvrtc::{result as nvrtc, sys};

use super::error::{Error, Result};
use super::source::Source;

/// Code for one card (a CUBIN), from the cache if it is there.
///
/// # Errors
/// If there is no compiler, or the file does not compile.
pub(super) fn code(source: &Source, architecture: &str, driver: i32) -> Result<Vec<u8>> {
    let text = source.text();
    let Some(path) = path(source.name, &text, architecture, driver) else {
        return compile(source, &text, architecture);
    };
    if let Some(code) = fs::read(&path).ok().and_then(unsealed) {
        return Ok(code);
    }
    let code = compile(source, &text, architecture)?;
    // Without a cache the next run compiles again: no reason to fail. Another process may be writing too, so under a name
    // of our own first.
    let temporary = path.with_extension(std::process::id().to_string());
    let kept = path.parent().map_or(Ok(()), fs::create_dir_all);
    let kept = kept.and_then(|()| fs::write(&temporary, [&*code, &hash(&code)].concat()));
    if kept.and_then(|()| fs::rename(&temporary, &path)).is_err() {
        drop(fs::remove_file(&temporary));
    }
    Ok(code)
}

/// The code of a file that is whole: the driver, which is not told how long code is, reads on where a part is missing.
fn unsealed(mut kept: Vec<u8>) -> Option<Vec<u8>> {
    let (code, &seal) = kept.split_last_chunk()?;
    if hash(code) != seal {
        return None;
    }
    kept.truncate(kept.len() - seal.len());
    Some(kept)
}

fn hash(bytes: &[u8]) -> [u8; 8] {
    let mut hash = DefaultHasher::new();
    bytes.hash(&mut hash);
    hash.finish().to_le_bytes()
}

/// Forgets the code of a file: it could not be loaded.
pub(super) fn forget(source: &Source, architecture: &str, driver: i32) {
    if let Some(path) = path(source.name, &source.text(), architecture, driver) {
        drop(fs::remove_file(path));
    }
}

/// Where code is kept: by file, architecture, driver and the text's hash. Nowhere if there is no home directory.
fn path(name: &str, text: &str, architecture: &str, driver: i32) -> Option<PathBuf> {
    let given = |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let base = given("XDG_CACHE_HOME").or_else(|| Some(given("HOME")?.join(".cache")))?;
    let hash = u64::from_le_bytes(hash(text.as_bytes()));
    let file = format!("{name}-{architecture}-driver{driver}-{hash:016x}.cubin");
    Some(base.join("gobelin").join("kernels").join(file))
}

/// The compiler's version, such as `13.0`.
///
/// # Errors
/// If there is none.
pub(super) fn compiler_version() -> Result<String> {
    check_compiler()?;
    let (mut major, mut minor) = (0, 0);
    // SAFETY: two numbers are written.
    let done = unsafe { sys::nvrtcVersion(&raw mut major, &raw mut minor) };
    done.result().map_err(|error| failed("nvrtcVersion", error))?;
    Ok(format!("{major}.{minor}"))
}

fn check_compiler() -> Result<()> {
    // SAFETY: opens the library to see whether it is there.
    if unsafe { sys::is_culib_present() } { Ok(()) } else { Err(Error::NoCompiler) }
}

fn failed(call: &str, error: nvrtc::NvrtcError) -> Error {
    Error::Call { call: call.to_owned(), message: format!("{error:?}") }
}

/// Compiles a file for an architecture such as `sm_80`.
///
/// # Errors
/// If there is no compiler, or the file does not compile.
pub(super) fn compile(source: &Source, text: &str, architecture: &str) -> Result<Vec<u8>> {
    check_compiler()?;
    let text = CString::new(text).expect("kernel files hold no zero bytes");
    let name = CString::new(source.name).expect("names hold no zero bytes");
    let program =
        nvrtc::create_program(&text, Some(&name)).map_err(|error| failed("nvrtcCreateProgram", error))?;
    let options = [format!("--gpu-architecture={architecture}"), "--std=c++17".to_owned()];
    // SAFETY: the program was just made, and lives until it is destroyed below.
    unsafe {
        let compiled = nvrtc::compile_program(program, &options);
        let code = match compiled {
            Ok(()) => code_of(program),
            // Of the options, the architecture alone is not the same everywhere.
            Err(nvrtc::NvrtcError(sys::nvrtcResult::NVRTC_ERROR_INVALID_OPTION)) => compiler_version()
                .and_then(|compiler| {
                    Err(Error::OldCompiler { compiler, architecture: architecture.to_owned() })
                }),
            Err(error) => {
                let message = first_error(program).unwrap_or_else(|| format!("{error:?}"));
                Err(Error::Compiler { file: source.name, architecture: architecture.to_owned(), message })
            }
        };
        nvrtc::destroy_program(program).map_err(|error| failed("nvrtcDestroyProgram", error))?;
        code
    }
}

/// # Safety
/// The program was compiled.
unsafe fn code_of(program: sys::nvrtcProgram) -> Result<Vec<u8>> {
    let mut size = 0;
    // SAFETY: a number is written, and then as many bytes.
    unsafe {
        let done = sys::nvrtcGetCUBINSize(program, &raw mut size);
        done.result().map_err(|error| failed("nvrtcGetCUBINSize", error))?;
        let mut code = vec![0u8; size];
        let done = sys::nvrtcGetCUBIN(program, code.as_mut_ptr().cast());
        done.result().map_err(|error| failed("nvrtcGetCUBIN", error))?;
        Ok(code)
    }
}

/// The first line of the log that tells of an error.
///
/// # Safety
/// The program is alive.
unsafe fn first_error(program: sys::nvrtcProgram) -> Option<String> {
    // SAFETY: the caller's promise; the log ends with a zero.
    let log = unsafe { nvrtc::get_program_log(program) }.ok()?;
    let bytes: Vec<u8> = log.into_iter().map(|byte| byte as u8).collect();
    let log = CStr::from_bytes_until_nul(&bytes).ok()?.to_string_lossy().into_owned();
    let line = log.lines().find(|line| line.contains("error")).or_else(|| log.lines().next())?;
    Some(line.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `GOBELIN_NVRTC=1` makes it fail where there is no compiler.
    #[test]
    fn files_compile_where_there_is_a_compiler() {
        if compiler_version().is_err() {
            assert!(env::var_os("GOBELIN_NVRTC").is_none(), "{}", Error::NoCompiler);
            assert_eq!(compile(Source::named("scan"), "", "sm_80"), Err(Error::NoCompiler));
            eprintln!("SKIPPED: no CUDA compiler here");
            return;
        }
        let source = Source::named("scan");
        let code = compile(source, &source.text(), "sm_80").unwrap();
        assert!(code.starts_with(b"\x7fELF"));
        let Err(Error::Compiler { file, message, .. }) = compile(source, "not C++", "sm_80") else {
            panic!("it compiled");
        };
        assert!(file == "scan" && message.contains("error"), "{message}");
        let compiler = compiler_version().unwrap();
        let architecture = "sm_999".to_owned();
        assert_eq!(
            compile(source, &source.text(), "sm_999"),
            Err(Error::OldCompiler { compiler, architecture })
        );
    }

    #[test]
    fn code_that_is_not_whole_is_none() {
        let code = b"\x7fELF and what follows".to_vec();
        let kept = [&*code, &hash(&code)].concat();
        assert_eq!(unsealed(kept.clone()), Some(code));
        for length in 0..kept.len() {
            assert_eq!(unsealed(kept[..length].to_vec()), None, "{length} bytes");
        }
        for place in 0..kept.len() {
            let mut spoilt = kept.clone();
            spoilt[place] ^= 0x10;
            assert_eq!(unsealed(spoilt), None, "byte {place}");
        }
    }

    #[test]
    fn places_differ_by_all_that_matters() {
        let place = |name, text, architecture, driver| path(name, text, architecture, driver);
        let first = place("scan", "a", "sm_80", 13_000);
        for other in [
            place("pool", "a", "sm_80", 13_000),
            place("scan", "b", "sm_80", 13_000),
            place("scan", "a", "sm_90", 13_000),
            place("scan", "a", "sm_80", 13_010),
        ] {
            assert!(first.is_none() || first != other);
        }
    }
}
