//! One run from its options to its last line.

use crate::checkpoint::{Checkpoints, Saved};
use crate::config::Config;
use crate::directory::RunDirectory;
use crate::error::Error;
use crate::events::Events;
use crate::files;
use crate::metrics::{Line, Metrics};
use crate::options::{Given, Interval, RunOptions};
use crate::progress::{Progress, spell, tell};
use crate::records::{Histogram, Value};
use crate::report;
use crate::signals::Stop;
use crate::state::State;
use crate::tool::on_device;
use crate::trainer::{Recipe, StepReport, Trainer};
use crate::warnings::Warnings;
use gobelin_nets::weights::{self, Stored};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How a run ended that did not fail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// All steps are done.
    Finished {
        /// The run directory.
        directory: PathBuf,
        /// The last line for the user.
        line: String,
    },
    /// It was asked to stop, and its state is saved.
    Stopped {
        /// The run directory.
        directory: PathBuf,
        /// How to go on, in one line.
        line: String,
    },
}

/// Runs what the command line asks for: a new run, or the rest of one.
///
/// # Errors
/// The run could not begin or not go on; see [`Error`].
pub fn run<R: Recipe>(run: RunOptions, own: R, given: &Given, stop: &Stop) -> Result<Outcome, Error> {
    // What a graphics card fails with ends the run as any error does; what was saved is on disk.
    on_device(|| if run.resume { resume(&run, &own, given, stop) } else { begin(run, own, given, stop) })
}

/// A trainer where the run computes.
fn build<R: Recipe>(own: &R, run: &RunOptions) -> Result<R::Trainer, Error> {
    let card = run.card()?;
    let mut trainer = own.build(run).map_err(Error::of_trainer)?;
    if card.is_some_and(|card| !trainer.to_device(&card)) {
        let message = format!(
            "--device {}: `gobelin {}` does not compute on a graphics card yet; use --device cpu",
            run.device,
            R::NAME
        );
        return Err(Error::Call(message));
    }
    Ok(trainer)
}

fn begin<R: Recipe>(mut run: RunOptions, mut own: R, given: &Given, stop: &Stop) -> Result<Outcome, Error> {
    if let Some(out) = &run.out {
        RunDirectory::must_be_free(out)?;
    }
    own.settle(&mut run, given).map_err(Error::of_trainer)?;
    let config = Config::of(&run, &own)?;
    // Before the directory is made, so that data that cannot be read leaves
    // nothing behind.
    let trainer = build(&own, &run)?;
    let directory = RunDirectory::create(run.out.as_deref(), R::NAME)?;
    config.write(directory.path())?;

    let checkpoints = Checkpoints::new(directory.path(), R::NAME);
    Sitting::new::<R>(trainer, &directory, run, &config, checkpoints, None)?.train(stop)
}

fn resume<R: Recipe>(call: &RunOptions, own: &R, given: &Given, stop: &Stop) -> Result<Outcome, Error> {
    let out = call.out.as_deref().ok_or_else(|| {
        Error::Call("--resume needs to know which run: add --out with its directory".into())
    })?;
    let mut config = Config::read(out, R::NAME)?;
    let directory = RunDirectory::open(out)?;
    let device = config.device();
    config.change(given, &Config::of(call, own)?, out)?;
    let (run, own) = config.options::<R>(out)?;

    let mut checkpoints = Checkpoints::new(out, R::NAME);
    let found = checkpoints.load()?;
    if let Some(found) = &found {
        config.must_agree(&found.saved.config, out)?;
        if found.saved.step > run.steps {
            return Err(Error::Config {
                path: Config::path(out),
                found: format!("steps is {}, but {} are done", run.steps, found.saved.step),
                advice: format!("add --steps {} or more", found.saved.step),
            });
        }
    }
    let saved = found.as_ref().map(|found| found.saved.step);
    let restored = on_device(|| {
        let mut trainer = build(&own, &run)?;
        if let Some(found) = &found {
            let misfit = |source| Error::State { directory: out.to_owned(), source };
            trainer.load(&found.saved.state).map_err(misfit)?;
        }
        Ok(trainer)
    });
    let trainer = restored.map_err(|error| match (error, saved) {
        (Error::Trainer(source), Some(saved)) => {
            Error::interrupted(None, source, saved, &checkpoints.newest(), &resumption(R::NAME, out))
        }
        (error, _) => error,
    })?;
    if let Some(notice) = found.and_then(|found| found.notice) {
        tell(&notice);
    }
    config.write(out)?;
    let saved_step = saved.unwrap_or(0);
    tell(&if device == config.device() {
        format!("resuming after step {saved_step}")
    } else {
        let now = config.device();
        format!(
            "resuming after step {saved_step} on {now}, no longer on {device}: results go on as {now} rounds"
        )
    });
    Sitting::new::<R>(trainer, &directory, run, &config, checkpoints, saved)?.train(stop)
}

/// The call that goes on with a run.
fn resumption(trainer: &str, directory: &Path) -> String {
    format!("gobelin {trainer} --out {} --resume", directory.display())
}

/// A run from when it is begun or resumed until the process ends.
struct Sitting<'a, T> {
    trainer: T,
    name: &'static str,
    directory: &'a Path,
    run: RunOptions,
    config: String,
    checkpoints: Checkpoints,
    metrics: Metrics,
    events: Events,
    progress: Progress,
    warnings: Warnings,
    /// Steps done.
    step: u64,
    /// Steps done when the state on disk was saved, if one was.
    saved: Option<u64>,
    saved_at: Instant,
    begun: Instant,
    seconds_before: f64,
}

impl<'a, T: Trainer> Sitting<'a, T> {
    fn new<R: Recipe<Trainer = T>>(
        trainer: T,
        directory: &'a RunDirectory,
        run: RunOptions,
        config: &Config,
        checkpoints: Checkpoints,
        saved: Option<u64>,
    ) -> Result<Sitting<'a, T>, Error> {
        let done = saved.unwrap_or(0);
        let directory = directory.path();
        let samples = directory.join("samples");
        fs::create_dir_all(&samples).map_err(|source| Error::file("create", &samples, source))?;
        let metrics = Metrics::open(directory, done)?;
        tell(&format!(
            "{}: {} steps of {} from {}, seed {}, in {}",
            R::NAME,
            run.steps,
            run.batch,
            run.data,
            run.seed,
            directory.display()
        ));
        Ok(Sitting {
            seconds_before: metrics.seconds(),
            events: Events::open(directory, done)?,
            metrics,
            progress: Progress::new(done, run.steps),
            warnings: Warnings::default(),
            step: done,
            saved,
            saved_at: Instant::now(),
            begun: Instant::now(),
            name: R::NAME,
            config: config.text(),
            trainer,
            directory,
            run,
            checkpoints,
        })
    }

    fn train(mut self, stop: &Stop) -> Result<Outcome, Error> {
        let outcome = on_device(|| {
            if self.saved.is_none() {
                // Shows at once whether states can be saved here, not after the
                // first hour.
                self.save()?;
            }
            let stopped = self.steps(stop)?;
            self.progress.finish();
            if stopped { self.stopped() } else { self.finish() }
        });
        self.progress.finish();
        outcome.map_err(|error| self.interrupted(error))
    }

    /// An error that ends the run, with what is left of it.
    fn interrupted(&self, error: Error) -> Error {
        match (error, self.saved) {
            (Error::Trainer(source), Some(saved)) => Error::interrupted(
                Some(self.step),
                source,
                saved,
                &self.checkpoints.newest(),
                &self.resumption(),
            ),
            (error, _) => error,
        }
    }

    /// The call that goes on with this run.
    fn resumption(&self) -> String {
        resumption(self.name, self.directory)
    }

    /// Trains until all steps are done, or a stop is requested: then true.
    fn steps(&mut self, stop: &Stop) -> Result<bool, Error> {
        while self.step < self.run.steps {
            if stop.requested() {
                return Ok(true);
            }
            let step = self.step + 1;
            let report = self.trainer.step(step).map_err(Error::of_trainer)?;
            self.step = step;
            self.must_be_finite(&report)?;
            for warning in self.warnings.begun(step, &report.warnings) {
                self.progress.tell(&format!("step {step}: {warning}"));
            }
            for note in &report.notes {
                self.progress.tell(&format!("step {step}: {note}"));
            }
            let sampled = step.is_multiple_of(self.run.sample_every) || step == self.run.steps;
            let metrics =
                if sampled { self.trainer.evaluate().map_err(Error::of_trainer)? } else { Vec::new() };
            let logged = step == 1 || step.is_multiple_of(self.run.log_every);
            if logged || !metrics.is_empty() {
                let kinds = report.warnings.iter().map(|(kind, _)| *kind).collect();
                self.log(report.scalars().chain(&metrics).collect(), kinds, false)?;
            }
            self.progress.show(step, &report.losses, logged);
            if sampled {
                self.sample()?;
            }
            let due = match self.run.checkpoint_every {
                Interval::Steps(steps) => step.is_multiple_of(steps),
                Interval::Time(time) => self.saved_at.elapsed() >= time,
            };
            if due || step == self.run.steps {
                self.save()?;
            }
        }
        Ok(false)
    }

    fn must_be_finite(&self, report: &StepReport) -> Result<(), Error> {
        match report.losses.iter().find(|(_, value)| !value.is_finite()) {
            None => Ok(()),
            Some((name, value)) => Err(self.not_finite(name.clone(), *value)),
        }
    }

    fn not_finite(&self, what: String, value: f64) -> Error {
        let mut norms = self.trainer.gradient_norms();
        // Those that are not finite themselves first, then the largest.
        norms.sort_by(|(_, a), (_, b)| b.is_nan().cmp(&a.is_nan()).then(b.total_cmp(a)));
        let largest: Vec<String> =
            norms.iter().take(5).map(|(name, norm)| format!("{name} {norm:.3e}")).collect();
        let norms = if largest.is_empty() {
            String::new()
        } else {
            format!(", the largest gradient norms are {}", largest.join(", "))
        };
        let saved = match self.saved {
            Some(step) => format!(
                "the last good state, of step {step}, is in {}; try a smaller learning rate in a new run",
                self.checkpoints.newest().display()
            ),
            None => "nothing was saved".into(),
        };
        Error::NotFinite { step: self.step, what, value, norms, saved }
    }

    fn seconds(&self) -> f64 {
        self.seconds_before + self.begun.elapsed().as_secs_f64()
    }

    fn log(
        &mut self,
        scalars: Vec<&(String, f64)>,
        warnings: Vec<&'static str>,
        summary: bool,
    ) -> Result<(), Error> {
        // The summary's metrics belong to a step that TensorBoard has been told of.
        if !summary {
            let values: Vec<(&str, Value)> =
                scalars.iter().map(|(name, value)| (name.as_str(), Value::Scalar(*value as f32))).collect();
            self.events.write(self.step, &values)?;
        }
        let seconds = self.seconds();
        self.metrics.write(&Line { step: self.step, seconds, scalars, warnings, summary })
    }

    /// Pictures, and how the weights are distributed.
    fn sample(&mut self) -> Result<(), Error> {
        for grid in self.trainer.samples().map_err(Error::of_trainer)? {
            let png = grid.png();
            let path = self.directory.join(format!("samples/{}-{:06}.png", grid.name(), self.step));
            fs::write(&path, &png.bytes).map_err(|source| Error::file("write", &path, source))?;
            self.events.write(self.step, &[(format!("samples/{}", grid.name()), Value::Image(&png))])?;
        }
        for (file, weights) in self.trainer.export() {
            let stem = file.trim_end_matches(".safetensors");
            let histogram = |(name, stored): (&String, &Stored)| {
                Some((format!("{stem}/{name}"), Value::Histogram(Histogram::of(&stored.floats()?)?)))
            };
            let values: Vec<(String, Value)> = weights.iter().filter_map(histogram).collect();
            self.events.write(self.step, &values)?;
        }
        Ok(())
    }

    fn save(&mut self) -> Result<(), Error> {
        let mut state = State::new();
        self.trainer.save(&mut state);
        // A loss shows a step late what an update has done to the weights.
        if let Some((name, value)) = state.first_not_finite() {
            return Err(self.not_finite(name.to_owned(), f64::from(value)));
        }
        // What was logged up to here must not be lost where the state is not.
        self.metrics.sync()?;
        self.events.sync()?;
        let (trainer, config) = (self.name.to_owned(), self.config.clone());
        self.checkpoints.save(&Saved { trainer, step: self.step, config, state })?;
        self.saved = Some(self.step);
        self.saved_at = Instant::now();
        Ok(())
    }

    /// Writes what was made, the weights last, and returns the files' names.
    fn export(&mut self) -> Result<Vec<String>, Error> {
        let mut files = self.trainer.files().map_err(Error::of_trainer)?;
        let weights = self.trainer.export().into_iter();
        files.extend(weights.map(|(name, tensors)| (name, weights::to_bytes(&tensors))));
        for (name, bytes) in &files {
            files::replace_with(&self.directory.join(name), bytes)?;
        }
        Ok(files.into_iter().map(|(name, _)| name).collect())
    }

    fn stopped(&mut self) -> Result<Outcome, Error> {
        if self.saved != Some(self.step) {
            self.save()?;
        }
        self.export()?;
        let done = format!("Stopped after step {} of {}.", self.step, self.run.steps);
        report::write(self.directory, self.name, &done)?;
        let directory = self.directory.to_owned();
        let line = format!(
            "stopped after step {} of {}; continue with: {}",
            self.step,
            self.run.steps,
            self.resumption()
        );
        Ok(Outcome::Stopped { directory, line })
    }

    fn finish(&mut self) -> Result<Outcome, Error> {
        let mut files = self.export()?;
        for (name, text) in self.trainer.reports().map_err(Error::of_trainer)? {
            files::replace_with(&self.directory.join(&name), text.as_bytes())?;
            files.push(name);
        }
        let summary = self.trainer.summary().map_err(Error::of_trainer)?;
        self.log(summary.metrics.iter().collect(), Vec::new(), true)?;
        let done = format!(
            "{}; {} steps in {}",
            summary.line,
            self.step,
            spell(Duration::from_secs_f64(self.seconds()))
        );
        report::write(self.directory, self.name, &done)?;
        let directory = self.directory.to_owned();
        let line = format!(
            "{done}; all in {}: report.html, samples/, metrics.jsonl, {}",
            directory.display(),
            files.join(", ")
        );
        Ok(Outcome::Finished { directory, line })
    }
}
