//! What `gobelin net`, `gobelin loss` and `gobelin metric` share: arguments, files of tensors, and how they are told.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::{Arg, ArgAction, ArgMatches, value_parser};
use gobelin_harness::{Error, replace_with};
use gobelin_nets::weights::{self, Weights};

/// `--NAME VALUE`, a file.
pub fn path(name: &'static str, value: &'static str) -> Arg {
    Arg::new(name).long(name).value_name(value).value_parser(value_parser!(PathBuf))
}

/// `--NAME`.
pub fn flag(name: &'static str) -> Arg {
    Arg::new(name).long(name).action(ArgAction::SetTrue)
}

/// `--set KEY=VALUE`, once for each option.
pub fn set(help: &'static str) -> Arg {
    let pair = |text: &str| -> Result<(String, String), String> {
        let (key, value) = text.split_once('=').ok_or("expected KEY=VALUE")?;
        Ok((key.to_owned(), value.to_owned()))
    };
    Arg::new("set")
        .long("set")
        .value_name("KEY=VALUE")
        .action(ArgAction::Append)
        .value_parser(pair)
        .help(help)
}

/// What `--set` says.
///
/// # Errors
/// If it gives an option twice.
pub fn options(matches: &ArgMatches) -> Result<Vec<(String, String)>, Error> {
    let given: Vec<(String, String)> = matches.get_many("set").into_iter().flatten().cloned().collect();
    let earlier = |at: usize| given[..at].iter().find(|(key, _)| *key == given[at].0);
    match (0..given.len()).find_map(|at| Some((earlier(at)?, &given[at].1))) {
        Some(((key, first), second)) => Err(Error::Call(format!(
            "--set {key}: given twice, as {first} and as {second}; leave one of them out"
        ))),
        None => Ok(given),
    }
}

/// The file of a flag that is needed.
///
/// # Errors
/// If it was not given.
pub fn file<'a>(matches: &'a ArgMatches, flag: &str, expected: &str) -> Result<&'a Path, Error> {
    let path = matches.get_one::<PathBuf>(flag).map(PathBuf::as_path);
    path.ok_or_else(|| Error::Call(format!("--{flag} is missing: expected {expected}")))
}

/// A wrong call, told by its cause: everything that can fail here is named on the command line.
pub fn wrong(error: impl std::error::Error) -> Error {
    Error::Call(error.to_string())
}

/// Writes to standard output. A reader that has gone away, as `| head` does, is no error.
pub fn print(text: &str) {
    let _ = writeln!(io::stdout(), "{text}");
}

/// Refuses to write `output`, the file of a flag, over a file that is read, each by its flag.
///
/// # Errors
/// If it is one of them.
pub fn keep_apart((flag, output): (&str, &Path), read: &[(&str, &Path)]) -> Result<(), Error> {
    let Ok(place) = fs::canonicalize(output) else { return Ok(()) };
    match read.iter().find(|(_, input)| fs::canonicalize(input).is_ok_and(|input| input == place)) {
        None => Ok(()),
        Some((other, _)) => Err(Error::Call(format!(
            "--{flag} {}: this is the file of --{other}, which would be lost; choose another",
            output.display()
        ))),
    }
}

/// Writes tensors to a file, whole or not at all.
///
/// # Errors
/// The system's refusal; what was there before is then still there.
pub fn write(path: &Path, tensors: &Weights) -> Result<(), Error> {
    let refused = |source: io::Error| Error::Call(format!("cannot write {}: {source}", path.display()));
    let bytes = weights::to_bytes(tensors);
    match fs::metadata(path) {
        Ok(found) if found.is_dir() => Err(refused(io::ErrorKind::IsADirectory.into())),
        // A pipe or a device is written to, not replaced.
        Ok(found) if !found.is_file() => fs::write(path, bytes).map_err(refused),
        _ if path.file_name().is_none() => Err(refused(io::ErrorKind::InvalidFilename.into())),
        _ => replace_with(path, &bytes).map_err(|error| match error {
            Error::File { source, .. } => refused(source),
            other => other,
        }),
    }
}
