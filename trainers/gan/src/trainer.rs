//! The order of play (Goodfellow et al. 2014, algorithm 1; Arjovsky et al. 2017, algorithm 1), and what a run shows.

use std::sync::Arc;

use gobelin_autograd::{Device, Figure, Figures, Replay, Tape, Tensor};
use gobelin_datasets::{Dataset, Loader};
use gobelin_harness::{
    Failure, Grid, Hands, Pictures, RunOptions, Skipped, State, StateError, StepReport, Summary, Trainer,
};
use gobelin_nets::to_device;
use gobelin_nets::weights::{self, Weights};

use crate::chance::{self, Chance};
use crate::game::{Drawn, Game, Judged};
use crate::judge::{Judge, Quality};
use crate::options::GanOptions;
use crate::trouble::{Trouble, spread};

/// Pictures in a grid of samples.
const SHOWN: usize = 64;
/// Critic updates before a generator update of the warm start, and every this many steps (the authors' code).
const WARM_UPDATES: usize = 100;
const WARM_EVERY: u64 = 500;

/// Trains a [`Game`] on a data set. One step is one update of the generator, and as many of the discriminator before it
/// as asked for.
pub struct GanTrainer {
    game: Game,
    real: Hands<Pictures>,
    chance: Chance,
    judge: Judge,
    /// How good the generator is now, where that was asked since its last update.
    quality: Option<Quality>,
    skipped: Skipped,
    trouble: Trouble,
    show: Tensor,
    /// A whole step; or an update of the critic, and one of the generator.
    once: Replay<Tensor, Figures<12>>,
    critic: Replay<Tensor, Figures<9>>,
    artist: Replay<(), Figures<3>>,
    seed: u64,
    batch: usize,
    critic_updates: usize,
    warm_start: u64,
}

/// What a step has asked for, to be read when all is under way.
enum Played {
    Once(Figures<12>),
    WithCritic(Figures<9>, Figures<3>),
}

impl Played {
    fn read(&self) -> Told {
        match self {
            Self::Once(figures) => {
                let numbers = figures.read();
                Told::of(std::array::from_fn(|i| numbers[i]), std::array::from_fn(|i| numbers[9 + i]))
            }
            Self::WithCritic(judged, drawn) => Told::of(judged.read(), drawn.read()),
        }
    }
}

/// What a step tells.
struct Told {
    judged: Judged,
    drawn: Drawn,
    /// Of generated pictures, relative to real ones'.
    spread: f32,
}

impl Told {
    /// From the numbers of [`of_critic`] and [`of_generator`].
    fn of([numbers @ .., fake, real]: [f64; 9], [loss, probability, gradient]: [f64; 3]) -> Self {
        let spread = fake as f32 / (real as f32).max(1e-6);
        Self { judged: Judged::of(numbers), drawn: Drawn { loss, probability, gradient }, spread }
    }
}

/// What an update of the discriminator tells, and the spreads of its generated and its real pictures.
fn of_critic(judged: Judged<Figure>, spreads: [Figure; 2]) -> [Figure; 9] {
    concat(judged.numbers(), spreads)
}

fn of_generator(Drawn { loss, probability, gradient }: Drawn<Figure>) -> [Figure; 3] {
    [loss, probability, gradient]
}

fn concat<const A: usize, const B: usize, const N: usize>(a: [Figure; A], b: [Figure; B]) -> [Figure; N] {
    let mut all = a.into_iter().chain(b);
    std::array::from_fn(|_| all.next().expect("as many as both have"))
}

impl GanTrainer {
    /// A trainer at its beginning.
    pub(crate) fn new(
        game: Game,
        loader: Loader,
        held_out: Arc<dyn Dataset>,
        options: &GanOptions,
        run: &RunOptions,
    ) -> Result<Self, Failure> {
        let shape = game.rules.shape;
        let judge = Judge::new(held_out, shape.size, shape.channels, options.held_out)?;
        let show = chance::shown(run.seed, SHOWN, &game.rules);
        Ok(Self {
            game,
            real: Hands::new(Pictures::new(loader, "data-position")),
            chance: Chance::new(options, run),
            judge,
            quality: None,
            skipped: Skipped::default(),
            trouble: Trouble::default(),
            show,
            once: Replay::default(),
            critic: Replay::default(),
            artist: Replay::default(),
            seed: run.seed,
            batch: run.batch,
            critic_updates: options.critic_updates.unwrap_or(1),
            warm_start: options.warm_start.unwrap_or(0),
        })
    }

    /// The nets and their optimisers.
    pub fn game(&mut self) -> &mut Game {
        &mut self.game
    }

    /// One update of each side from one batch of noise: the generator is judged on the very pictures the discriminator
    /// has just learned from, which saves drawing them twice.
    fn play_once(&mut self) -> Result<Played, Failure> {
        let real = self.real.take()?;
        let Self { game, chance, once, .. } = self;
        Ok(Played::Once(once.run(real, |real| {
            let tape = Tape::new();
            let fake = game.draw(Some(&tape), &chance.noise(real.shape()[0], &game.rules));
            let spreads = [spread(fake.tensor()), spread(&real)];
            let judged = game.update_discriminator(&chance.hand(real, &game.rules), fake.tensor());
            let drawn = game.update_generator(tape, &fake);
            Figures::gather(concat(of_critic(judged, spreads), of_generator(drawn)))
        })))
    }

    /// Several updates of the critic, each with pictures of its own, then one of the generator.
    fn play_with_critic(&mut self, updates: usize) -> Result<Played, Failure> {
        let mut judged = None;
        for _ in 0..updates {
            // While the update before is computed.
            self.real.deal_ahead();
            let real = self.real.take()?;
            let Self { game, chance, critic, .. } = self;
            judged = Some(critic.run(real, |real| {
                let noise = chance.noise(real.shape()[0], &game.rules);
                let fake = game.draw(None, &noise).into_tensor();
                let spreads = [spread(&fake), spread(&real)];
                let judged = game.update_discriminator(&chance.hand(real, &game.rules), &fake);
                Figures::gather(of_critic(judged, spreads))
            }));
        }
        let Self { game, chance, artist, batch, .. } = self;
        let drawn = artist.run((), |()| {
            let tape = Tape::new();
            let fake = game.draw(Some(&tape), &chance.noise(*batch, &game.rules));
            Figures::gather(of_generator(game.update_generator(tape, &fake)))
        });
        Ok(Played::WithCritic(judged.expect("at least one update, as the flags say"), drawn))
    }

    /// Pictures to judge, from noise that is always the same.
    fn drawn_to_judge(&mut self) -> Vec<f32> {
        // Batch norm wants whole batches; what is too much is cut off.
        let mut noise = chance::judged(self.seed, SHOWN, self.game.rules);
        let mut pictures = Vec::new();
        let mut left = self.judge.count();
        while left > 0 {
            let count = left.min(SHOWN);
            let drawn = self.game.show(&noise.next().expect("there is no end of it"));
            pictures.extend_from_slice(&drawn.data()[..drawn.len() / SHOWN * count]);
            left -= count;
        }
        pictures
    }
}

impl Trainer for GanTrainer {
    fn step(&mut self, step: u64) -> Result<StepReport, Failure> {
        self.quality = None;
        let warm = self.warm_start > 0 && (step <= self.warm_start || step.is_multiple_of(WARM_EVERY));
        let played = match self.critic_updates {
            _ if warm => self.play_with_critic(WARM_UPDATES)?,
            1 => self.play_once()?,
            updates => self.play_with_critic(updates)?,
        };
        // Before pictures are dealt that this step does not see.
        let report = self.skipped.watch([self.real.dealer().loader()], StepReport::new());
        self.real.deal_ahead();
        let Told { judged, drawn, spread } = played.read();
        let rules = self.game.rules;
        let mut report = report
            .loss("loss/d", judged.loss)
            .loss("loss/g", drawn.loss)
            .diagnostic("gradient-norm/d", judged.gradient)
            .diagnostic("gradient-norm/g", drawn.gradient)
            .diagnostic("spread", spread);
        if rules.loss.is_critic() {
            report = report.diagnostic("score/real", judged.real).diagnostic("score/fake", judged.fake);
        } else {
            report = report
                .diagnostic("probability/real", judged.real_probability)
                .diagnostic("probability/fake-before", judged.fake_probability)
                .diagnostic("probability/fake-after", drawn.probability);
        }
        if rules.gradient_penalty > 0.0 || rules.r1 > 0.0 {
            report = report.diagnostic("penalty", judged.penalty);
        }
        if rules.is_unbounded_critic() {
            report = report.warning(
                "unclipped-critic",
                "a Wasserstein critic without clipping, penalty or spectral norm is not Lipschitz, so its loss means \
                 nothing; use --clip 0.01, --gradient-penalty 10 or --norm spectral",
            );
        }
        Ok(self.trouble.watch(&judged, rules.loss.is_critic(), spread, report))
    }

    fn to_device(&mut self, card: &Device) -> bool {
        to_device(&self.game.generator.net, card);
        to_device(&self.game.discriminator.net, card);
        self.real.to_device(card);
        self.chance.to_device(card);
        (self.once, self.critic, self.artist) = (Replay::on(card), Replay::on(card), Replay::on(card));
        true
    }

    fn gradient_norms(&self) -> Vec<(String, f32)> {
        let named = |side: &str, (name, norm): (&str, f64)| (format!("{side}/{name}"), norm as f32);
        let generator = self.game.generator.descent.gradient_norms().map(|norm| named("generator", norm));
        generator
            .chain(self.game.discriminator.descent.gradient_norms().map(|norm| named("discriminator", norm)))
            .collect()
    }

    fn save(&self, state: &mut State) {
        state.put_module("generator", &self.game.generator.net);
        state.put_module("discriminator", &self.game.discriminator.net);
        state.put_optimiser("generator-optimiser", &*self.game.generator.descent.optimiser);
        state.put_optimiser("discriminator-optimiser", &*self.game.discriminator.descent.optimiser);
        if let Some(average) = &self.game.average {
            state.put_average("average", average);
        }
        self.chance.save(state);
        self.real.save(state);
        self.trouble.save(state);
    }

    fn load(&mut self, state: &State) -> Result<(), StateError> {
        state.load_module("generator", &self.game.generator.net)?;
        state.load_module("discriminator", &self.game.discriminator.net)?;
        state.load_optimiser("generator-optimiser", &mut *self.game.generator.descent.optimiser)?;
        state.load_optimiser("discriminator-optimiser", &mut *self.game.discriminator.descent.optimiser)?;
        if let Some(average) = &mut self.game.average {
            state.load_average("average", average)?;
        }
        self.chance.load(state)?;
        self.real.load(state)?;
        self.trouble = Trouble::load(state)?;
        self.quality = None;
        Ok(())
    }

    fn samples(&mut self) -> Result<Vec<Grid>, Failure> {
        let drawn = self.game.show(&self.show);
        let shape = drawn.shape().try_into().expect("pictures have four axes");
        Ok(vec![Grid::signed("drawn", shape, drawn.data())])
    }

    fn evaluate(&mut self) -> Result<Vec<(String, f64)>, Failure> {
        let quality = if let Some(quality) = self.quality {
            quality
        } else {
            let pictures = self.drawn_to_judge();
            self.judge.quality(&pictures)
        };
        self.quality = Some(quality);
        Ok(vec![
            ("swd".into(), quality.distance),
            ("swd-floor".into(), self.judge.floor),
            ("diversity".into(), quality.diversity),
            ("diversity-real".into(), self.judge.diversity),
        ])
    }

    fn export(&mut self) -> Vec<(String, Weights)> {
        let net = &self.game.generator.net;
        let generator = match &mut self.game.average {
            Some(average) => average.during(|| weights::stored(net)),
            None => weights::stored(net),
        };
        let discriminator = weights::stored(&self.game.discriminator.net);
        vec![("generator.safetensors".into(), generator), ("discriminator.safetensors".into(), discriminator)]
    }

    fn summary(&mut self) -> Result<Summary, Failure> {
        let metrics = self.evaluate()?;
        let of = |name: &str| {
            metrics.iter().find(|(found, _)| found == name).map_or(f64::NAN, |&(_, value)| value)
        };
        let line = format!(
            "sliced Wasserstein distance to held-out pictures {:.1} (real to real {:.1}), diversity {:.1} (real {:.1})",
            of("swd"),
            of("swd-floor"),
            of("diversity"),
            of("diversity-real")
        );
        Ok(Summary { metrics, line })
    }
}
