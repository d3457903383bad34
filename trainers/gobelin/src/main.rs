//! The one command.

mod bench;
mod catalogue;
mod data;
mod loss;
mod metric;
mod net;
mod shell;

use std::process::ExitCode;

use clap::Command;
use gobelin_cyclegan::CycleGanOptions;
use gobelin_gan::GanOptions;
use gobelin_harness::{Recipe, cli, end};
use gobelin_segment::SegmentOptions;

fn main() -> ExitCode {
    gobelin_kernels::keep_large_blocks_mapped();
    let command = Command::new("gobelin")
        .about("Trains the losses of computer vision: pictures woven from a tape")
        .version(env!("CARGO_PKG_VERSION"))
        .subcommand_required(true)
        .subcommand(cli::command::<GanOptions>())
        .subcommand(loss::command())
        .subcommand(metric::command())
        .subcommand(cli::command::<SegmentOptions>())
        .subcommand(cli::command::<CycleGanOptions>())
        .subcommand(net::command())
        .subcommand(bench::command())
        .subcommand(data::command());
    let matches = match cli::parse(command, std::env::args_os()) {
        Ok(matches) => matches,
        Err(code) => return code,
    };
    match matches.subcommand() {
        Some((GanOptions::NAME, matches)) => cli::main::<GanOptions>(matches),
        Some((loss::NAME, matches)) => end(loss::main(matches)),
        Some((metric::NAME, matches)) => end(metric::main(matches)),
        Some((SegmentOptions::NAME, matches)) => cli::main::<SegmentOptions>(matches),
        Some((CycleGanOptions::NAME, matches)) => cli::main::<CycleGanOptions>(matches),
        Some((net::NAME, matches)) => end(net::main(matches)),
        Some((bench::NAME, matches)) => end(bench::main(matches)),
        Some((data::NAME, matches)) => data::main(matches),
        _ => unreachable!("clap lets no other subcommand through"),
    }
}
