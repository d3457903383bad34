//! Writing a file so that a crash leaves the old one or the new one, whole.

use crate::error::Error;
use std::fs::{self, File};
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};

/// `path` with `.tmp` added: the unfinished file beside it. One left over by a
/// crash is overwritten.
fn unfinished(path: &Path) -> PathBuf {
    let mut name = path.file_name().expect("a file has a name").to_owned();
    name.push(".tmp");
    path.with_file_name(name)
}

/// Writes the file `path` beside its place by `fill`, makes it durable, and
/// calls `before` just before it takes its place.
///
/// # Errors
/// The system's refusal. What was at `path` is then still there, and the
/// unfinished file is gone.
pub fn replace(
    path: &Path,
    fill: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
    before: impl FnOnce() -> io::Result<()>,
) -> Result<(), Error> {
    let temporary = unfinished(path);
    let attempt = || {
        let mut writer = BufWriter::with_capacity(1 << 20, File::create(&temporary)?);
        fill(&mut writer)?;
        writer.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
        before()?;
        fs::rename(&temporary, path)?;
        sync_directory(path)
    };
    attempt().map_err(|source| {
        // Best effort: a full disk is freed of what could not be finished.
        let _ = fs::remove_file(&temporary);
        Error::file("write", path, source)
    })
}

/// Writes `bytes` to the file `path`, whole or not at all.
///
/// # Errors
/// The system's refusal to create, write, sync or rename.
pub fn replace_with(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    replace(path, |writer| io::Write::write_all(writer, bytes), || Ok(()))
}

/// Makes renames in the directory of `path` durable.
fn sync_directory(path: &Path) -> io::Result<()> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    File::open(directory.unwrap_or(Path::new(".")))?.sync_all()
}
