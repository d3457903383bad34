//! `gobelin data`: a look at data before a run spends hours on it.

use std::io::Write;
use std::process::ExitCode;

use clap::{Arg, ArgMatches, Command};
use gobelin_datasets::{Source, check};
use gobelin_harness::tell;

/// The subcommand's name.
pub const NAME: &str = "data";

/// The subcommand.
pub fn command() -> Command {
    let source = Arg::new("source")
        .value_name("KIND:PATH")
        .required(true)
        .help("What would follow --data: faces, seasons, idx:DIR, cifar10:DIR, ab:DIR, folder:DIR or identities:DIR");
    let check = Command::new("check").about("Print the layout expected and what was found").arg(source);
    Command::new(NAME).about("Look at data before training on it").subcommand_required(true).subcommand(check)
}

/// Runs the subcommand: exit code 2 for a source that is none, 1 for data no run could train on.
pub fn main(matches: &ArgMatches) -> ExitCode {
    let Some(("check", matches)) = matches.subcommand() else {
        unreachable!("clap lets no other subcommand through")
    };
    let text: &String = matches.get_one("source").expect("clap requires it");
    let source: Source = match text.parse() {
        Ok(source) => source,
        Err(error) => {
            tell(&format!("error: {error}"));
            return ExitCode::from(2);
        }
    };
    match check(&source) {
        Ok(report) => {
            // A reader that has gone away, as `| head` does, is no error.
            let _ = writeln!(std::io::stdout(), "{report}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            tell(&format!("error: {error}"));
            ExitCode::FAILURE
        }
    }
}
