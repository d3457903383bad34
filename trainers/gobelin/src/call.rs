//! What subcommands that train nothing share: where they compute, and how they end.

use std::process::ExitCode;

use clap::{Arg, ArgMatches, value_parser};
use gobelin_harness::{Device, Error, one_line, tell};

/// `--threads` and `--device`.
pub fn compute_arguments() -> [Arg; 2] {
    [
        Arg::new("threads")
            .long("threads")
            .value_name("T")
            .value_parser(value_parser!(u16).range(1..))
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
    threads: Option<u16>,
    device: Device,
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

    /// Whether this program can compute there.
    ///
    /// # Errors
    /// If it cannot.
    pub fn check(&self) -> Result<(), Error> {
        if self.device == Device::Cpu {
            return Ok(());
        }
        let message =
            format!("--device {}: this program was built without CUDA: use --device cpu", self.device);
        Err(Error::Call(message))
    }

    /// Makes this process compute so.
    ///
    /// # Errors
    /// If it cannot.
    pub fn begin(&self) -> Result<(), Error> {
        self.check()?;
        let Some(threads) = self.threads else { return Ok(()) };
        let built = rayon::ThreadPoolBuilder::new().num_threads(threads.into()).build_global();
        built.map_err(|error| Error::Call(format!("--threads {threads}: {error}")))
    }
}

/// The exit code of what a subcommand came to; an error is told in one line.
pub fn end(result: Result<ExitCode, Error>) -> ExitCode {
    result.unwrap_or_else(|error| {
        tell(&format!("error: {}", one_line(&error.to_string())));
        error.exit_code()
    })
}
