//! What came out, as a table, as JSON and in one line.

use std::fmt::Write;

use serde_json::{Map, json};

use crate::judge::Scores;

/// The metrics of the claim: Betti errors and quality.
const CLAIMED: [&str; 3] = ["betti-0-error", "betti-1-error", "quality"];

/// What one side came to.
pub struct SideResult {
    /// Of each seed.
    pub scores: Vec<Scores>,
    /// In the last sitting, mean.
    pub seconds_per_update: f64,
}

impl SideResult {
    /// A metric of each seed.
    fn of(&self, metric: &str) -> Vec<f64> {
        self.scores.iter().map(|scores| scores.get(metric)).collect()
    }
}

/// Both sides, and what they had in common.
pub struct Table {
    /// The loss of pixels alone.
    pub pixel: SideResult,
    /// With the topology loss.
    pub both: SideResult,
    /// Updates of the first for each of the second.
    pub ratio: f64,
    /// Updates of the second.
    pub steps: u64,
    /// Held-out pictures.
    pub pictures: usize,
    /// Data, network and losses, for reading.
    pub call: String,
}

/// Mean and standard deviation over seeds.
fn spread(values: &[f64]) -> (f64, f64) {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    (mean, (squares / (count - 1.0).max(1.0)).sqrt())
}

/// How a metric of both sides compares.
struct Row {
    name: &'static str,
    pixel: Vec<f64>,
    both: Vec<f64>,
    /// By how much the mean is better with the topology loss.
    gain: f64,
    /// Seeds that are better with it.
    better: usize,
}

impl Table {
    fn rows(&self) -> impl Iterator<Item = Row> {
        Scores::names().map(|(name, more)| {
            let (pixel, both) = (self.pixel.of(name), self.both.of(name));
            let sign = if more { 1.0 } else { -1.0 };
            let gain = sign * (spread(&both).0 - spread(&pixel).0);
            let better =
                pixel.iter().zip(&both).filter(|(pixel, both)| sign * (*both - *pixel) > 0.0).count();
            Row { name, pixel, both, gain, better }
        })
    }

    /// What became of the claim, in one line.
    pub fn verdict(&self) -> String {
        let mut line = format!(
            "with the topology loss, against the loss of pixels alone in the same time, {} seeds:",
            self.both.scores.len()
        );
        let mut holds = true;
        for row in self.rows().filter(|row| CLAIMED.contains(&row.name)) {
            let word = if row.gain > 0.0 { "better" } else { "not better" };
            holds &= row.gain > 0.0;
            let (both, pixel) = (spread(&row.both).0, spread(&row.pixel).0);
            let _ = write!(line, " {} {both:.3} against {pixel:.3} ({word}),", row.name);
        }
        let end = if holds {
            "the claim that it betters all three holds here"
        } else {
            "the claim that it betters all three does NOT hold here"
        };
        format!("{line} so {end}; compare.md has the table")
    }

    /// The file compare.md.
    pub fn markdown(&self) -> String {
        let seeds = self.both.scores.len();
        let [pixel_updates, both_updates] = [(self.steps as f64 * self.ratio) as u64, self.steps];
        let [pixel_seconds, both_seconds] = [
            pixel_updates as f64 * self.pixel.seconds_per_update,
            both_updates as f64 * self.both.seconds_per_update,
        ];
        let mut text = format!(
            "# Pixel loss alone against pixel and topology loss\n\n{}.\nThe same network, data and time from {seeds} seeds \
             each; mean and standard deviation over seeds, on {} held-out pictures.\n\n\
             | | pixel loss | pixel and topology loss | better with it |\n|---|---|---|---|\n\
             | updates | {pixel_updates} | {both_updates} | |\n\
             | seconds of training each | {pixel_seconds:.0} | {both_seconds:.0} | |\n",
            self.call, self.pictures
        );
        for row in self.rows() {
            let cell = |values: &[f64]| {
                let (mean, deviation) = spread(values);
                format!("{mean:.4} ± {deviation:.4}")
            };
            let _ = writeln!(
                text,
                "| {} | {} | {} | {} ({} of {seeds} seeds) |",
                row.name,
                cell(&row.pixel),
                cell(&row.both),
                if row.gain > 0.0 { "yes" } else { "no" },
                row.better
            );
        }
        let _ = writeln!(text, "\n{}.", self.verdict());
        text
    }

    /// The file compare.json.
    pub fn json(&self) -> String {
        let metrics: Map<String, serde_json::Value> = self
            .rows()
            .map(|row| {
                let side = |values: &[f64]| {
                    let (mean, deviation) = spread(values);
                    json!({"mean": mean, "deviation": deviation, "seeds": values})
                };
                let value = json!({
                    "pixel": side(&row.pixel),
                    "topology": side(&row.both),
                    "better": row.gain > 0.0,
                    "seeds-better": row.better,
                });
                (row.name.to_owned(), value)
            })
            .collect();
        let whole = json!({
            "setting": self.call,
            "held-out": self.pictures,
            "updates": {"pixel": (self.steps as f64 * self.ratio) as u64, "topology": self.steps},
            "seconds-per-update":
                {"pixel": self.pixel.seconds_per_update, "topology": self.both.seconds_per_update},
            "metrics": metrics,
        });
        format!("{whole:#}\n")
    }
}
