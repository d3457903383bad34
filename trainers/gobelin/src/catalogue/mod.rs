//! What `gobelin loss` and `gobelin metric` share: both call an entry of the losses' catalogue on the tensors of a file.

mod json;
mod list;
mod tensors;

use std::path::Path;

use clap::{Arg, ArgMatches, Command};
use gobelin_harness::{Error, compute_arguments};
use gobelin_losses::catalogue::{CallError, Entry};

use crate::shell::{self, flag, path};

pub use json::{line, list as json_list, number, values as json_values};
pub use tensors::read;

/// What is said of numbers at the end of both helps.
pub const NUMBERS: &str = "Prints one JSON object. Numbers that are not finite are NaN, Infinity and -Infinity, as Python's \
                           json module writes and reads them.";

/// The arguments of both, given what an entry is called.
pub fn with_arguments(command: Command, what: &'static str) -> Command {
    command
        .arg(Arg::new("name").value_name("NAME").help(format!("The {what}; --list names them")))
        .arg(path("input", "IN.safetensors").help(
            "Its tensors by name, pictures as (N, C, H, W): floats F32 (F16 and BF16 are converted), whole numbers I64, \
             I32 or U8",
        ))
        .arg(shell::set("An option").conflicts_with("list"))
        .arg(flag("list").conflicts_with_all(["threads", "device"]).help("Tells tensors, options and papers of all, or of NAME alone"))
        .arg(flag("json").requires("list").help("With --list: as JSON"))
        .args(compute_arguments())
}

/// The entry that a call names, or `None` after listing was asked for and done; `differentiable` if tensors may have gradients.
///
/// # Errors
/// If no name is given or there is no such entry.
pub fn entry<R>(
    matches: &ArgMatches,
    what: &str,
    all: &[&'static Entry<R>],
    named: fn(&str) -> Result<&'static Entry<R>, CallError>,
    differentiable: bool,
) -> Result<Option<&'static Entry<R>>, Error> {
    let chosen =
        matches.get_one::<String>("name").map(|name| named(name).map_err(shell::wrong)).transpose()?;
    if matches.get_flag("list") {
        let entries = chosen.as_ref().map_or(all, std::slice::from_ref);
        shell::print(&list::list(entries, differentiable, matches.get_flag("json")));
        return Ok(None);
    }
    match chosen {
        Some(entry) => Ok(Some(entry)),
        None => Err(Error::Call(format!("expected the NAME of a {what}: --list names them"))),
    }
}

/// The file of an entry's tensors.
///
/// # Errors
/// If it was not given.
pub fn input<'a, R>(matches: &'a ArgMatches, entry: &Entry<R>) -> Result<&'a Path, Error> {
    let names: Vec<String> = entry
        .tensors
        .iter()
        .map(|spec| format!("`{}`{}", spec.name, if spec.required { "" } else { " (optional)" }))
        .collect();
    let tensors = if names.len() == 1 { "the tensor" } else { "the tensors" };
    shell::file(matches, "input", &format!("a safetensors file with {tensors} {}", names.join(", ")))
}

/// What does not fit, with the file where it is the file's tensors.
pub fn told(input: &Path, error: &CallError) -> Error {
    Error::Call(match error {
        CallError::Value { .. } | CallError::NoFeatures(_) => error.to_string(),
        // Options were checked before.
        _ => format!("{}: {error}", input.display()),
    })
}
