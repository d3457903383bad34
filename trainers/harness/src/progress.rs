//! What the user sees while a run goes on: a bar, or plain lines where the
//! output is no terminal.

use indicatif::{ProgressBar, ProgressStyle};
use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

/// Writes a line to standard error. A reader that has gone away, as `| head`
/// does, must not stop the run.
pub fn tell(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// The progress of one sitting.
pub struct Progress {
    bar: Option<ProgressBar>,
    steps: u64,
    first: u64,
    begun: Instant,
}

impl Progress {
    /// Begins at `done` of `steps` steps.
    pub fn new(done: u64, steps: u64) -> Progress {
        let bar = std::io::stderr().is_terminal().then(|| {
            let style = "{bar:24} {pos}/{len}  {msg}";
            ProgressBar::new(steps)
                .with_position(done)
                .with_style(ProgressStyle::with_template(style).expect("the template is right"))
        });
        Progress { bar, steps, first: done, begun: Instant::now() }
    }

    /// Shows that `step` steps are done; plain lines only at logged steps.
    pub fn show(&self, step: u64, losses: &[(String, f64)], logged: bool) {
        if let Some(bar) = &self.bar {
            bar.set_position(step);
            bar.set_message(self.describe(step, losses));
        } else if logged {
            tell(&format!("step {step}/{}  {}", self.steps, self.describe(step, losses)));
        }
    }

    /// Tells a line without disturbing the bar.
    pub fn tell(&self, line: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| tell(line)),
            None => tell(line),
        }
    }

    /// Takes the bar away.
    pub fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }

    fn describe(&self, step: u64, losses: &[(String, f64)]) -> String {
        use std::fmt::Write;
        let rate = (step - self.first) as f64 / self.begun.elapsed().as_secs_f64().max(1e-9);
        let left = Duration::try_from_secs_f64((self.steps - step) as f64 / rate).unwrap_or(Duration::MAX);
        let mut text = format!("{rate:.1} steps/s  {} left", spell(left));
        for (name, value) in losses {
            write!(text, "  {name} {value:.4}").expect("text takes text");
        }
        text
    }
}

/// A duration for reading: `42 s`, `3 min 20 s`, `5 h 10 min`.
pub fn spell(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
    }
}
