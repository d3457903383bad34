//! The loss of pixels alone against pixel and topology loss (`--compare`): does what VGG-19 sees make masks better?
//!
//! Both sides have the same network, seeds, data in the same order, and the same time: as an update with the topology loss
//! takes longer, the other side makes more updates for each. How many is measured before training and kept in config.toml, so
//! that the run can be repeated to the byte.

mod pace;
mod table;

use std::time::Instant;

use gobelin_autograd::Device;
use gobelin_datasets::Picture;
use gobelin_harness::{Failure, Grid, RunOptions, State, StateError, StepReport, Summary, Trainer};
use gobelin_nets::vgg19::Vgg19;
use gobelin_nets::weights::Weights;

use crate::judge::{Judge, Scores, bits};
use crate::options::SegmentOptions;
use crate::panels::Panels;
use crate::trainer::SHOWN;
use crate::training::Training;

pub use pace::measured_ratio;
use table::{SideResult, Table};

/// Seeds of each side: that of the run and those after it.
const SEEDS: u64 = 3;

/// The sides' names in metrics, files and the table.
const PIXEL: &str = "pixel";
const BOTH: &str = "topology";

/// One side: a loss, trained from several seeds.
struct Side {
    name: &'static str,
    trainings: Vec<Training>,
    scores: Option<Vec<Scores>>,
    /// In this sitting.
    seconds: f64,
    updates: u64,
}

impl Side {
    fn new(
        name: &'static str,
        make: impl Fn(u64) -> Result<Training, Failure>,
        seed: u64,
    ) -> Result<Self, Failure> {
        let trainings = (seed..seed + SEEDS).map(make).collect::<Result<_, _>>()?;
        Ok(Self { name, trainings, scores: None, seconds: 0.0, updates: 0 })
    }

    /// So many updates of each network; what the last told goes to `report`, as the mean over seeds.
    fn update(&mut self, times: u64, mut report: StepReport) -> Result<StepReport, Failure> {
        if times == 0 {
            return Ok(report);
        }
        self.scores = None;
        let begun = Instant::now();
        let (mut loss, mut pixel) = (0.0, 0.0);
        for (number, training) in self.trainings.iter_mut().enumerate() {
            for time in 0..times {
                let (learned, told) = training.update()?;
                if time + 1 == times {
                    loss += learned.loss / SEEDS as f32;
                    pixel += learned.pixel / SEEDS as f32;
                }
                for (kind, text) in told.warnings() {
                    report = report.warning(kind, format!("{} loss, network {number}: {text}", self.name));
                }
            }
        }
        self.seconds += begun.elapsed().as_secs_f64();
        self.updates += times;
        Ok(report
            .loss(format!("{}/loss", self.name), loss)
            .diagnostic(format!("{}/loss-of-pixels", self.name), pixel))
    }

    fn scores(&mut self, judge: &Judge) -> Result<&[Scores], Failure> {
        if self.scores.is_none() {
            let of = |training: &Training| judge.scores(|picture| training.segment(picture));
            self.scores = Some(self.trainings.iter().map(of).collect::<Result<_, _>>()?);
        }
        Ok(self.scores.as_deref().expect("computed above"))
    }

    fn parts(&self) -> impl Iterator<Item = (String, &Training)> {
        self.trainings
            .iter()
            .enumerate()
            .map(|(number, training)| (format!("{}-{number}", self.name), training))
    }
}

/// Both sides. A step is one update of each network with the topology loss, and as many of the others as take that time.
pub struct Comparison {
    pixel: Side,
    both: Side,
    judge: Judge,
    shown: Vec<[Picture; 2]>,
    /// Updates on the loss of pixels alone for each on both.
    ratio: f64,
    options: SegmentOptions,
    run: RunOptions,
}

impl Comparison {
    /// At its beginning, by settled options with a topology loss.
    pub(crate) fn new(
        options: &SegmentOptions,
        run: &RunOptions,
        vgg: Option<&Vgg19>,
        judge: Judge,
    ) -> Result<Self, Failure> {
        Ok(Self {
            pixel: Side::new(PIXEL, |seed| options.training(run, None, seed), run.seed)?,
            both: Side::new(BOTH, |seed| options.training(run, vgg, seed), run.seed)?,
            shown: judge.shown(SHOWN, options.size.expect("settled before"))?,
            judge,
            ratio: options.pixel_updates.expect("settled before"),
            options: options.clone(),
            run: run.clone(),
        })
    }

    fn sides(&mut self) -> [&mut Side; 2] {
        [&mut self.pixel, &mut self.both]
    }

    fn parts(&self) -> impl Iterator<Item = (String, &Training)> {
        self.pixel.parts().chain(self.both.parts())
    }

    fn table(&mut self) -> Result<Table, Failure> {
        let result = |side: &mut Side, judge: &Judge| -> Result<SideResult, Failure> {
            let scores = side.scores(judge)?.to_vec();
            Ok(SideResult {
                scores,
                seconds_per_update: side.seconds / side.updates.max(1) as f64 / SEEDS as f64,
            })
        };
        Ok(Table {
            pixel: result(&mut self.pixel, &self.judge)?,
            both: result(&mut self.both, &self.judge)?,
            ratio: self.ratio,
            steps: self.run.steps,
            pictures: self.judge.count(),
            call: format!(
                "{} pictures of {} pixels, batch {}, width {}, --loss {:?}, --topology {}, --refine {}, seeds {} to {}, VGG-19: {}",
                self.run.data,
                self.options.size.unwrap_or(0),
                self.run.batch,
                self.options.width.unwrap_or(0),
                self.options.loss,
                self.options.topology.unwrap_or(0.0),
                self.options.refine,
                self.run.seed,
                self.run.seed + SEEDS - 1,
                self.options
                    .vgg
                    .vgg
                    .as_ref()
                    .map_or("random filters".into(), |path| path.display().to_string())
            ),
        })
    }
}

/// Updates on the loss of pixels alone that belong to a step, so that after n steps there were n times the ratio, rounded
/// down.
fn updates_of(step: u64, ratio: f64) -> u64 {
    let until = |step: u64| (step as f64 * ratio) as u64;
    until(step) - until(step - 1)
}

impl Trainer for Comparison {
    fn step(&mut self, step: u64) -> Result<StepReport, Failure> {
        let report = self.pixel.update(updates_of(step, self.ratio), StepReport::new())?;
        self.both.update(1, report)
    }

    fn to_device(&mut self, card: &Device) -> bool {
        for training in self.sides().into_iter().flat_map(|side| &mut side.trainings) {
            training.to_device(card);
        }
        true
    }

    fn gradient_norms(&self) -> Vec<(String, f32)> {
        let of = |(part, training): (String, &Training)| {
            let norms = training.learner.descent.gradient_norms();
            norms.map(|(name, norm)| (format!("{part}/{name}"), norm as f32)).collect::<Vec<_>>()
        };
        self.parts().flat_map(of).collect()
    }

    fn save(&self, state: &mut State) {
        for (part, training) in self.parts() {
            training.save(state, &part);
        }
    }

    fn load(&mut self, state: &State) -> Result<(), StateError> {
        for side in self.sides() {
            side.scores = None;
            for (number, training) in side.trainings.iter_mut().enumerate() {
                training.load(state, &format!("{}-{number}", side.name))?;
            }
        }
        Ok(())
    }

    /// A row a picture: the picture, its mask, and what is wrong with the mask of each side's first network.
    fn samples(&mut self) -> Result<Vec<Grid>, Failure> {
        let mut panels = Panels::default();
        for [picture, mask] in &self.shown {
            panels.picture(picture);
            panels.picture(mask);
            for side in [&self.pixel, &self.both] {
                panels.verdict(&side.trainings[0].segment(picture), &bits(mask), picture);
            }
        }
        Ok(vec![panels.grid("pixel-and-topology", 4)])
    }

    fn evaluate(&mut self) -> Result<Vec<(String, f64)>, Failure> {
        let mut metrics = Vec::new();
        for side in [&mut self.pixel, &mut self.both] {
            let name = side.name;
            let scores = side.scores(&self.judge)?;
            for (metric, _) in Scores::names() {
                let mean = scores.iter().map(|scores| scores.get(metric)).sum::<f64>() / scores.len() as f64;
                metrics.push((format!("{name}/{metric}"), mean));
            }
        }
        Ok(metrics)
    }

    fn export(&mut self) -> Vec<(String, Weights)> {
        self.parts()
            .map(|(part, training)| (format!("unet-{part}.safetensors"), training.weights()))
            .collect()
    }

    fn summary(&mut self) -> Result<Summary, Failure> {
        Ok(Summary { metrics: self.evaluate()?, line: self.table()?.verdict() })
    }

    fn reports(&mut self) -> Result<Vec<(String, String)>, Failure> {
        let table = self.table()?;
        Ok(vec![("compare.md".into(), table.markdown()), ("compare.json".into(), table.json())])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn updates_add_up_to_the_ratio() {
        for ratio in [0.3, 1.0, 2.5, 6.4] {
            for steps in [1, 7, 100] {
                let all: u64 = (1..=steps).map(|step| updates_of(step, ratio)).sum();
                assert_eq!(all, (steps as f64 * ratio) as u64);
            }
        }
    }
}
