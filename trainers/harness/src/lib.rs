//! The loop all trainers share.
//!
//! A trainer writes its step ([`Trainer`]) and its flags ([`Recipe`]); from
//! here it gets the shared flags, the run directory, checkpoints that resume bit
//! for bit, metrics.jsonl, TensorBoard's files, sample grids, report.html, exported weights,
//! the progress bar, Ctrl-C and the stop at a loss that is not finite. What a step takes of the data it gets from [`Hands`], which on a
//! graphics card are dealt and sent while the step before is computed.
//!
//! The one command lists its trainers:
//!
//! ```no_run
//! use gobelin_harness::{Recipe, cli};
//! use std::process::ExitCode;
//!
//! fn gobelin<Gan: Recipe, CycleGan: Recipe>() -> ExitCode {
//!     let command = clap::Command::new("gobelin")
//!         .subcommand_required(true)
//!         .subcommand(cli::command::<Gan>())
//!         .subcommand(cli::command::<CycleGan>());
//!     match cli::parse(command, std::env::args_os()) {
//!         Err(code) => code,
//!         Ok(matches) => match matches.subcommand().expect("one is required") {
//!             (name, matches) if name == Gan::NAME => cli::main::<Gan>(matches),
//!             (_, matches) => cli::main::<CycleGan>(matches),
//!         },
//!     }
//! }
//! ```

pub mod checkpoint;
pub mod cli;
mod codec;
mod config;
mod conformance;
mod directory;
mod error;
mod events;
mod files;
mod grid;
mod hands;
mod memory;
mod metrics;
mod options;
mod origin;
mod parts;
mod progress;
mod records;
mod report;
mod run;
mod signals;
mod skipped;
mod state;
mod tool;
mod trainer;
mod vgg;
mod warnings;
mod work;

pub use conformance::{check_device, check_replay, check_resume, made};
pub use error::{Error, Failure, one_line};
pub use files::replace_with;
pub use grid::{Grid, Png};
pub use hands::{Dealer, Hands, Pictures};
pub use memory::available_memory;
pub use options::{Device, Given, Interval, RunOptions};
pub use origin::{Origin, check_pictures, put_pictures};
pub use progress::{spell, tell};
pub use run::{Outcome, run};
pub use signals::{STOPPED, Stop};
pub use skipped::Skipped;
pub use state::{Entry, State, StateError};
pub use tool::{Compute, Place, Tool, compute_arguments, end, exact_argument, on_device};
pub use trainer::{Defaults, Recipe, StepReport, Summary, Trainer};
pub use vgg::{VggOptions, features};
pub use work::{Work, apply_arguments, given_path, make_each, must_spare, work};
