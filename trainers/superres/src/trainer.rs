//! What a run of `gobelin superres` does and shows.

use std::collections::BTreeMap;

use gobelin_autograd::{Device, Figures, Replay};
use gobelin_datasets::{Loader, Picture};
use gobelin_harness::{
    Failure, Grid, Hands, Skipped, State, StateError, StepReport, Summary, Trainer, check_pictures,
    put_pictures,
};
use gobelin_nets::to_device;
use gobelin_nets::weights::{self, Weights};

use crate::gallery::{Distances, Gallery};
use crate::judge::{Judge, Score};
use crate::learner::{Learned, Learner};
use crate::lessons::{Lesson, Lessons};
use crate::objective::Objective;
use crate::panels;
use crate::trouble::{Signs, Trouble};

/// Pictures in a grid of samples.
const SHOWN: usize = 6;

/// What a network is trained for, and how that is examined.
pub enum Task {
    /// Enlarging pictures.
    SuperResolution {
        /// How many times.
        scale: usize,
        /// The held-out pictures.
        judge: Judge,
        /// What it is now, where that was asked since the last update.
        scores: Option<Vec<Score>>,
    },
    /// Painting pictures.
    Style {
        /// The picture whose style is taken.
        style: Picture,
        /// Its name for people.
        name: String,
        /// The held-out pictures.
        gallery: Gallery,
        /// How far they are from the style before they are painted.
        before: Distances,
        /// And after, where that was asked since the last update.
        now: Option<Distances>,
    },
}

/// Trains one network. A step is one update, with `--loss perceptual+gan` one of each side.
pub struct SuperresTrainer {
    task: Task,
    learner: Learner,
    updating: Replay<Lesson, Figures<12>>,
    lessons: Hands<Lessons>,
    skipped: Skipped,
    trouble: Trouble,
    /// What the weights' file says of itself.
    about: BTreeMap<String, String>,
}

impl SuperresTrainer {
    /// A trainer at its beginning; `about` is written into the file of its weights.
    pub fn new(task: Task, learner: Learner, loader: Loader, about: BTreeMap<String, String>) -> Self {
        let scale = match task {
            Task::SuperResolution { scale, .. } => Some(scale),
            Task::Style { .. } => None,
        };
        let is_compared = matches!(learner.objective(), Objective::Mse);
        Self {
            task,
            learner,
            updating: Replay::default(),
            lessons: Hands::new(Lessons::new(loader, scale, is_compared)),
            skipped: Skipped::default(),
            trouble: Trouble::default(),
            about,
        }
    }

    /// One update; what it told is to be read when all is under way.
    fn update(&mut self, lesson: Lesson) -> Figures<12> {
        self.forget();
        let Self { learner, updating, .. } = self;
        updating.run(lesson, |lesson| Figures::gather(learner.update(&lesson).numbers()))
    }

    /// The signs that an update gave, of so many values; and bicubic interpolation's error.
    fn signs(&self, learned: &Learned, count: usize, bicubic: Option<f32>) -> Signs {
        let [made, wanted] = learned.deviations.map(|deviation| deviation as f32);
        Signs {
            contrast: made / wanted.max(f32::MIN_POSITIVE),
            clipped: learned.outside as f32 / count as f32,
            errors: bicubic.map(|error| [learned.loss as f32, error]),
            discriminator: self.learner.adversary.is_some().then_some(learned.judged.loss as f32),
        }
    }

    /// Forgets how good the network was.
    fn forget(&mut self) {
        match &mut self.task {
            Task::SuperResolution { scores, .. } => *scores = None,
            Task::Style { now, .. } => *now = None,
        }
    }

    fn scores(&mut self) -> Option<(&Judge, &[Score])> {
        let Task::SuperResolution { judge, scores, .. } = &mut self.task else { return None };
        let exact = self.learner.is_exact();
        let scores = scores.get_or_insert_with(|| judge.scores(&self.learner.network, exact));
        Some((judge, scores))
    }
}

impl Trainer for SuperresTrainer {
    fn step(&mut self, _: u64) -> Result<StepReport, Failure> {
        let lesson = self.lessons.take()?;
        let (count, bicubic) = (lesson.wanted.len(), lesson.bicubic);
        let figures = self.update(lesson);
        // Before pictures are dealt that this step does not see.
        let report = self.skipped.watch([self.lessons.dealer().loader()], StepReport::new());
        self.lessons.deal_ahead();
        let learned = Learned::of(figures.read());
        let signs = self.signs(&learned, count, bicubic);
        let mut report = report.loss("loss", learned.loss);
        for (name, value) in self.learner.terms().iter().zip(learned.terms) {
            report = report.diagnostic(format!("loss/{name}"), value);
        }
        if self.learner.adversary.is_some() {
            let judged = learned.judged;
            report = report
                .loss("loss/d", judged.loss)
                .diagnostic("score/real", judged.real)
                .diagnostic("score/fake", judged.fake)
                .diagnostic("gradient-norm/d", judged.gradient);
        }
        if let Some([_, bicubic]) = signs.errors {
            report = report.diagnostic("loss/bicubic", bicubic);
        }
        report = report
            .diagnostic("gradient-norm", learned.gradient)
            .diagnostic("contrast", signs.contrast)
            .diagnostic("clipped", signs.clipped);
        Ok(self.trouble.watch(&signs, report))
    }

    fn to_device(&mut self, card: &Device) -> bool {
        to_device(&*self.learner.network.module, card);
        if let Some(adversary) = &self.learner.adversary {
            to_device(&adversary.net, card);
        }
        self.lessons.to_device(card);
        self.updating = Replay::on(card);
        true
    }

    fn gradient_norms(&self) -> Vec<(String, f32)> {
        let named = |side: &str, (name, norm): (&str, f64)| (format!("{side}/{name}"), norm as f32);
        let network = self.learner.descent.gradient_norms().map(|norm| named("network", norm));
        let adversary = self.learner.adversary.iter().flat_map(|side| side.descent.gradient_norms());
        network.chain(adversary.map(|norm| named("discriminator", norm))).collect()
    }

    fn save(&self, state: &mut State) {
        state.put_module("network", &*self.learner.network.module);
        state.put_optimiser("optimiser", &*self.learner.descent.optimiser);
        if let Some(adversary) = &self.learner.adversary {
            state.put_module("discriminator", &adversary.net);
            state.put_optimiser("discriminator-optimiser", &*adversary.descent.optimiser);
        }
        self.lessons.save(state);
        if let Task::Style { style, name, .. } = &self.task {
            put_pictures(state, [(style, name.as_str())]);
        }
        self.trouble.save(state);
    }

    fn load(&mut self, state: &State) -> Result<(), StateError> {
        if let Task::Style { style, name, .. } = &self.task {
            check_pictures(state, [(style, name.as_str())])?;
        }
        state.load_module("network", &*self.learner.network.module)?;
        state.load_optimiser("optimiser", &mut *self.learner.descent.optimiser)?;
        if let Some(adversary) = &mut self.learner.adversary {
            state.load_module("discriminator", &adversary.net)?;
            state.load_optimiser("discriminator-optimiser", &mut *adversary.descent.optimiser)?;
        }
        self.lessons.load(state)?;
        self.trouble = Trouble::load(state)?;
        self.forget();
        Ok(())
    }

    fn samples(&mut self) -> Result<Vec<Grid>, Failure> {
        let (network, exact) = (&self.learner.network, self.learner.is_exact());
        Ok(vec![match &self.task {
            Task::SuperResolution { judge, .. } => {
                panels::grid("enlarged", &judge.rows(network, exact, SHOWN))
            }
            Task::Style { gallery, .. } => panels::grid("painted", &gallery.rows(network, exact, SHOWN)),
        }])
    }

    fn evaluate(&mut self) -> Result<Vec<(String, f64)>, Failure> {
        if let Some((judge, scores)) = self.scores() {
            let (own, bicubic) = (Judge::mean(scores), judge.bicubic());
            let metrics = [
                ("psnr", own.psnr),
                ("psnr-bicubic", bicubic.psnr),
                ("ssim", own.ssim),
                ("ssim-bicubic", bicubic.ssim),
            ];
            return Ok(metrics.map(|(name, value)| (name.to_owned(), value)).to_vec());
        }
        let exact = self.learner.is_exact();
        let Task::Style { gallery, before, now, .. } = &mut self.task else { unreachable!("answered above") };
        let now = *now
            .get_or_insert_with(|| gallery.distances(&self.learner.network, self.learner.objective(), exact));
        let metrics = [
            ("gram-distance", now.style),
            ("gram-distance-before", before.style),
            ("content-distance", now.content),
        ];
        Ok(metrics.map(|(name, value)| (name.to_owned(), value)).to_vec())
    }

    fn export(&mut self) -> Vec<(String, Weights)> {
        let mut network = weights::stored(&*self.learner.network.module);
        weights::set_metadata(&mut network, &self.about);
        let mut files = vec![("network.safetensors".into(), network)];
        if let Some(adversary) = &self.learner.adversary {
            files.push(("discriminator.safetensors".into(), weights::stored(&adversary.net)));
        }
        files
    }

    fn summary(&mut self) -> Result<Summary, Failure> {
        let metrics = self.evaluate()?;
        let of = |name: &str| {
            metrics.iter().find(|(found, _)| found == name).map_or(f64::NAN, |&(_, value)| value)
        };
        let line = match &self.task {
            Task::SuperResolution { judge, .. } => {
                let pixels = matches!(self.learner.objective(), Objective::Mse);
                let note = if pixels { "" } else { "; a perceptual loss gives up PSNR for what is seen" };
                format!(
                    "PSNR {:.2} dB, SSIM {:.4} on the luma of {} held-out pictures (bicubic: {:.2} dB, {:.4}){note}",
                    of("psnr"),
                    of("ssim"),
                    judge.count(),
                    of("psnr-bicubic"),
                    of("ssim-bicubic")
                )
            }
            Task::Style { gallery, .. } => format!(
                "Gram distance to the style {:.4} of {} held-out pictures ({:.4} before they were painted), content distance {:.4}",
                of("gram-distance"),
                gallery.count(),
                of("gram-distance-before"),
                of("content-distance")
            ),
        };
        Ok(Summary { metrics, line })
    }

    fn reports(&mut self) -> Result<Vec<(String, String)>, Failure> {
        let table = self.scores().map(|(judge, scores)| ("pictures.md".to_owned(), judge.table(scores)));
        Ok(table.into_iter().collect())
    }
}
