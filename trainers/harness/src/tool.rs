//! Subcommands that train nothing: where they compute, and how they end.

use std::process::ExitCode;

use clap::{Arg, ArgMatches, Command, value_parser};
use gobelin_kernels::cuda;

use crate::error::{Error, one_line};
use crate::options::{Device, threads};
use crate::progress::tell;

/// A subcommand of a trainer that uses what was trained, as `gobelin cyclegan apply` does.
#[derive(Clone, Copy)]
pub struct Tool {
    /// The subcommand; [`compute_arguments`] are added to it, and their wishes granted before `main`.
    pub command: fn() -> Command,
    /// Does it.
    pub main: fn(&ArgMatches) -> Result<(), Error>,
}

impl Tool {
    pub(crate) fn described(&self) -> Command {
        (self.command)().args(compute_arguments())
    }

    pub(crate) fn run(&self, matches: &ArgMatches) -> ExitCode {
        let done = Compute::new(matches).begin().and_then(|()| (self.main)(matches));
        end(done.map(|()| ExitCode::SUCCESS))
    }
}

/// `--threads` and `--device`.
pub fn compute_arguments() -> [Arg; 2] {
    [
        Arg::new("threads")
            .long("threads")
            .value_name("T")
            .value_parser(threads)
            .help("Threads to compute with [default: all cores]"),
        Arg::new("device")
            .long("device")
            .value_name("DEVICE")
            .default_value("cpu")
            .value_parser(value_parser!(Device))
            .help("Where to compute"),
    ]
}

/// What `--threads` and `--device` say.
pub struct Compute {
    /// Threads; all cores where not given.
    pub threads: Option<usize>,
    /// The device.
    pub device: Device,
}

impl Compute {
    /// From the arguments of a subcommand with [`compute_arguments`].
    pub fn new(matches: &ArgMatches) -> Self {
        let device = *matches.get_one("device").expect("has a default");
        Self { threads: matches.get_one("threads").copied(), device }
    }

    /// The same again, for another process.
    pub fn arguments(&self) -> Vec<String> {
        let threads = self.threads.iter().flat_map(|threads| ["--threads".to_owned(), threads.to_string()]);
        threads.chain(["--device".to_owned(), self.device.to_string()]).collect()
    }

    /// Whether a subcommand that knows no card can compute there.
    ///
    /// # Errors
    /// If it cannot.
    pub fn check(&self) -> Result<(), Error> {
        if self.device == Device::Cpu {
            return Ok(());
        }
        let message = format!(
            "--device {}: this command does not compute on a graphics card yet; use --device cpu",
            self.device
        );
        Err(Error::Call(message))
    }

    /// The graphics card that is asked for; none where it is the CPU.
    ///
    /// # Errors
    /// If there is no such card, or it cannot be used.
    pub fn card(&self) -> Result<Option<cuda::Device>, Error> {
        let Device::Cuda(number) = self.device else { return Ok(None) };
        match cuda::Device::card(number) {
            Ok(card) => Ok(Some(card)),
            // The call is wrong for this machine.
            Err(error) => Err(Error::Call(format!("--device {}: {error}", self.device))),
        }
    }

    /// Makes this process compute so.
    ///
    /// This thread becomes one of those that compute. Were it another, every kernel would begin with waking one of them and end with
    /// being woken, which took longer than many a kernel: normalising a map of 600 KB, 25 GB/s instead of 110.
    ///
    /// # Errors
    /// If it cannot.
    pub fn begin(&self) -> Result<(), Error> {
        self.check()?;
        self.begin_threads()
    }

    /// As [`Compute::begin`], wherever the values will lie.
    ///
    /// # Errors
    /// If it cannot.
    pub fn begin_threads(&self) -> Result<(), Error> {
        let pool =
            rayon::ThreadPoolBuilder::new().num_threads(self.threads.unwrap_or(0)).use_current_thread();
        match (pool.build_global(), self.threads) {
            (Err(error), Some(threads)) => Err(Error::Call(format!("--threads {threads}: {error}"))),
            _ => Ok(()),
        }
    }
}

/// Does what may compute on a graphics card.
///
/// # Errors
/// What `work` returns, or that the card failed: exit code 1.
pub fn on_device<R>(work: impl FnOnce() -> Result<R, Error>) -> Result<R, Error> {
    gobelin_autograd::attempt(work).map_err(|error| Error::Trainer(error.into()))?
}

/// The exit code of what a subcommand came to; an error is told in one line.
pub fn end(result: Result<ExitCode, Error>) -> ExitCode {
    result.unwrap_or_else(|error| {
        tell(&format!("error: {}", one_line(&error.to_string())));
        error.exit_code()
    })
}
