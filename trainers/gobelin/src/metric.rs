//! `gobelin metric`: any metric of given tensors.

use std::process::ExitCode;

use clap::{ArgMatches, Command};
use gobelin_autograd::Var;
use gobelin_harness::{Compute, Error};
use gobelin_losses::catalogue::{METRICS, metric};

use crate::catalogue;
use crate::shell::{self, wrong};

/// The subcommand's name.
pub const NAME: &str = "metric";

/// The subcommand.
pub fn command() -> Command {
    let command = Command::new(NAME).about("Compute a metric of given tensors").after_help(format!(
        "{} `value` is the number that is reported, `values` holds all by name, each a list: one number, or one for each \
         picture, class, level or fold. All are computed in double precision on the host, whatever --device says.",
        catalogue::NUMBERS
    ));
    catalogue::with_arguments(command, "metric")
}

/// Runs the subcommand.
///
/// # Errors
/// A wrong call.
pub fn main(matches: &ArgMatches) -> Result<ExitCode, Error> {
    let Some(entry) = catalogue::entry(matches, "metric", METRICS, metric, false)? else {
        return Ok(ExitCode::SUCCESS);
    };
    Compute::new(matches).begin()?;
    let options = shell::options(matches)?;
    entry.options(&options).map_err(wrong)?;
    let input = catalogue::input(matches, entry)?;
    let tensors = catalogue::read(input, entry, Var::from)?;
    let found = entry.call(&tensors, &options, None).map_err(|error| catalogue::told(input, &error))?;
    let values: Vec<(&str, String)> = found
        .values
        .iter()
        .map(|(name, values)| {
            (*name, catalogue::json_list(values.iter().map(|&value| catalogue::number(value))))
        })
        .collect();
    shell::print(&catalogue::line(&[
        ("metric", format!("\"{}\"", entry.name)),
        ("value", catalogue::number(found.value)),
        ("values", catalogue::line(&values)),
    ]));
    Ok(ExitCode::SUCCESS)
}
