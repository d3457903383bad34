//! The newest complete state of a run on disk, and the one before it.
//!
//! A checkpoint file is a header of 28 bytes and a payload:
//!
//! | bytes | what |
//! |---|---|
//! | 0..8 | `GOBELIN\0` |
//! | 8..12 | format version |
//! | 12..20 | length of the payload |
//! | 20..24 | CRC-32C of the payload |
//! | 24..28 | CRC-32C of the 24 bytes before |
//! | 28.. | the payload, the state in its coding (`codec.rs`) |
//!
//! Numbers are little-endian. CRC-32C finds every error of up to 32 bits in a
//! row, and a file damaged otherwise with a chance of 1 in 4 billion to miss.

use crate::codec;
use crate::error::{Error, one_line};
use crate::files;
use crate::state::State;
use serde::{Deserialize, Serialize};
use std::fs;
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

const MAGIC: [u8; 8] = *b"GOBELIN\0";
const VERSION: u32 = 1;
const HEADER: usize = 28;

/// What a checkpoint holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Saved {
    /// The trainer's name.
    pub trainer: String,
    /// Steps done.
    pub step: u64,
    /// The text of config.toml, to see when the file was changed by hand.
    pub config: String,
    /// The trainer's state.
    pub state: State,
}

/// Why a checkpoint file is not used.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// No such file.
    #[error("{} is missing", .0.display())]
    Missing(PathBuf),
    /// The system refused to read it.
    #[error("{} cannot be read ({source})", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file does not begin as a checkpoint does.
    #[error("{} is damaged or no checkpoint (its first bytes are wrong)", .0.display())]
    NotACheckpoint(PathBuf),
    /// The file has another format version.
    #[error("{} has format version {found}, this program reads {VERSION}", path.display())]
    Version {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u32,
    },
    /// The file ends early or late.
    #[error("{} is damaged ({found} bytes, expected {expected})", path.display())]
    Length {
        /// The file.
        path: PathBuf,
        /// Its length in bytes.
        found: u64,
        /// What its header says, or the header's own length.
        expected: u64,
    },
    /// The checksum does not fit.
    #[error("{} is damaged (checksum {found:08x}, expected {expected:08x})", path.display())]
    Checksum {
        /// The file.
        path: PathBuf,
        /// The checksum of what was read.
        found: u32,
        /// The checksum that was stored.
        expected: u32,
    },
    /// The payload is none of ours, although its checksum fits.
    #[error("{} cannot be decoded ({found})", path.display())]
    Payload {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        found: String,
    },
    /// The checkpoint is of another trainer.
    #[error("{} is a checkpoint of the trainer {found}, not of {expected}", path.display())]
    OtherTrainer {
        /// The file.
        path: PathBuf,
        /// The trainer named in it.
        found: String,
        /// The trainer that was called.
        expected: String,
    },
}

/// The checkpoints of one run directory.
#[derive(Debug)]
pub struct Checkpoints {
    directory: PathBuf,
    trainer: &'static str,
    /// Whether `checkpoint` is known to be whole. One that is not must not
    /// take the place of the one before it.
    newest_is_whole: bool,
}

/// A checkpoint that was found, and what the user should know about it.
#[derive(Debug)]
pub struct Found {
    /// Its content.
    pub saved: Saved,
    /// Why it is not the newest one, in one line.
    pub notice: Option<String>,
}

impl Checkpoints {
    /// The checkpoints of `trainer` in `directory`.
    pub fn new(directory: &Path, trainer: &'static str) -> Checkpoints {
        Checkpoints { directory: directory.to_owned(), trainer, newest_is_whole: false }
    }

    /// The newest checkpoint's path.
    pub fn newest(&self) -> PathBuf {
        self.directory.join("checkpoint")
    }

    /// The path of the one before it.
    pub fn previous(&self) -> PathBuf {
        self.directory.join("checkpoint.previous")
    }

    /// Saves a state: written beside, synced, renamed; the newest becomes the
    /// one before.
    ///
    /// # Errors
    /// The system's refusal; the checkpoints that were there still are.
    pub fn save(&mut self, saved: &Saved) -> Result<(), Error> {
        let newest = self.newest();
        let keep = || if self.newest_is_whole { fs::rename(&newest, self.previous()) } else { Ok(()) };
        files::replace(&newest, |writer| write(saved, writer), keep)?;
        self.newest_is_whole = true;
        Ok(())
    }

    /// The newest checkpoint that is whole; `None` when none was written yet.
    ///
    /// # Errors
    /// There are checkpoints, but none can be used.
    pub fn load(&mut self) -> Result<Option<Found>, Error> {
        let refusal = match read(&self.newest(), self.trainer) {
            Ok(saved) => {
                self.newest_is_whole = true;
                return Ok(Some(Found { saved, notice: None }));
            }
            Err(refusal) => refusal,
        };
        match read(&self.previous(), self.trainer) {
            Ok(saved) => {
                let notice = format!("{refusal}: using the one before it, of step {}", saved.step);
                Ok(Some(Found { saved, notice: Some(notice) }))
            }
            Err(Refusal::Missing(_)) if matches!(refusal, Refusal::Missing(_)) => Ok(None),
            Err(second) => Err(Error::NoCheckpoint {
                directory: self.directory.clone(),
                refusals: format!("{refusal}, {second}"),
            }),
        }
    }
}

/// Counts and sums what passes through it, so that a payload is encoded
/// straight into the file.
struct Summing<'a, W> {
    inner: &'a mut W,
    length: u64,
    checksum: u32,
}

impl<W: Write> Write for Summing<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.length += written as u64;
        self.checksum = crc32c::crc32c_append(self.checksum, &bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

fn write<W: Write + Seek>(saved: &Saved, writer: &mut W) -> io::Result<()> {
    writer.write_all(&[0; HEADER])?;
    let mut payload = Summing { inner: writer, length: 0, checksum: 0 };
    {
        // Encoding writes number by number: gather some before summing.
        let mut gathered = io::BufWriter::with_capacity(1 << 16, &mut payload);
        codec::encode(saved, &mut gathered)?;
        gathered.flush()?;
    }
    let (length, checksum) = (payload.length, payload.checksum);
    let mut header = Vec::with_capacity(HEADER);
    header.extend(MAGIC);
    header.extend(VERSION.to_le_bytes());
    header.extend(length.to_le_bytes());
    header.extend(checksum.to_le_bytes());
    header.extend(crc32c::crc32c(&header).to_le_bytes());
    writer.seek(SeekFrom::Start(0))?;
    writer.write_all(&header)?;
    writer.flush()
}

/// Reads the checkpoint at `path`, which must be of `trainer`.
///
/// # Errors
/// Why it is not used.
pub fn read(path: &Path, trainer: &str) -> Result<Saved, Refusal> {
    let owned = || path.to_owned();
    let bytes = fs::read(path).map_err(|source| match source.kind() {
        io::ErrorKind::NotFound => Refusal::Missing(owned()),
        _ => Refusal::Unreadable { path: owned(), source },
    })?;
    let length = |expected: u64| Refusal::Length { path: owned(), found: bytes.len() as u64, expected };
    let (header, payload) = bytes.split_at_checked(HEADER).ok_or_else(|| length(HEADER as u64))?;
    let word = |at: usize| u32::from_le_bytes(header[at..at + 4].try_into().expect("four bytes"));

    if header[..8] != MAGIC {
        return Err(Refusal::NotACheckpoint(owned()));
    }
    if word(8) != VERSION {
        return Err(Refusal::Version { path: owned(), found: word(8) });
    }
    let checksum = |found: u32, expected: u32| {
        let refusal = || Refusal::Checksum { path: owned(), found, expected };
        (found == expected).then_some(()).ok_or_else(refusal)
    };
    checksum(crc32c::crc32c(&header[..24]), word(24))?;
    let expected = u64::from_le_bytes(header[12..20].try_into().expect("eight bytes"));
    if payload.len() as u64 != expected {
        return Err(length(expected.saturating_add(HEADER as u64)));
    }
    checksum(crc32c::crc32c(payload), word(20))?;

    let saved: Saved = codec::decode(payload)
        .map_err(|found| Refusal::Payload { path: owned(), found: one_line(&found) })?;
    if saved.trainer != trainer {
        let expected = trainer.to_owned();
        return Err(Refusal::OtherTrainer { path: owned(), found: saved.trainer, expected });
    }
    Ok(saved)
}
