//! What can go wrong in a run, each told in one line: what was found, what was
//! expected, what to do.

use crate::state::StateError;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// What a trainer's own code returns: any error converts into it by `?`.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// A run that cannot begin or cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The call asks for something that cannot be: exit code 2.
    #[error("{0}")]
    Call(String),
    /// A flag disagrees with the configuration the run was begun with.
    #[error(
        "--{key} {given} contradicts {}, which says {stored}: leave the flag out, or begin a new run with another --out",
        config.display()
    )]
    Contradiction {
        /// The flag's name, which is also the key in the file.
        key: String,
        /// The value on the command line.
        given: String,
        /// The value in the file.
        stored: String,
        /// The configuration file.
        config: PathBuf,
    },
    /// config.toml is not what this program wrote.
    #[error("{}: {found}; {advice}", path.display())]
    Config {
        /// The configuration file.
        path: PathBuf,
        /// What is wrong with it.
        found: String,
        /// What to do.
        advice: String,
    },
    /// The directory already holds a run and `--resume` was not given.
    #[error("{} already holds a run: add --resume to continue it, or choose another --out", .0.display())]
    Occupied(PathBuf),
    /// The directory holds other things.
    #[error("{} is not empty and holds no run: choose a new or an empty directory for --out", .0.display())]
    NotEmpty(PathBuf),
    /// `--resume` of a directory without a run.
    #[error("{} holds no run (no config.toml in it): check --out, or leave --resume out to begin one there", .0.display())]
    NoRun(PathBuf),
    /// `--resume` of a run of another trainer.
    #[error(
        "{} is a run of the trainer {found}, not of {expected}: resume it with `gobelin {found}`, or choose another --out",
        directory.display()
    )]
    OtherTrainer {
        /// The run directory.
        directory: PathBuf,
        /// The trainer named in its configuration.
        found: String,
        /// The trainer that was called.
        expected: String,
    },
    /// Another process writes this run directory.
    #[error("{} is in use by process {holder}: wait until it has ended, or choose another --out", directory.display())]
    InUse {
        /// The run directory.
        directory: PathBuf,
        /// The process's number, as far as it is known.
        holder: String,
    },
    /// The system refused to read or write a file.
    #[error("cannot {action} {}: {source}{advice}", path.display())]
    File {
        /// What was tried, as a verb.
        action: &'static str,
        /// On which file or directory.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
        /// What to do, with its leading punctuation.
        advice: &'static str,
    },
    /// No checkpoint of the run can be used.
    #[error("{refusals}: no usable checkpoint is left in {}; begin again with another --out", directory.display())]
    NoCheckpoint {
        /// The run directory.
        directory: PathBuf,
        /// Why each checkpoint was refused.
        refusals: String,
    },
    /// The checkpoint is whole, but is not the state of this trainer.
    #[error("the checkpoint in {} does not fit this trainer: {source}; {}", directory.display(), source.advice())]
    State {
        /// The run directory.
        directory: PathBuf,
        /// The entry that does not fit.
        source: StateError,
    },
    /// A loss, or a number of the state, is not finite.
    #[error("step {step}: {what} is {value}{norms}; {saved}")]
    NotFinite {
        /// The step that gave it.
        step: u64,
        /// The loss or the entry of the state.
        what: String,
        /// NaN, inf or -inf.
        value: f64,
        /// The largest gradient norms, with their leading punctuation.
        norms: String,
        /// Where the last good state is, and what to do.
        saved: String,
    },
    /// The trainer's own error.
    #[error("{0}")]
    Trainer(Failure),
    /// The trainer's own error, when something of the run was saved already.
    #[error("{when}{source}; {saved}")]
    Interrupted {
        /// How far the run had come, with its punctuation.
        when: String,
        /// The trainer's error.
        source: Failure,
        /// Where the state is, and how to go on with it.
        saved: String,
    },
}

impl Error {
    /// Wraps what a trainer returned; errors of the harness pass through, so
    /// that a trainer can return [`Error::Call`] for a flag it cannot serve.
    pub fn of_trainer(failure: Failure) -> Error {
        match failure.downcast::<Error>() {
            Ok(error) => *error,
            Err(other) => Error::Trainer(other),
        }
    }

    /// The trainer's error after `step` steps (none: before the first of this process), where the state of step `saved` lies at
    /// `checkpoint` and `call` goes on with it.
    pub fn interrupted(
        step: Option<u64>,
        source: Failure,
        saved: u64,
        checkpoint: &Path,
        call: &str,
    ) -> Error {
        let when = step.map_or_else(String::new, |step| format!("after step {step}: "));
        let checkpoint = checkpoint.display();
        let saved = format!("the state of step {saved} is in {checkpoint}, continue with: {call}");
        Error::Interrupted { when, source, saved }
    }

    /// The system's refusal `source` to `action` the file at `path`.
    pub fn file(action: &'static str, path: &Path, source: std::io::Error) -> Error {
        use std::io::ErrorKind::{
            FileTooLarge, NotADirectory, PermissionDenied, QuotaExceeded, ReadOnlyFilesystem, StorageFull,
        };
        let advice = match source.kind() {
            StorageFull | QuotaExceeded | FileTooLarge => "; free some space, then continue with --resume",
            NotADirectory | PermissionDenied | ReadOnlyFilesystem => {
                "; choose a directory that you may write with --out"
            }
            _ => "",
        };
        Error::File { action, path: path.to_owned(), source, advice }
    }

    /// 2 for a wrong call, 1 for a failed run.
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Error::Call(_)
            | Error::Contradiction { .. }
            | Error::Config { .. }
            | Error::Occupied(_)
            | Error::NotEmpty(_)
            | Error::NoRun(_)
            | Error::OtherTrainer { .. } => ExitCode::from(2),
            _ => ExitCode::from(1),
        }
    }
}

/// Joins the lines of a message that came from elsewhere, since every error is
/// one line.
pub fn one_line(message: &str) -> String {
    message.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" ")
}
