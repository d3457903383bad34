//! The run's files for TensorBoard.
//!
//! Each sitting writes a file of its own, since a TensorBoard that is looking
//! on reads on where it was; on resume, what lies past the checkpoint's step
//! is cut from the files before.

use crate::error::Error;
use crate::records::{self, Value};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

const PREFIX: &str = "events.out.tfevents.";

/// The open file.
pub struct Events {
    file: File,
    path: PathBuf,
}

impl Events {
    /// Cuts the files in `directory` after `step` and begins a new one.
    ///
    /// # Errors
    /// The system's refusal.
    pub fn open(directory: &Path, step: u64) -> Result<Events, Error> {
        let refused = |source| Error::file("write TensorBoard's files in", directory, source);
        let last = cut(directory, step).map_err(refused)?;
        // TensorBoard reads a directory's files in the order of their names.
        let second = (wall_time() as u64).max(last + 1);
        let path = directory.join(format!("{PREFIX}{second:010}.{}.{}", host(), std::process::id()));
        let file = File::create_new(&path).map_err(|source| Error::file("create", &path, source))?;
        let mut events = Events { file, path };
        events.append(&records::version_event(wall_time()))?;
        Ok(events)
    }

    /// Writes values of a step.
    ///
    /// # Errors
    /// The system's refusal.
    pub fn write(&mut self, step: u64, values: &[(impl AsRef<str>, Value)]) -> Result<(), Error> {
        self.append(&records::event(wall_time(), step, values))
    }

    /// Makes what was written durable.
    ///
    /// # Errors
    /// The system's refusal.
    pub fn sync(&self) -> Result<(), Error> {
        self.file.sync_data().map_err(|source| Error::file("write", &self.path, source))
    }

    fn append(&mut self, event: &[u8]) -> Result<(), Error> {
        // In one call, so that a killed process leaves whole records.
        self.file
            .write_all(&records::record(event))
            .map_err(|source| Error::file("write", &self.path, source))
    }
}

fn wall_time() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |time| time.as_secs_f64())
}

/// The machine's name, which TensorBoard expects in the file's.
fn host() -> String {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let plain: String = name.trim().chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').collect();
    if plain.is_empty() { "localhost".into() } else { plain }
}

/// Cuts every file after `step`; the newest one's second, 0 without any.
fn cut(directory: &Path, step: u64) -> io::Result<u64> {
    let mut newest = 0;
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let name = entry.file_name();
        let Some(rest) = name.to_str().and_then(|name| name.strip_prefix(PREFIX)) else { continue };
        newest = newest.max(rest.split('.').next().and_then(|second| second.parse().ok()).unwrap_or(0));
        let bytes = fs::read(entry.path())?;
        let length = records::kept(&bytes, step);
        if length < bytes.len() {
            OpenOptions::new().write(true).open(entry.path())?.set_len(length as u64)?;
        }
    }
    Ok(newest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resumed_run_goes_on_in_a_later_file_after_the_step() {
        let here = tempfile::tempdir().unwrap();
        let length = |path: &Path| fs::metadata(path).unwrap().len();
        let mut events = Events::open(here.path(), 0).unwrap();
        let first = events.path.clone();
        let mut lengths = vec![length(&first)];
        for step in 1..=4 {
            events.write(step, &[("loss", Value::Scalar(1.0))]).unwrap();
            lengths.push(length(&first));
        }
        let second = Events::open(here.path(), 3).unwrap().path;
        assert!(second > first, "{} is read before {}", second.display(), first.display());
        assert_eq!(length(&first), lengths[3]);
        // Even when the same second has not passed yet.
        let third = Events::open(here.path(), 0).unwrap().path;
        assert!(third > second);
        assert_eq!((length(&first), length(&second)), (lengths[0], lengths[0]));
    }
}
