//! A trainer as a subcommand: from the shell's words to the exit code.

use crate::error::{Error, one_line};
use crate::options::{Given, RunOptions};
use crate::progress::tell;
use crate::run::{self, Outcome};
use crate::signals::{STOPPED, Stop};
use crate::trainer::Recipe;
use clap::parser::ValueSource;
use clap::{ArgMatches, Args, Command, FromArgMatches};
use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;

/// The subcommand of a trainer: its own flags and the shared ones.
pub fn command<R: Recipe>() -> Command {
    let defaults = R::DEFAULTS;
    let own = R::augment_args(Command::new(R::NAME).allow_negative_numbers(true));
    let command = RunOptions::augment_args(own.next_help_heading("Shared by all trainers"));
    let values = [
        ("data", defaults.data.to_owned()),
        ("steps", defaults.steps.to_string()),
        ("batch", defaults.batch.to_string()),
        ("log_every", defaults.log_every.to_string()),
        ("sample_every", defaults.sample_every.to_string()),
    ];
    let command = values.into_iter().fold(command, |command, (id, value)| {
        command.mut_arg(id, |argument| argument.required(false).default_value(value))
    });
    let command = R::TOOLS.iter().fold(command, |command, tool| command.subcommand(tool.described()));
    // Last, since the options' own descriptions would take its place.
    command.args_conflicts_with_subcommands(true).about(R::ABOUT).long_about(None)
}

/// Parses the command line of the whole program.
///
/// # Errors
/// The exit code, after help was shown or a wrong call was named in one line.
pub fn parse(command: Command, words: impl IntoIterator<Item = OsString>) -> Result<ArgMatches, ExitCode> {
    command.try_get_matches_from(words).map_err(|error| {
        if error.use_stderr() {
            tell(&in_one_line(&error));
            ExitCode::from(2)
        } else {
            // Help or version, which were asked for.
            let _ = error.print();
            ExitCode::SUCCESS
        }
    })
}

/// clap's message without its pages of usage.
fn in_one_line(error: &clap::Error) -> String {
    let text = error.render().to_string();
    let message = text.split("\nUsage:").next().unwrap_or_default();
    let message = message.split("\nFor more information").next().unwrap_or_default();
    format!("{} (see --help)", one_line(message))
}

/// The options of a trainer in parsed arguments, and which flags were given.
///
/// # Errors
/// A wrong call.
pub fn options<R: Recipe>(matches: &ArgMatches) -> Result<(RunOptions, R, Given), Error> {
    let wrong = |error: clap::Error| Error::Call(in_one_line(&error));
    let run = RunOptions::from_arg_matches(matches).map_err(wrong)?;
    let own = R::from_arg_matches(matches).map_err(wrong)?;
    let given = command::<R>()
        .get_arguments()
        .filter(|argument| matches.value_source(argument.get_id().as_str()) == Some(ValueSource::CommandLine))
        .filter_map(|argument| argument.get_long().map(str::to_owned))
        .collect();
    Ok((run, own, Given(given)))
}

/// Runs a trainer, or one of its tools, from the arguments of its subcommand.
pub fn main<R: Recipe>(matches: &ArgMatches) -> ExitCode {
    if let Some((name, matches)) = matches.subcommand() {
        let tool = R::TOOLS.iter().find(|tool| (tool.command)().get_name() == name);
        return tool.expect("clap lets no other subcommand through").run(matches);
    }
    match call::<R>(matches) {
        Ok(Outcome::Finished { line, .. }) => {
            let _ = writeln!(std::io::stdout(), "{line}");
            ExitCode::SUCCESS
        }
        Ok(Outcome::Stopped { line, .. }) => {
            tell(&line);
            ExitCode::from(STOPPED)
        }
        Err(error) => {
            tell(&format!("error: {}", one_line(&error.to_string())));
            error.exit_code()
        }
    }
}

fn call<R: Recipe>(matches: &ArgMatches) -> Result<Outcome, Error> {
    let (run, own, given) = options::<R>(matches)?;
    // A card that is not there is told before all else.
    run.compute().begin()?;
    let stop = Stop::new();
    stop.listen();
    run::run(run, own, &given, &stop)
}
