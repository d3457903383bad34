//! The order of play (Zhu et al. 2017, section 4), and what a run shows.

use gobelin_autograd::optimiser::Schedule;
use gobelin_autograd::{Device, Figures, Replay, Tensor, random};
use gobelin_datasets::Loader;
use gobelin_harness::{
    Failure, Grid, Hands, Pictures, RunOptions, Skipped, State, StateError, StepReport, Summary, Trainer,
};
use gobelin_nets::to_device;
use gobelin_nets::weights::{self, Weights};

use crate::game::{A, B, Game, Judged, Translated, undecided};
use crate::judge::{DIRECTIONS, Judge, Quality, metrics};
use crate::pool::Pool;
use crate::trouble::Trouble;

/// Pictures of each domain in a grid of samples.
const SHOWN: usize = 8;
/// The names of a domain's entries.
const NAMES: [&str; 2] = ["a", "b"];
/// Streams of the run's seed for the pools, of A and of B; the nets' beginning takes stream 0.
const POOLS: [u64; 2] = [1, 2];

/// Trains a [`Game`] on two domains. One step is one update of both generators, then one of both discriminators.
pub struct CycleGanTrainer {
    game: Game,
    schedule: Schedule,
    learning_rate: f64,
    real: Hands<[Pictures; 2]>,
    pools: [Pool; 2],
    /// An update of the generators on real pictures: the translations, and what it tells.
    translating: Replay<[Tensor; 2], ([Tensor; 2], Figures<8>)>,
    /// An update of the discriminators on real pictures and on what the pools gave.
    judging: Replay<([Tensor; 2], [Tensor; 2]), Figures<8>>,
    judge: Judge,
    /// How good the generators are now, where that was asked since their last update.
    quality: Option<Quality>,
    skipped: Skipped,
    trouble: Trouble,
    /// The shape of one picture.
    picture: [usize; 4],
}

impl CycleGanTrainer {
    /// A trainer at its beginning; `pool` is how many translations each discriminator is reminded of.
    pub(crate) fn new(
        game: Game,
        schedule: Schedule,
        loaders: [Loader; 2],
        judge: Judge,
        pool: usize,
        run: &RunOptions,
    ) -> Self {
        let learning_rate = game.rules.learning_rate;
        let size = judge.first(A, 1).shape()[1];
        let picture = [1, size, size, game.rules.generator.channels];
        let pools = POOLS.map(|stream| Pool::new(pool, random::generator(run.seed, stream)));
        let mut names = NAMES.into_iter();
        let pictures = loaders.map(|loader| {
            let name = names.next().expect("a name for each domain");
            Pictures::new(loader, format!("data-position/{name}"))
        });
        Self {
            game,
            schedule,
            learning_rate,
            real: Hands::new(pictures),
            pools,
            translating: Replay::default(),
            judging: Replay::default(),
            judge,
            quality: None,
            skipped: Skipped::default(),
            trouble: Trouble::default(),
            picture,
        }
    }

    /// One update of the generators, then one of the discriminators, on translations of this step and of earlier ones. What both tell
    /// is to be read when all is under way.
    fn play(&mut self, real: [Tensor; 2]) -> (Figures<8>, Figures<8>) {
        let Self { game, pools, translating, judging, .. } = self;
        let (fakes, translated) = translating.run(real.clone(), |real| {
            let (told, fakes) = game.update_generators(&real);
            (fakes, Figures::gather(told.numbers()))
        });
        let shown = [A, B].map(|domain| pools[domain].exchange(&fakes[domain]));
        let judged = judging.run((real, shown), |(real, shown)| {
            Figures::gather(game.update_discriminators(&real, &shown).numbers())
        });
        (translated, judged)
    }

    /// A row for each picture of a domain: itself, its translation, the way back, and the true translation where it
    /// is known.
    fn grid(&self, from: usize) -> Grid {
        let pictures = self.judge.first(from, SHOWN);
        let there = self.game.translate(1 - from, &pictures);
        let back = self.game.translate(from, &there);
        let mut columns = vec![pictures, there, back];
        if self.judge.is_paired() {
            columns.push(self.judge.first(1 - from, SHOWN));
        }
        let [_, height, width, channels] = self.picture;
        let size = height * width * channels;
        let rows = columns[0].shape()[0];
        let cells = (0..rows).flat_map(|row| columns.iter().map(move |column| (row, column)));
        let pixels: Vec<f32> =
            cells.flat_map(|(row, column)| &column.data()[row * size..][..size]).copied().collect();
        let shape = [rows * columns.len(), height, width, channels];
        Grid::signed(DIRECTIONS[1 - from], shape, &pixels).columns(columns.len())
    }
}

impl Trainer for CycleGanTrainer {
    fn step(&mut self, step: u64) -> Result<StepReport, Failure> {
        self.quality = None;
        let rate = self.learning_rate * self.schedule.factor(step - 1);
        self.game.set_learning_rate(rate);
        let real = self.real.take()?;
        let (translated, judged) = self.play(real);
        // Before pictures are dealt that this step does not see.
        let report =
            self.skipped.watch(self.real.dealer().each_ref().map(Pictures::loader), StepReport::new());
        self.real.deal_ahead();
        let (translated, judged) = (Translated::of(translated.read()), Judged::of(judged.read()));

        let mut report = report
            .loss("loss/g", translated.loss)
            .loss("loss/d", judged.loss)
            .diagnostic("gradient-norm/g", translated.gradient)
            .diagnostic("gradient-norm/d", judged.gradient)
            .diagnostic("learning-rate", rate);
        for domain in [A, B] {
            let (name, direction) = (NAMES[domain], DIRECTIONS[domain]);
            report = report
                .diagnostic(format!("adversarial/{direction}"), translated.adversarial[domain])
                .diagnostic(format!("discriminator/{name}"), judged.losses[domain])
                .diagnostic(format!("score/real-{name}"), judged.real[domain])
                .diagnostic(format!("score/fake-{name}"), judged.fake[domain])
                .diagnostic(format!("pool/{name}"), self.pools[domain].len() as f64);
            if self.game.rules.cycle > 0.0 {
                report = report.diagnostic(format!("cycle/{name}"), translated.cycle[domain]);
            }
            if self.game.rules.identity > 0.0 {
                report = report.diagnostic(format!("identity/{name}"), translated.identity[domain]);
            }
        }
        if rate == 0.0 {
            report = report.warning(
                "schedule-ended",
                "the learning rate has reached 0, so nothing is learned any more; begin a run with more \
                 --constant-steps or --decay-steps",
            );
        }
        Ok(self.trouble.watch(&judged, undecided(self.game.rules.loss), report))
    }

    fn to_device(&mut self, card: &Device) -> bool {
        for domain in [A, B] {
            to_device(&self.game.generators.nets[domain], card);
            to_device(&self.game.discriminators.nets[domain], card);
        }
        self.real.to_device(card);
        (self.translating, self.judging) = (Replay::on(card), Replay::on(card));
        true
    }

    fn gradient_norms(&self) -> Vec<(String, f32)> {
        let named = |side: &str, (name, norm): (&str, f64)| (format!("{side}/{name}"), norm as f32);
        let generators = self.game.generators.descent.gradient_norms().map(|norm| named("generator", norm));
        generators
            .chain(self.game.discriminators.descent.gradient_norms().map(|norm| named("discriminator", norm)))
            .collect()
    }

    fn save(&self, state: &mut State) {
        for domain in [A, B] {
            let (name, direction) = (NAMES[domain], DIRECTIONS[domain]);
            state.put_module(&format!("generator/{direction}"), &self.game.generators.nets[domain]);
            state.put_module(&format!("discriminator/{name}"), &self.game.discriminators.nets[domain]);
            self.pools[domain].save(&format!("pool/{name}"), state);
        }
        self.real.save(state);
        state.put_optimiser("generator-optimiser", &*self.game.generators.descent.optimiser);
        state.put_optimiser("discriminator-optimiser", &*self.game.discriminators.descent.optimiser);
        self.trouble.save(state);
    }

    fn load(&mut self, state: &State) -> Result<(), StateError> {
        for domain in [A, B] {
            let (name, direction) = (NAMES[domain], DIRECTIONS[domain]);
            state.load_module(&format!("generator/{direction}"), &self.game.generators.nets[domain])?;
            state.load_module(&format!("discriminator/{name}"), &self.game.discriminators.nets[domain])?;
            self.pools[domain].load(&format!("pool/{name}"), self.picture, state)?;
        }
        self.real.load(state)?;
        state.load_optimiser("generator-optimiser", &mut *self.game.generators.descent.optimiser)?;
        state.load_optimiser("discriminator-optimiser", &mut *self.game.discriminators.descent.optimiser)?;
        self.trouble = Trouble::load(state)?;
        self.quality = None;
        Ok(())
    }

    fn samples(&mut self) -> Result<Vec<Grid>, Failure> {
        Ok(vec![self.grid(A), self.grid(B)])
    }

    fn evaluate(&mut self) -> Result<Vec<(String, f64)>, Failure> {
        let quality = *self.quality.get_or_insert_with(|| self.judge.quality(&self.game));
        Ok(metrics(&quality, &self.judge.nothing()))
    }

    fn export(&mut self) -> Vec<(String, Weights)> {
        let generators = &self.game.generators.nets;
        let discriminators = &self.game.discriminators.nets;
        vec![
            ("generator_a_to_b.safetensors".into(), weights::stored(&generators[B])),
            ("generator_b_to_a.safetensors".into(), weights::stored(&generators[A])),
            ("discriminator_a.safetensors".into(), weights::stored(&discriminators[A])),
            ("discriminator_b.safetensors".into(), weights::stored(&discriminators[B])),
        ]
    }

    fn summary(&mut self) -> Result<Summary, Failure> {
        let metrics = self.evaluate()?;
        let of = |name: &str| {
            metrics.iter().find(|(found, _)| found == name).map_or(f64::NAN, |&(_, value)| value)
        };
        let side = |to: usize| {
            let direction = DIRECTIONS[to];
            let way = ["B to A", "A to B"][to];
            if self.judge.is_paired() {
                format!(
                    "{way}: PSNR {:.1} dB to the true translations, SSIM {:.3} (doing nothing: {:.1} dB, {:.3})",
                    of(&format!("psnr/{direction}")),
                    of(&format!("ssim/{direction}")),
                    of(&format!("psnr-nothing/{direction}")),
                    of(&format!("ssim-nothing/{direction}"))
                )
            } else {
                format!(
                    "{way}: sliced Wasserstein distance {:.1} (doing nothing: {:.1})",
                    of(&format!("swd/{direction}")),
                    of(&format!("swd-nothing/{direction}"))
                )
            }
        };
        let line = format!(
            "{}; {}; there and back, A is {:.3} and B {:.3} away",
            side(B),
            side(A),
            of("cycle-distance/a"),
            of("cycle-distance/b")
        );
        Ok(Summary { metrics, line })
    }
}
