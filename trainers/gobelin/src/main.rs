//! The one command.

mod bench;
mod call;
mod net;

use std::process::ExitCode;

use clap::Command;
use gobelin_gan::GanOptions;
use gobelin_harness::cli;

fn main() -> ExitCode {
    let command = Command::new("gobelin")
        .about("Trains the losses of computer vision: pictures woven from a tape")
        .version(env!("CARGO_PKG_VERSION"))
        .subcommand_required(true)
        .subcommand(cli::command::<GanOptions>())
        .subcommand(bench::command())
        .subcommand(net::command());
    let matches = match cli::parse(command, std::env::args_os()) {
        Ok(matches) => matches,
        Err(code) => return code,
    };
    match matches.subcommand() {
        Some(("gan", matches)) => cli::main::<GanOptions>(matches),
        Some((bench::NAME, matches)) => call::end(bench::main(matches)),
        Some((net::NAME, matches)) => call::end(net::main(matches)),
        _ => unreachable!("clap lets no other subcommand through"),
    }
}
