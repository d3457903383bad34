//! A trainer as small as one can be that still has everything a state may
//! hold: numbers, an average, a pool, a position, a schedule, a generator.

use gobelin_harness::{
    Defaults, Error, Failure, Given, Grid, Recipe, RunOptions, State, StateError, StepReport, Summary,
    Trainer, cli,
};
use gobelin_nets::weights::{Stored, Weights};
use rand::RngExt;
use rand::rngs::ChaCha8Rng;
use safetensors::Dtype;
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::thread::sleep;
use std::time::Duration;

/// Makes numbers follow a moving target.
#[derive(Clone, Debug, clap::Args, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Toy {
    /// How many numbers there are
    #[arg(long, default_value_t = 8)]
    pub size: usize,
    /// Learning rate
    #[arg(long, default_value_t = 2e-4)]
    pub rate: f32,
    /// Learning rate of the average [default: a tenth of the rate]
    #[arg(long)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub average_rate: Option<f32>,
    /// Microseconds that a step takes
    #[arg(long, default_value_t = 0)]
    pub pause: u64,
    /// The step at which the loss is not finite
    #[arg(long)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub explode_at: Option<u64>,
    /// The step at which a weight is not finite, but no loss yet
    #[arg(long)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub poison_at: Option<u64>,
}

impl Recipe for Toy {
    type Trainer = ToyTrainer;
    const NAME: &'static str = "toy";
    const ABOUT: &'static str = "Follow a moving target";
    const DEFAULTS: Defaults =
        Defaults { data: "drawn", steps: 20, batch: 4, log_every: 5, sample_every: 10 };

    fn settle(&mut self, run: &mut RunOptions, given: &Given) -> Result<(), Failure> {
        self.average_rate.get_or_insert(self.rate / 10.0);
        if self.size == 13 && !given.contains("steps") {
            run.steps = 13;
        }
        Ok(())
    }

    fn build(&self, run: &RunOptions) -> Result<ToyTrainer, Failure> {
        if run.data != "drawn" {
            return Err(Error::Call(format!("--data {}: no such data, expected drawn", run.data)).into());
        }
        Ok(ToyTrainer {
            options: self.clone(),
            weights: vec![0.0; self.size],
            average: vec![0.0; self.size],
            pool: vec![0; 16],
            position: 0,
            phase: "rising".into(),
            generator: run.generator(0),
        })
    }
}

pub struct ToyTrainer {
    options: Toy,
    weights: Vec<f32>,
    average: Vec<f32>,
    pool: Vec<u8>,
    position: usize,
    phase: String,
    generator: ChaCha8Rng,
}

impl Trainer for ToyTrainer {
    fn step(&mut self, step: u64) -> Result<StepReport, Failure> {
        sleep(Duration::from_micros(self.options.pause));
        let mut loss = 0.0;
        let rising = self.phase == "rising";
        for (weight, average) in self.weights.iter_mut().zip(&mut self.average) {
            let noise: f32 = self.generator.random();
            let target = if rising { noise } else { -noise };
            loss += (target - *weight).powi(2);
            *weight += self.options.rate * (target - *weight);
            *average += self.options.average_rate.unwrap() * (*weight - *average);
        }
        self.pool[self.position] = self.pool[self.position].wrapping_add(self.generator.random());
        self.position = (self.position + 1) % self.pool.len();
        if self.position == 0 {
            self.phase = if rising { "falling".into() } else { "rising".into() };
        }
        if self.options.poison_at == Some(step) {
            self.weights[1] = f32::NAN;
        }
        let loss = if self.options.explode_at == Some(step) { f32::INFINITY } else { loss };
        let report = StepReport::new().loss("loss", loss).diagnostic("pool", self.pool[0]);
        Ok(if rising { report } else { report.warning("falling", "the target is falling") })
    }

    fn gradient_norms(&self) -> Vec<(String, f32)> {
        [("small", 0.5), ("nan", f32::NAN), ("large", 7e9), ("c", 0.3), ("d", 0.2), ("e", 0.1)]
            .map(|(name, norm)| (name.to_owned(), norm))
            .into()
    }

    fn save(&self, state: &mut State) {
        let size = [self.options.size];
        state.put_floats("weights", &size, &self.weights[..]);
        state.put_floats("average", &size, &self.average[..]);
        state.put_bytes("pool", &self.pool[..]);
        state.put_integer("position", self.position as i64);
        state.put_text("phase", &self.phase);
        state.put_generator("generator", &self.generator);
    }

    fn load(&mut self, state: &State) -> Result<(), StateError> {
        let size = [self.options.size];
        self.weights = state.floats("weights", &size)?.to_vec();
        self.average = state.floats("average", &size)?.to_vec();
        self.pool = state.bytes("pool")?.to_vec();
        self.position = state.integer("position")? as usize;
        state.text("phase")?.clone_into(&mut self.phase);
        self.generator = state.generator("generator")?;
        Ok(())
    }

    fn samples(&mut self) -> Result<Vec<Grid>, Failure> {
        Ok(vec![Grid::signed("weights", [8, 1, 1, 1], &self.weights[..8])])
    }

    fn evaluate(&mut self) -> Result<Vec<(String, f64)>, Failure> {
        Ok(vec![("mean".into(), f64::from(self.weights.iter().sum::<f32>()) / self.options.size as f64)])
    }

    fn export(&mut self) -> Vec<(String, Weights)> {
        let weight = Stored {
            dtype: Dtype::F32,
            shape: vec![self.options.size, 1],
            bytes: self.weights.iter().flat_map(|value| value.to_le_bytes()).collect(),
        };
        let count = Stored { dtype: Dtype::I64, shape: Vec::new(), bytes: 3i64.to_le_bytes().to_vec() };
        let tensors = [("main.0.weight".into(), weight), ("main.1.num_batches_tracked".into(), count)];
        vec![("toy.safetensors".into(), tensors.into())]
    }

    fn summary(&mut self) -> Result<Summary, Failure> {
        Ok(Summary { metrics: vec![("final".into(), 0.25)], line: "the toy is made".into() })
    }
}

/// The same trainer under another name.
#[derive(Clone, Debug, clap::Args, Serialize, Deserialize)]
pub struct Other {
    #[command(flatten)]
    #[serde(flatten)]
    toy: Toy,
}

impl Recipe for Other {
    type Trainer = ToyTrainer;
    const NAME: &'static str = "other";
    const ABOUT: &'static str = "Another toy";
    const DEFAULTS: Defaults = Toy::DEFAULTS;

    fn build(&self, run: &RunOptions) -> Result<ToyTrainer, Failure> {
        self.toy.build(run)
    }
}

const WORDS: &str = "GOBELIN_TOY_WORDS";

/// To be called by a test named `toy_process`: where the environment asks for
/// it, this process becomes the command `gobelin`.
pub fn become_the_command() {
    let Ok(words) = std::env::var(WORDS) else { return };
    let command = clap::Command::new("gobelin")
        .subcommand_required(true)
        .subcommand(cli::command::<Toy>())
        .subcommand(cli::command::<Other>());
    let words = ["gobelin"].into_iter().chain(words.split_whitespace());
    let code = match cli::parse(command, words.map(Into::into)) {
        Err(code) => code,
        Ok(matches) => match matches.subcommand() {
            Some(("toy", matches)) => cli::main::<Toy>(matches),
            Some(("other", matches)) => cli::main::<Other>(matches),
            _ => unreachable!("a subcommand is required"),
        },
    };
    // An exit code can be handed on only by ending `main`, which a test's is not.
    let number = (0..=255).find(|number| std::process::ExitCode::from(*number) == code);
    std::process::exit(i32::from(number.expect("codes are bytes")));
}

/// The command `gobelin WORDS` in `directory`, as a process of its own.
pub fn gobelin(directory: &Path, words: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["toy_process", "--exact", "--nocapture"]);
    command.current_dir(directory).env(WORDS, words);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs `gobelin WORDS`: its exit code, and its lines on standard error.
pub fn call(directory: &Path, words: &str) -> (i32, Vec<String>) {
    told(&gobelin(directory, words).output().unwrap())
}

pub fn told(output: &Output) -> (i32, Vec<String>) {
    let lines = String::from_utf8_lossy(&output.stderr).lines().map(str::to_owned).collect();
    (output.status.code().unwrap_or(-1), lines)
}
