//! The one command.

mod bench;
mod data;
mod net;

use std::process::ExitCode;

use clap::Command;
use gobelin_gan::GanOptions;
use gobelin_harness::{Recipe, cli, end};
use gobelin_style::StyleOptions;

fn main() -> ExitCode {
    gobelin_kernels::keep_large_blocks_mapped();
    let command = Command::new("gobelin")
        .about("Trains the losses of computer vision: pictures woven from a tape")
        .version(env!("CARGO_PKG_VERSION"))
        .subcommand_required(true)
        .subcommand(cli::command::<GanOptions>())
        .subcommand(cli::command::<StyleOptions>())
        .subcommand(net::command())
        .subcommand(bench::command())
        .subcommand(data::command());
    let matches = match cli::parse(command, std::env::args_os()) {
        Ok(matches) => matches,
        Err(code) => return code,
    };
    match matches.subcommand() {
        Some((GanOptions::NAME, matches)) => cli::main::<GanOptions>(matches),
        Some((StyleOptions::NAME, matches)) => cli::main::<StyleOptions>(matches),
        Some((net::NAME, matches)) => end(net::main(matches)),
        Some((bench::NAME, matches)) => end(bench::main(matches)),
        Some((data::NAME, matches)) => data::main(matches),
        _ => unreachable!("clap lets no other subcommand through"),
    }
}
