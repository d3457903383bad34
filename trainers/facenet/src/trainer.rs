//! The order of a step, and what a run shows.

use std::sync::Arc;

use gobelin_autograd::random::{self, Generator};
use gobelin_autograd::{Bundle, Device, Figures, Replay, Tensor};
use gobelin_datasets::Dataset;
use gobelin_harness::{Failure, Grid, Hands, Skipped, State, StateError, StepReport, Summary, Trainer};
use gobelin_losses::mining::{Counts, Labels};
use gobelin_nets::to_device;
use gobelin_nets::weights::Weights;
use rand::Rng;

use crate::coverage::Coverage;
use crate::drawing::{Drawing, Drawn};
use crate::embedder::{Shape, exported};
use crate::exam::{Exam, FAR, Grade, Pair};
use crate::learner::{Faces, Learner};
use crate::objective::{Kind, Objective};
use crate::offline::Offline;
use crate::plot;
use crate::pretraining::{Classified, Classifier};
use crate::separation::Separation;
use crate::trouble::Trouble;

/// Pairs of each kind in the picture of confusions.
const CONFUSIONS: usize = 12;

/// Streams of the run's seed; the net's beginning takes stream 0.
const MINING: u64 = 1;
const CLASSIFIER: u64 = 2;

/// What a trainer is made of.
pub struct Parts {
    /// The net.
    pub learner: Learner,
    /// Its shape.
    pub shape: Shape,
    /// Its loss.
    pub objective: Objective,
    /// P people times K faces.
    pub drawing: Hands<Drawing>,
    /// Pictures in a batch.
    pub batch: usize,
    /// Triplets drawn ahead, if they are.
    pub offline: Option<Offline>,
    /// People never trained on.
    pub exam: Exam,
    /// Steps of softmax before triplets.
    pub pretrain: u64,
    /// The run's seed.
    pub seed: u64,
    /// Whether algorithms that trade digits for speed are refused.
    pub exact: bool,
}

/// Trains a net of embeddings. One step is one update, on a batch of P people times K faces.
pub struct FaceNetTrainer {
    parts: Parts,
    mining: Generator,
    /// While pre-training lasts.
    classifier: Option<Classifier>,
    coverage: Coverage,
    trouble: Trouble,
    skipped: Skipped,
    /// How good the net is now, where that was asked since its last update.
    grade: Option<Grade>,
    card: Option<Device>,
    /// A step, while pre-training lasts and after it.
    pretraining: Replay<Pupils, Figures<6>>,
    training: Replay<Hand, Figures<7>>,
}

/// What the host deals for a step of pre-training.
#[derive(Clone)]
struct Pupils {
    faces: Faces,
    /// (N): the number of each picture's person.
    people: Tensor,
}

impl Bundle for Pupils {
    fn each_tensor(&mut self, visit: &mut dyn FnMut(&mut Tensor)) {
        self.faces.each_tensor(visit);
        visit(&mut self.people);
    }
}

/// What the host deals for a step on triplets or pairs.
#[derive(Clone)]
struct Hand {
    faces: Faces,
    labels: Labels,
}

impl Bundle for Hand {
    fn each_tensor(&mut self, visit: &mut dyn FnMut(&mut Tensor)) {
        self.faces.each_tensor(visit);
        self.labels.each_tensor(visit);
    }
}

impl FaceNetTrainer {
    /// A trainer at its beginning.
    pub fn new(parts: Parts) -> Self {
        let coverage = Coverage::new(Arc::clone(parts.drawing.dealer().loader.dataset()));
        let mut trainer = Self {
            mining: random::generator(parts.seed, MINING),
            parts,
            classifier: None,
            coverage,
            trouble: Trouble::default(),
            skipped: Skipped::default(),
            grade: None,
            card: None,
            pretraining: Replay::default(),
            training: Replay::default(),
        };
        trainer.classifier = (trainer.parts.pretrain > 0).then(|| trainer.fresh_classifier());
        trainer
    }

    fn fresh_classifier(&self) -> Classifier {
        let people = self.data().classes();
        let numbers = &mut random::generator(self.parts.seed, CLASSIFIER);
        let classifier = Classifier::new(self.parts.shape.dimensions, people, &self.parts.learner, numbers);
        if let Some(card) = &self.card {
            classifier.to_device(card);
        }
        classifier
    }

    fn data(&self) -> &Arc<dyn Dataset> {
        self.parts.drawing.dealer().loader.dataset()
    }

    /// Forgets what was recorded with an optimiser or a classifier that are no more. (What a load leaves does not fit, which is seen.)
    fn record_anew(&mut self) {
        if let Some(card) = &self.card {
            (self.pretraining, self.training) = (Replay::on(card), Replay::on(card));
        }
    }

    fn draw(&mut self) -> Result<Drawn, Failure> {
        let Parts { learner, objective, drawing, offline, batch: most, .. } = &mut self.parts;
        if self.classifier.is_none()
            && let Some(offline) = offline
        {
            let loader = &mut drawing.dealer_mut().loader;
            let batch = offline.next(*most / 3, loader, learner, *objective, &mut self.mining)?;
            let (pictures, people, indices, epoch) =
                (batch.pictures, batch.people, batch.indices, batch.epoch);
            return Ok(Drawn { pictures, people, indices, epoch, are_thirds: true });
        }
        drawing.take()
    }

    /// On a card, the next batch, while the step is computed.
    fn deal_ahead(&mut self) {
        // What triplets are drawn ahead from is up to the net that this step leaves.
        if self.parts.offline.is_none() {
            self.parts.drawing.deal_ahead();
        }
    }

    fn pretrain(&mut self, drawn: Drawn, report: StepReport) -> StepReport {
        let Self { parts, classifier, pretraining, .. } = self;
        let learner = &mut parts.learner;
        let people: Vec<f32> = drawn.people.iter().map(|&person| person as f32).collect();
        let pupils =
            Pupils { faces: learner.faces(drawn.pictures), people: Tensor::new(&[people.len()], people) };
        let classifier = classifier.as_mut().expect("pre-training has a classifier");
        let figures = pretraining.run(pupils, |Pupils { faces, people }| {
            let Classified { loss, accuracy, gradient, embeddings } =
                classifier.update(learner, &faces, &people);
            let Separation { same, different, spread } = Separation::of(&embeddings, &people);
            Figures::gather([loss, accuracy, gradient, same, different, spread])
        });
        self.deal_ahead();
        let [loss, accuracy, gradient, same, different, spread] = figures.read();
        let report = report
            .loss("loss/softmax", loss)
            .diagnostic("batch-accuracy", accuracy)
            .diagnostic("gradient-norm", gradient);
        separated(report, &Separation { same, different, spread })
    }

    fn train(&mut self, drawn: Drawn, report: StepReport) -> StepReport {
        let (objective, seed) = (self.parts.objective, self.mining.next_u64());
        if drawn.people.is_empty() {
            // Nothing could be drawn ahead.
            let report = report.loss("loss", 0.0).diagnostic("counted", 0.0).diagnostic("active", 0.0);
            let apart = Separation { spread: 1.0, ..Separation::default() };
            return self.trouble.watch(0.0, self.standing(), Counts::default(), &apart, report);
        }
        let Self { parts, training, .. } = self;
        let learner = &mut parts.learner;
        let hand =
            Hand { faces: learner.faces(drawn.pictures), labels: objective.labels(&drawn.people, seed) };
        let figures = training.run(hand, |Hand { faces, labels }| {
            let mut counts = None;
            let gradients = learner.gradients(&faces, &[], |_, embeddings| {
                let (loss, found) = if drawn.are_thirds {
                    objective.of_thirds(embeddings)
                } else {
                    objective.of(embeddings, &labels)
                };
                counts = Some(found);
                loss
            });
            let Counts { counted, active } = counts.expect("the loss was taken");
            let gradient = learner.descent.step(&gradients.net);
            let Separation { same, different, spread } =
                Separation::of(&gradients.embeddings, labels.numbers());
            Figures::gather([(&gradients.loss).into(), counted, active, gradient, same, different, spread])
        });
        self.deal_ahead();
        let [loss, counted, active, gradient, same, different, spread] = figures.read();
        let (counts, separation) = (Counts { counted, active }, Separation { same, different, spread });
        let report = report
            .loss("loss", loss)
            .diagnostic("counted", counted)
            .diagnostic("active", active)
            .diagnostic("gradient-norm", gradient);
        let report = separated(report, &separation);
        self.trouble.watch(loss as f32, self.standing(), counts, &separation, report)
    }

    /// The loss of embeddings that are all one.
    fn standing(&self) -> f32 {
        let Objective { kind, margin, .. } = self.parts.objective;
        match kind {
            Kind::Triplet => margin,
            Kind::SoftTriplet => std::f32::consts::LN_2,
            // As many pairs of two people as of one.
            Kind::Contrastive => margin * margin / 2.0,
        }
    }

    fn grade(&mut self) -> &Grade {
        let Parts { exam, learner, exact, .. } = &self.parts;
        self.grade.get_or_insert_with(|| exam.grade(&*learner.net, *exact))
    }

    /// Pairs that the net has most wrong: on the left the farthest of one person, on the right the nearest of two.
    fn confusions(&mut self) -> Grid {
        let [same, different] = self.grade().hardest(CONFUSIONS);
        let exam = &self.parts.exam;
        let (size, mut pixels) = (exam.size(), Vec::new());
        let row = size * 3;
        let mut add = |pair: &Pair| {
            let (left, right) = (exam.picture(pair.a), exam.picture(pair.b));
            for (left, right) in left.chunks_exact(row).zip(right.chunks_exact(row)) {
                pixels.extend_from_slice(left);
                pixels.extend_from_slice(right);
            }
        };
        let count = same.len().min(different.len());
        for ((same, _), (different, _)) in same.iter().zip(&different) {
            add(same);
            add(different);
        }
        Grid::bytes("confusions", [2 * count, size, 2 * size, 3], pixels).columns(2)
    }
}

fn separated(report: StepReport, separation: &Separation) -> StepReport {
    report
        .diagnostic("distance/same", separation.same)
        .diagnostic("distance/different", separation.different)
        .diagnostic("spread", separation.spread)
}

impl Trainer for FaceNetTrainer {
    fn step(&mut self, step: u64) -> Result<StepReport, Failure> {
        self.grade = None;
        if step > self.parts.pretrain && self.classifier.is_some() {
            // The triplets' gradients have another scale: what AdaGrad has summed up would slow them for ever.
            self.classifier = None;
            self.parts.learner.restart_optimiser();
            self.record_anew();
        }
        let drawn = self.draw()?;
        let epoch = drawn.epoch;
        let line = self.coverage.take(epoch, &drawn.indices);
        // Before pictures are dealt that this step does not see.
        let report = self.skipped.watch([&self.parts.drawing.dealer().loader], StepReport::new());
        let report =
            if self.classifier.is_some() { self.pretrain(drawn, report) } else { self.train(drawn, report) };
        let report = report.diagnostic("epoch", epoch as f64 + 1.0);
        Ok(match line {
            Some(line) => report.note(line),
            None => report,
        })
    }

    fn to_device(&mut self, card: &Device) -> bool {
        to_device(&*self.parts.learner.net, card);
        if let Some(classifier) = &self.classifier {
            classifier.to_device(card);
        }
        self.parts.drawing.to_device(card);
        self.card = Some(card.clone());
        self.record_anew();
        true
    }

    fn gradient_norms(&self) -> Vec<(String, f32)> {
        self.parts
            .learner
            .descent
            .gradient_norms()
            .map(|(name, norm)| (name.to_owned(), norm as f32))
            .collect()
    }

    fn save(&self, state: &mut State) {
        state.put_module("net", &*self.parts.learner.net);
        state.put_optimiser("optimiser", &*self.parts.learner.descent.optimiser);
        if let Some(classifier) = &self.classifier {
            classifier.save(state);
        }
        if let Some(offline) = &self.parts.offline {
            offline.save(state);
        }
        state.put_generator("mining", &self.mining);
        self.parts.drawing.save(state);
        self.coverage.save(state);
        self.trouble.save(state);
    }

    fn load(&mut self, state: &State) -> Result<(), StateError> {
        state.load_module("net", &*self.parts.learner.net)?;
        state.load_optimiser("optimiser", &mut *self.parts.learner.descent.optimiser)?;
        self.classifier = None;
        if Classifier::is_in(state) {
            let mut classifier = self.fresh_classifier();
            classifier.load(state)?;
            self.classifier = Some(classifier);
        }
        if let Some(offline) = &mut self.parts.offline {
            offline.load(state)?;
        }
        self.mining = state.generator("mining")?;
        self.parts.drawing.load(state)?;
        self.coverage.load(state)?;
        self.trouble = Trouble::load(state)?;
        self.grade = None;
        Ok(())
    }

    fn samples(&mut self) -> Result<Vec<Grid>, Failure> {
        let roc = plot::roc(&self.grade().roc());
        Ok(vec![roc, self.confusions()])
    }

    fn evaluate(&mut self) -> Result<Vec<(String, f64)>, Failure> {
        let coverage = self.coverage.ever();
        let grade = self.grade();
        Ok(vec![
            ("accuracy".into(), grade.accuracy),
            ("accuracy-error".into(), grade.accuracy_error),
            ("val".into(), grade.val),
            ("auc".into(), grade.auc),
            ("precision-at-1".into(), grade.precision_at_1),
            ("threshold".into(), grade.threshold),
            ("seen/people".into(), coverage.people as f64),
            ("seen/pictures".into(), coverage.pictures as f64),
        ])
    }

    fn export(&mut self) -> Vec<(String, Weights)> {
        let threshold = self.grade().threshold;
        let weights = exported(&*self.parts.learner.net, &self.parts.shape, threshold);
        vec![("embedder.safetensors".into(), weights)]
    }

    fn summary(&mut self) -> Result<Summary, Failure> {
        let metrics = self.evaluate()?;
        let (ever, data) = (self.coverage.ever(), Arc::clone(self.data()));
        let asked = self.parts.exam.describe();
        let grade = self.grade();
        let line = format!(
            "verification accuracy {:.2}% +- {:.2}, VAL {:.1}% at FAR {FAR}, AUC {:.4}, precision at 1 {:.1}% ({asked}; trained on \
             {} of {} people, {} of {} pictures)",
            100.0 * grade.accuracy,
            100.0 * grade.accuracy_error,
            100.0 * grade.val,
            grade.auc,
            100.0 * grade.precision_at_1,
            ever.people,
            data.classes(),
            ever.pictures,
            data.len(),
        );
        Ok(Summary { metrics, line })
    }
}
