//! Subcommands that train nothing: where they compute, and how they end.

use std::process::ExitCode;

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use gobelin_autograd::{Precision, Tensor};
use gobelin_kernels::cuda;
use gobelin_nets::{Module, to_device};

use crate::error::{Error, one_line};
use crate::options::{Device, threads};
use crate::progress::tell;

/// A subcommand of a trainer that uses what was trained, as `gobelin cyclegan apply` does.
#[derive(Clone, Copy)]
pub struct Tool {
    /// The subcommand; [`compute_arguments`] and [`exact_argument`] are added to it.
    pub command: fn() -> Command,
    /// Does it, there where it is to compute.
    pub main: fn(&ArgMatches, &Place) -> Result<(), Error>,
}

impl Tool {
    pub(crate) fn described(&self) -> Command {
        (self.command)().arg(exact_argument()).args(compute_arguments())
    }

    pub(crate) fn run(&self, matches: &ArgMatches) -> ExitCode {
        let begun = Compute::new(matches).begin();
        let done = begun.and_then(|place| on_device(|| (self.main)(matches, &place)));
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
            .help("Where to compute: cpu, cuda, or cuda:N for the N-th card"),
    ]
}

/// `--exact`.
pub fn exact_argument() -> Arg {
    Arg::new("exact")
        .long("exact")
        .action(ArgAction::SetTrue)
        .help("Only algorithms that round as the plain sums do (no Winograd, no TF32)")
}

/// What `--threads`, `--device` and `--exact` say.
pub struct Compute {
    /// Threads; all cores where not given.
    pub threads: Option<usize>,
    /// The device.
    pub device: Device,
    /// Whether algorithms that round differently are left out.
    pub exact: bool,
}

impl Compute {
    /// From the arguments of a subcommand with [`compute_arguments`], and perhaps [`exact_argument`].
    pub fn new(matches: &ArgMatches) -> Self {
        let device = *matches.get_one("device").expect("has a default");
        let exact = matches.try_get_one("exact").is_ok_and(|exact| exact == Some(&true));
        Self { threads: matches.get_one("threads").copied(), device, exact }
    }

    /// Threads and device again, for another process.
    pub fn arguments(&self) -> Vec<String> {
        let threads = self.threads.iter().flat_map(|threads| ["--threads".to_owned(), threads.to_string()]);
        threads.chain(["--device".to_owned(), self.device.to_string()]).collect()
    }

    /// The graphics card that is asked for, as exactly as asked for; none where it is the CPU.
    ///
    /// # Errors
    /// If there is no such card, or it cannot be used.
    pub fn card(&self) -> Result<Option<cuda::Device>, Error> {
        let Device::Cuda(number) = self.device else { return Ok(None) };
        let precision = if self.exact { Precision::F32 } else { Precision::Tf32 };
        match cuda::Device::card(number) {
            Ok(card) => Ok(Some(card.with_precision(precision))),
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
    /// If it cannot, or there is no such card.
    pub fn begin(&self) -> Result<Place, Error> {
        let pool =
            rayon::ThreadPoolBuilder::new().num_threads(self.threads.unwrap_or(0)).use_current_thread();
        match (pool.build_global(), self.threads) {
            (Err(error), Some(threads)) => Err(Error::Call(format!("--threads {threads}: {error}"))),
            _ => Ok(Place { card: self.card()?, exact: self.exact }),
        }
    }
}

/// Where a process computes, and how exactly.
#[derive(Clone, Debug, Default)]
pub struct Place {
    /// The graphics card; none is the host.
    pub card: Option<cuda::Device>,
    /// Whether algorithms that round differently are left out.
    pub exact: bool,
}

impl Place {
    /// Moves a net there: what is computed with it is computed there, wherever its inputs lie.
    pub fn take(&self, net: &dyn Module) {
        if let Some(card) = &self.card {
            to_device(net, card);
        }
    }

    /// The same values there.
    #[must_use]
    pub fn bring(&self, tensor: Tensor) -> Tensor {
        match &self.card {
            None => tensor,
            Some(card) => tensor.to_device(card),
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
