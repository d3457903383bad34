//! The one command.

mod bench;
mod catalogue;
mod data;
mod loss;
mod metric;
mod net;
mod shell;

use std::process::ExitCode;

use clap::{ArgMatches, Command};
use gobelin_cyclegan::CycleGanOptions;
use gobelin_facenet::FaceNetOptions;
use gobelin_gan::GanOptions;
use gobelin_harness::{Error, Recipe, cli, end};
use gobelin_segment::SegmentOptions;
use gobelin_style::StyleOptions;
use gobelin_superres::SuperresOptions;

/// One of the things the command does.
struct Subcommand {
    name: &'static str,
    command: fn() -> Command,
    main: fn(&ArgMatches) -> ExitCode,
}

const fn trainer<R: Recipe>() -> Subcommand {
    Subcommand { name: R::NAME, command: cli::command::<R>, main: cli::main::<R> }
}

/// In the order of the help.
const SUBCOMMANDS: &[Subcommand] = &[
    trainer::<GanOptions>(),
    trainer::<CycleGanOptions>(),
    trainer::<FaceNetOptions>(),
    trainer::<StyleOptions>(),
    trainer::<SuperresOptions>(),
    trainer::<SegmentOptions>(),
    Subcommand { name: loss::NAME, command: loss::command, main: |matches| end(loss::main(matches)) },
    Subcommand { name: metric::NAME, command: metric::command, main: |matches| end(metric::main(matches)) },
    Subcommand { name: net::NAME, command: net::command, main: |matches| end(net::main(matches)) },
    Subcommand { name: bench::NAME, command: bench::command, main: |matches| end(bench::main(matches)) },
    Subcommand { name: data::NAME, command: data::command, main: data::main },
];

fn main() -> ExitCode {
    gobelin_kernels::keep_large_blocks_mapped();
    let command = Command::new("gobelin")
        .about("Trains the losses of computer vision: pictures woven from a tape")
        .version(env!("CARGO_PKG_VERSION"))
        .subcommand_required(true)
        .subcommands(SUBCOMMANDS.iter().map(|subcommand| (subcommand.command)()));
    let matches = match cli::parse(command, std::env::args_os()) {
        Ok(matches) => matches,
        Err(code) => return code,
    };
    if let Err(message) = gobelin_kernels::cpu::simd::asked() {
        return end(Err(Error::Call(message)));
    }
    let (name, matches) = matches.subcommand().expect("clap requires one");
    let subcommand = SUBCOMMANDS.iter().find(|subcommand| subcommand.name == name);
    (subcommand.expect("clap lets no other through").main)(matches)
}
