//! The flags that mean the same in every trainer.

use crate::error::Error;
use crate::tool::Compute;
use gobelin_kernels::cuda;
use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

/// The shared flags. Their defaults come from each trainer's
/// [`crate::Defaults`].
#[derive(Clone, Debug, PartialEq, clap::Args, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct RunOptions {
    /// What to train on: a kind of data and where it lies
    #[arg(long, value_name = "KIND[:PATH]")]
    pub data: String,
    /// Steps to train, counted from the very beginning
    #[arg(long, value_name = "N", value_parser = positive::<u64>)]
    pub steps: u64,
    /// Samples in a batch
    #[arg(long, value_name = "N", value_parser = positive::<usize>)]
    pub batch: usize,
    /// Seed of everything random
    #[arg(long, value_name = "S", default_value_t = 0, value_parser = clap::value_parser!(u64).range(..=i64::MAX as u64))]
    pub seed: u64,
    /// Threads to compute with; results do not depend on it [default: all cores]
    #[arg(long, value_name = "T", value_parser = threads)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub threads: Option<usize>,
    /// Where to compute: cpu, cuda, or cuda:N for the N-th card
    #[arg(long, value_name = "DEVICE", default_value_t = Device::Cpu)]
    pub device: Device,
    /// Only algorithms that round as the plain sums do (no Winograd, no TF32): slower
    #[arg(long)]
    pub exact: bool,
    /// Steps between lines of metrics.jsonl and points in TensorBoard
    #[arg(long, value_name = "N", value_parser = positive::<u64>)]
    pub log_every: u64,
    /// Steps between grids of samples
    #[arg(long, value_name = "N", value_parser = positive::<u64>)]
    pub sample_every: u64,
    /// Steps (500) or time (30s, 5m, 1h) between checkpoints
    // Five minutes are what a crash may cost, whatever a step costs.
    #[arg(long, value_name = "N|TIME", default_value_t = Interval::Time(Duration::from_mins(5)))]
    pub checkpoint_every: Interval,
    /// The run directory [default: the first unused runs/TRAINER-N]
    #[arg(long, value_name = "DIR")]
    #[serde(skip)]
    pub out: Option<PathBuf>,
    /// Continue the run in --out, with the options it was begun with
    #[arg(long)]
    #[serde(skip)]
    pub resume: bool,
}

/// Keys that may change when a run is resumed, since no result depends on them, but for what devices round differently.
pub(crate) const FREE_KEYS: [&str; 6] =
    ["steps", "threads", "device", "log-every", "sample-every", "checkpoint-every"];

impl RunOptions {
    /// The graphics card that the run computes on, as exactly as asked for; none where that is the CPU.
    ///
    /// # Errors
    /// If there is no such card, or it cannot be used.
    pub fn card(&self) -> Result<Option<cuda::Device>, Error> {
        self.compute().card()
    }

    /// What they say of where and how exactly to compute.
    pub(crate) fn compute(&self) -> Compute {
        Compute { threads: self.threads, device: self.device, exact: self.exact }
    }

    /// A random generator of this run. Each use takes a stream of its own, so
    /// that how much one draws does not change what another draws.
    pub fn generator(&self, stream: u64) -> ChaCha8Rng {
        let mut generator = ChaCha8Rng::seed_from_u64(self.seed);
        generator.set_stream(stream);
        generator
    }
}

fn positive<T: FromStr + PartialOrd + From<u8>>(text: &str) -> Result<T, String> {
    let number = text.parse().ok().filter(|number| *number >= T::from(1));
    number.ok_or_else(|| "expected a whole number of 1 or more".into())
}

/// More threads than the largest machines have cores are a slip of the finger that would hang the machine.
pub(crate) fn threads(text: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|number| (1..=1024).contains(number));
    number.ok_or_else(|| "expected a whole number of 1 to 1024".into())
}

/// The flags that were given on the command line, by name without dashes.
#[derive(Clone, Debug, Default)]
pub struct Given(pub(crate) BTreeSet<String>);

impl Given {
    /// Whether `--flag` was given.
    pub fn contains(&self, flag: &str) -> bool {
        self.0.contains(flag)
    }
}

/// Where to compute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Device {
    /// The processor.
    Cpu,
    /// The graphics card with this number.
    Cuda(usize),
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Device::Cpu => f.write_str("cpu"),
            Device::Cuda(0) => f.write_str("cuda"),
            Device::Cuda(number) => write!(f, "cuda:{number}"),
        }
    }
}

impl FromStr for Device {
    type Err = String;

    fn from_str(text: &str) -> Result<Device, String> {
        match text {
            "cpu" => Ok(Device::Cpu),
            "cuda" => Ok(Device::Cuda(0)),
            _ => text
                .strip_prefix("cuda:")
                .and_then(|number| number.parse().ok())
                .map(Device::Cuda)
                .ok_or_else(|| "expected cpu, cuda or cuda:N".into()),
        }
    }
}

impl From<Device> for String {
    fn from(device: Device) -> String {
        device.to_string()
    }
}

impl TryFrom<String> for Device {
    type Error = String;

    fn try_from(text: String) -> Result<Device, String> {
        text.parse()
    }
}

/// How far apart checkpoints are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Interval {
    /// Every so many steps.
    Steps(u64),
    /// At the first step after so much time.
    Time(Duration),
}

impl fmt::Display for Interval {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Interval::Steps(steps) => write!(f, "{steps}"),
            Interval::Time(time) => match time.as_secs() {
                seconds if seconds % 3600 == 0 => write!(f, "{}h", seconds / 3600),
                seconds if seconds % 60 == 0 => write!(f, "{}m", seconds / 60),
                seconds => write!(f, "{seconds}s"),
            },
        }
    }
}

impl FromStr for Interval {
    type Err = String;

    fn from_str(text: &str) -> Result<Interval, String> {
        let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
        let seconds = match unit {
            "" => None,
            "s" => Some(1),
            "m" => Some(60),
            "h" => Some(3600),
            _ => return Err("expected a number of steps (500) or a time (30s, 5m, 1h)".into()),
        };
        let number: u64 =
            number.parse().map_err(|_| "expected a number of steps (500) or a time (30s, 5m, 1h)")?;
        match seconds {
            _ if number == 0 => Err("expected 1 or more".into()),
            None => Ok(Interval::Steps(number)),
            Some(unit) => Ok(Interval::Time(Duration::from_secs(number.saturating_mul(unit)))),
        }
    }
}

impl From<Interval> for String {
    fn from(interval: Interval) -> String {
        interval.to_string()
    }
}

impl TryFrom<String> for Interval {
    type Error = String;

    fn try_from(text: String) -> Result<Interval, String> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_and_intervals_are_written_as_they_are_read() {
        for text in ["cpu", "cuda", "cuda:3"] {
            assert_eq!(text.parse::<Device>().unwrap().to_string(), text);
        }
        for text in ["1", "500", "30s", "5m", "2h", "90s"] {
            assert_eq!(text.parse::<Interval>().unwrap().to_string(), text);
        }
        for text in ["", "gpu", "cuda:", "cuda:-1", "cuda:x"] {
            assert!(text.parse::<Device>().is_err(), "{text}");
        }
        for text in ["", "m", "0", "0s", "5x", "-5", "1.5m", "5 m", "99999999999999999999"] {
            assert!(text.parse::<Interval>().is_err(), "{text}");
        }
    }

    #[test]
    fn each_stream_is_its_own() {
        use rand::Rng;
        let options = |seed| RunOptions {
            data: String::new(),
            steps: 1,
            batch: 1,
            seed,
            threads: None,
            device: Device::Cpu,
            exact: false,
            log_every: 1,
            sample_every: 1,
            checkpoint_every: Interval::Steps(1),
            out: None,
            resume: false,
        };
        let first = |seed, stream| options(seed).generator(stream).next_u64();
        assert_eq!(first(1, 2), first(1, 2));
        assert_ne!(first(1, 2), first(1, 3));
        assert_ne!(first(1, 2), first(2, 2));
    }
}
