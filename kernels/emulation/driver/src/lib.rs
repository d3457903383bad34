//! A stand-in for `libcuda.so.1` and `libnvrtc.so`, so that programs can be tested whole where there is no graphics card: what they
//! ask of NVIDIA's driver, by way of cudarc, is done by the emulated card of [`gobelin_emulation`].
//!
//! ```sh
//! LD_LIBRARY_PATH=FOLDER GOBELIN_DRIVER='memory=64 fail=cuLaunchKernel:100:LAUNCH_FAILED' gobelin gan --device cuda
//! ```
//!
//! [`folder`] makes the folder. The library has the calls that `gobelin_kernels::cuda` makes, with the types that cudarc declares,
//! and is at least as strict as the driver: what it does not know is refused with the driver's code, a stream that captures takes
//! nothing that cannot be captured, and work is done as late or as early as it may ([`gobelin_emulation::lanes`]).
//! [`settings`] says what else the machine can be like, and what can be made to fail on it.
//!
//! What is asked of it is one call at a time. There is no default stream, a capture does not fork into other streams, and memory
//! that is not pinned cannot be copied in a capture: such calls are refused, and no caller here makes them.

// Codes are called what the driver calls them.
#![allow(clippy::enum_glob_use)]

mod calls;
mod codes;
mod compiler;
mod context;
mod devices;
mod graphs;
mod machine;
mod memory;
mod modules;
pub mod settings;
mod streams;
#[cfg(test)]
mod tests;
mod work;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use gobelin_emulation::library;

pub use calls::*;
pub use compiler::*;

/// What the calls are named by the loader.
const NAMES: [&str; 2] = ["libcuda.so.1", "libnvrtc.so.13"];

/// A folder for `LD_LIBRARY_PATH` in which programs find these libraries. For tests: cargo has built the library beside them.
///
/// None where there is no C++ compiler to build the emulated card with: it then says on the standard error that a test is skipped.
///
/// # Panics
/// If there is no compiler and `GOBELIN_EMULATION` is set, as in CI.
pub fn folder() -> Option<PathBuf> {
    // Once a program: its tests run side by side.
    static FOLDER: OnceLock<Option<PathBuf>> = OnceLock::new();
    FOLDER.get_or_init(made_folder).clone()
}

fn made_folder() -> Option<PathBuf> {
    library::Library::get_or_skip()?;
    let program = std::env::current_exe().expect("the path of this program");
    let built = program.with_file_name(format!("lib{}.so", env!("CARGO_CRATE_NAME")));
    assert!(
        built.exists(),
        "{}: cargo builds it with every test that depends on this crate",
        built.display()
    );
    let folder = library::folder().with_file_name("gobelin-driver");
    fs::create_dir_all(&folder).expect("a folder beside what cargo built");
    for name in NAMES {
        link(&built, &folder.join(name));
    }
    Some(folder)
}

/// Other programs may do the same now.
fn link(to: &Path, place: &Path) {
    if fs::read_link(place).is_ok_and(|found| found == to) {
        return;
    }
    let temporary = place.with_extension(std::process::id().to_string());
    symlink(to, &temporary).and_then(|()| fs::rename(&temporary, place)).expect("a link");
}
