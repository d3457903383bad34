//! The directory of one run, held by one process at a time.

use crate::error::Error;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

const LOCK: &str = ".lock";
/// What a run that was killed before it had a configuration leaves: a run may begin over them.
const LEFTOVERS: [&str; 2] = [LOCK, "config.toml.tmp"];

/// A run directory that this process holds. The system frees it when the
/// process ends, however it ends.
#[derive(Debug)]
pub struct RunDirectory {
    path: PathBuf,
    _lock: File,
}

impl RunDirectory {
    /// Refuses an `out` in which no new run can begin.
    ///
    /// # Errors
    /// It holds a run or other files, or it is no directory.
    pub fn must_be_free(out: &Path) -> Result<(), Error> {
        if out.join("config.toml").exists() {
            return Err(Error::Occupied(out.to_owned()));
        }
        match fs::read_dir(out) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(Error::file("use as a run directory", out, error)),
            Ok(mut entries) => match entries
                .find(|e| e.as_ref().map_or(true, |e| !LEFTOVERS.iter().any(|name| e.file_name() == *name)))
            {
                Some(_) => Err(Error::NotEmpty(out.to_owned())),
                None => Ok(()),
            },
        }
    }

    /// Makes the directory of a new run: `out`, or the first unused
    /// `runs/TRAINER-N`.
    ///
    /// # Errors
    /// It cannot be made or written, or it is taken.
    pub fn create(out: Option<&Path>, trainer: &str) -> Result<RunDirectory, Error> {
        let path = match out {
            Some(out) => {
                fs::create_dir_all(out).map_err(|source| Error::file("create", out, source))?;
                out.to_owned()
            }
            None => first_unused(trainer)?,
        };
        let directory = RunDirectory::hold(path)?;
        // Once more, now that nobody else can begin a run in it.
        RunDirectory::must_be_free(&directory.path)?;
        Ok(directory)
    }

    /// Opens the directory of a run that exists.
    ///
    /// # Errors
    /// It does not exist, cannot be written, or is in use.
    pub fn open(path: &Path) -> Result<RunDirectory, Error> {
        if !path.join("config.toml").exists() {
            return Err(Error::NoRun(path.to_owned()));
        }
        RunDirectory::hold(path.to_owned())
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn hold(path: PathBuf) -> Result<RunDirectory, Error> {
        let refused = |source| Error::file("write in", &path, source);
        let mut lock = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path.join(LOCK))
            .map_err(refused)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                // The number only helps to find the process: without it the
                // error is as true.
                let _ = lock.read_to_string(&mut holder);
                let holder = if holder.is_empty() { "another".into() } else { holder };
                return Err(Error::InUse { directory: path, holder });
            }
            Err(TryLockError::Error(source)) => return Err(refused(source)),
        }
        let mut sign = || {
            lock.set_len(0)?;
            lock.rewind()?;
            write!(lock, "{}", std::process::id())
        };
        sign().map_err(refused)?;
        Ok(RunDirectory { path, _lock: lock })
    }
}

fn first_unused(trainer: &str) -> Result<PathBuf, Error> {
    let runs = Path::new("runs");
    fs::create_dir_all(runs).map_err(|source| Error::file("create", runs, source))?;
    for number in 1_u64.. {
        let path = runs.join(format!("{trainer}-{number}"));
        match fs::create_dir(&path) {
            Ok(()) => return Ok(path),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(source) => return Err(Error::file("create", &path, source)),
        }
    }
    unreachable!("some number is unused");
}
