//! The flags of `gobelin facenet`.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use clap::ValueEnum;
use gobelin_autograd::random;
use gobelin_datasets::{Augmentation, Dataset, Loader, LoaderOptions, Order, Source, Split};
use gobelin_harness::{Defaults, Error, Failure, Given, Hands, Recipe, RunOptions, Tool, tell};
use gobelin_losses::mining::Fallback;
use serde::{Deserialize, Serialize};

use crate::drawing::Drawing;
use crate::embedder::{DIMENSIONS, Net, SIZES, Shape, WIDTHS};
use crate::exam::Exam;
use crate::learner::{Learner, Method};
use crate::lfw::Pairs;
use crate::objective::{Kind, MOST_LISTED, Mine, Objective, every_triplet_count};
use crate::offline::Offline;
use crate::people::{self, Trainable};
use crate::sampler::PeopleByFaces;
use crate::tools;
use crate::trainer::{FaceNetTrainer, Parts};

/// People in a batch where nothing else is said, if there are so many.
const PEOPLE: usize = 32;
/// Pictures of each.
const FACES: usize = 4;

/// What is particular to FaceNet. What is not given is chosen by the net and the data, and then written to config.toml.
#[derive(Clone, Debug, clap::Args, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct FaceNetOptions {
    /// Which net
    #[arg(long, value_enum, default_value_t = Net::Small)]
    pub net: Net,
    /// Rows and columns of the pictures [default: 32 for the small net, 96 for NN2]
    #[arg(long, value_name = "PIXELS")]
    pub size: Option<usize>,
    /// Small net: channels of the widest map; narrower maps have more
    #[arg(long, value_name = "W", default_value_t = 32)]
    pub width: usize,
    /// Length of an embedding
    #[arg(long, value_name = "D", default_value_t = 128)]
    pub dimensions: usize,
    /// People in a batch [default: --batch / --faces; 32 if there are so many]
    #[arg(long, value_name = "P")]
    pub people: Option<usize>,
    /// Pictures of each person in a batch (the paper: about 40) [default: 4]
    #[arg(long, value_name = "K")]
    pub faces: Option<usize>,
    /// What is learned from
    #[arg(long, value_enum, default_value_t = Loss::Triplet)]
    pub loss: Loss,
    /// Which triplets (or pairs of theirs) of a batch
    #[arg(long, value_enum, default_value_t = Mining::SemiHard)]
    pub mining: Mining,
    /// Semi-hard and offline: what to take for a pair with no negative in the band
    #[arg(long, value_enum, default_value_t = Otherwise::Skip)]
    pub fallback: Otherwise,
    /// By how much a negative must be farther than a positive; contrastive: how far two people must be apart [default:
    /// 0.2; contrastive: 1]
    #[arg(long, value_name = "M")]
    pub margin: Option<f32>,
    /// A soft ramp in place of the margin (triplets)
    #[arg(long)]
    pub soft_margin: bool,
    /// Which L2 distance triplets compare: squared (the paper) or plain
    #[arg(long, value_enum, default_value_t = Distance::Squared)]
    pub distance: Distance,
    /// Offline: steps on triplets drawn ahead
    #[arg(long, value_name = "N", default_value_t = 50)]
    pub mine_every: u64,
    /// Offline: pictures that triplets are drawn from
    #[arg(long, value_name = "N", default_value_t = 2048)]
    pub mine_from: usize,
    /// Pictures in a pass: larger batches are mined whole and trained on in two passes; 0: all in one pass
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub chunk: usize,
    /// Steps of softmax over the people before triplets
    #[arg(long, value_name = "STEPS", default_value_t = 0)]
    pub pretrain: u64,
    /// How the net learns (the paper: adagrad)
    #[arg(long, value_enum, default_value_t = Optimiser::Adam)]
    pub optimiser: Optimiser,
    /// Learning rate [default: 1e-3; adagrad 0.05, as in the paper]
    #[arg(long, value_name = "RATE")]
    pub learning_rate: Option<f64>,
    /// Show pictures also turned left to right
    #[arg(long)]
    pub flip: bool,
    /// Held-out pictures that are verified
    #[arg(long, value_name = "N", default_value_t = 2000)]
    pub held_out: usize,
    /// Verify one of LFW's lists of pairs (view 1 or 2) instead of held-out people; the people in it are not trained on
    #[arg(long, value_name = "pairs.txt")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pairs: Option<PathBuf>,
    /// Where the pictures of --pairs lie, a folder for each person [default: the folder of --data identities:DIR]
    #[arg(long, value_name = "DIR")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pairs_data: Option<PathBuf>,
}

/// `--loss`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Loss {
    /// Triplets
    Triplet,
    /// Pairs: those of the mined triplets
    Contrastive,
}

/// `--mining`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mining {
    /// The nearest negative farther than the positive by less than the margin, as in the paper
    SemiHard,
    /// Of each anchor, the farthest positive and the nearest negative
    BatchHard,
    /// All
    BatchAll,
    /// Negatives drawn so that all distances are equally likely
    DistanceWeighted,
    /// Semi-hard ones drawn ahead, with older embeddings
    Offline,
}

/// `--fallback`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Otherwise {
    /// The pair does not count
    Skip,
    /// The nearest negative of all
    Hardest,
    /// The farthest negative of all
    Largest,
}

/// `--distance`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Distance {
    /// Squared, as in the paper
    Squared,
    /// Plain
    Plain,
}

/// `--optimiser`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Optimiser {
    /// AdaGrad
    Adagrad,
    /// Adam
    Adam,
}

impl Recipe for FaceNetOptions {
    type Trainer = FaceNetTrainer;
    const NAME: &'static str = "facenet";
    const ABOUT: &'static str = "Train embeddings of faces in which people can be told apart";
    const DEFAULTS: Defaults =
        Defaults { data: "faces", steps: 800, batch: PEOPLE * FACES, log_every: 10, sample_every: 200 };
    const TOOLS: &'static [Tool] = tools::TOOLS;

    fn settle(&mut self, run: &mut RunOptions, given: &Given) -> Result<(), Failure> {
        self.size.get_or_insert(match self.net {
            Net::Small => 32,
            Net::Nn2 => 96,
        });
        self.margin.get_or_insert(match self.loss {
            Loss::Triplet => 0.2,
            Loss::Contrastive => 1.0,
        });
        self.learning_rate.get_or_insert(match self.optimiser {
            Optimiser::Adagrad => 0.05,
            Optimiser::Adam => 1e-3,
        });
        // Before the batch, for which the data is opened.
        self.check_values()?;
        self.settle_batch(run, given)?;
        self.check_batch(run)
    }

    fn build(&self, run: &RunOptions) -> Result<FaceNetTrainer, Failure> {
        let mut options = self.clone();
        // Changes nothing in what was settled, but refuses a config.toml that was spoilt by hand.
        options.settle(&mut run.clone(), &Given::default())?;
        options.build_settled(run)
    }
}

impl FaceNetOptions {
    fn refuse(message: impl Into<String>) -> Failure {
        Error::Call(message.into()).into()
    }

    /// People, faces, and the batch that they make.
    fn settle_batch(&mut self, run: &mut RunOptions, given: &Given) -> Result<(), Failure> {
        let faces = *self.faces.get_or_insert(FACES);
        if faces < 2 {
            let message = format!(
                "--faces {faces}: a positive needs a second picture of the person; expected 2 or more (the paper: about 40)"
            );
            return Err(Self::refuse(message));
        }
        if self.people.is_none() {
            let people = if given.contains("batch") {
                if !run.batch.is_multiple_of(faces) {
                    let message = format!(
                        "--batch {}: no multiple of the {faces} faces of each person; make it one, or set --faces",
                        run.batch
                    );
                    return Err(Self::refuse(message));
                }
                run.batch / faces
            } else {
                PEOPLE.min(self.trainable(&Self::source(run)?, &BTreeSet::new())?.1.pictures.len()).max(2)
            };
            self.people = Some(people);
            if !given.contains("batch") {
                run.batch = people * faces;
            }
        }
        let people = self.people.unwrap_or(0);
        if people < 2 {
            let message = format!(
                "--people {people}: a negative needs a second person; expected 2 or more, and --batch as many times --faces"
            );
            return Err(Self::refuse(message));
        }
        let made = people.saturating_mul(faces);
        if given.contains("people") && !given.contains("batch") {
            run.batch = made;
        }
        if run.batch != made {
            let message = format!(
                "--batch {}: --people {people} x --faces {faces} make {made}; leave one of the three out",
                run.batch
            );
            return Err(Self::refuse(message));
        }
        Ok(())
    }

    /// Values out of range, and values that cannot go together.
    fn check_values(&self) -> Result<(), Failure> {
        let between = |flag: &str, value: f64, low: f64, high: f64, help: &str| {
            if (low..=high).contains(&value) {
                return Ok(());
            }
            Err(Self::refuse(format!("--{flag} {value}: expected {low} to {high}{help}")))
        };
        let within = |flag: &str, value: usize, range: RangeInclusive<usize>| {
            between(flag, value as f64, *range.start() as f64, *range.end() as f64, "")
        };
        within("size", self.size.unwrap_or(32), SIZES)?;
        within("width", self.width, WIDTHS)?;
        within("dimensions", self.dimensions, DIMENSIONS)?;
        let margin = self.margin.unwrap_or(0.2);
        if !(0.0..=4.0).contains(&margin) {
            return Err(Self::refuse(format!("--margin {margin}: expected 0 to 4")));
        }
        between("learning-rate", self.learning_rate.unwrap_or(0.0), 0.0, 10.0, "")?;
        between("mine-every", self.mine_every as f64, 1.0, 1e6, "")?;
        between("mine-from", self.mine_from as f64, 2.0, 1e6, "")?;
        between("held-out", self.held_out as f64, 4.0, 5000.0, "")?;
        if self.chunk == 1 {
            return Err(Self::refuse(
                "--chunk 1: batch norm needs pictures to compare; use 2 or more, or 0 for one pass",
            ));
        }
        if self.loss == Loss::Contrastive && self.soft_margin {
            return Err(Self::refuse("--soft-margin: pairs have no soft margin; use --loss triplet"));
        }
        if self.pairs_data.is_some() && self.pairs.is_none() {
            return Err(Self::refuse("--pairs-data: no list of pairs; add --pairs pairs.txt"));
        }
        Ok(())
    }

    /// Whether a batch makes no more terms than are listed.
    fn check_batch(&self, run: &RunOptions) -> Result<(), Failure> {
        let (people, faces) = (self.people.unwrap_or(2), self.faces.unwrap_or(2));
        let listed = match self.loss {
            _ if self.mining != Mining::BatchAll => 0,
            Loss::Contrastive => run.batch.saturating_mul(run.batch) / 2,
            Loss::Triplet if self.soft_margin => every_triplet_count(people, faces),
            Loss::Triplet => 0,
        };
        if listed > MOST_LISTED {
            let loss = if self.loss == Loss::Contrastive { "--loss contrastive" } else { "--soft-margin" };
            return Err(Self::refuse(format!(
                "--mining batch-all: {people} people x {faces} faces make {listed} terms; with {loss} expected at most \
                 {MOST_LISTED}; use --mining batch-hard or a smaller batch"
            )));
        }
        Ok(())
    }

    fn source(run: &RunOptions) -> Result<Source, Failure> {
        Source::from_str(&run.data).map_err(|error| Self::refuse(error.to_string()))
    }

    /// The data to train on, and who of it can be trained on.
    fn trainable(
        &self,
        source: &Source,
        left_out: &BTreeSet<String>,
    ) -> Result<(Arc<dyn Dataset>, Trainable), Failure> {
        let data = people::open(source, Split::Train, self.size.unwrap_or(32))?;
        let trainable = Trainable::new(&*data, left_out);
        Ok((data, trainable))
    }

    fn listed_pairs(&self, source: &Source) -> Result<Option<Pairs>, Failure> {
        let Some(list) = &self.pairs else { return Ok(None) };
        let ((Some(folder), _) | (None, Source::Identities(folder))) = (&self.pairs_data, source) else {
            let message = "--pairs: nothing says where its pictures lie; add --pairs-data DIR with a folder for each person";
            return Err(Self::refuse(message));
        };
        Ok(Some(Pairs::read(list, folder)?))
    }

    fn objective(&self) -> Objective {
        let fallback = match self.fallback {
            Otherwise::Skip => Fallback::Skip,
            Otherwise::Hardest => Fallback::Hardest,
            Otherwise::Largest => Fallback::Largest,
        };
        Objective {
            kind: match self.loss {
                Loss::Contrastive => Kind::Contrastive,
                Loss::Triplet if self.soft_margin => Kind::SoftTriplet,
                Loss::Triplet => Kind::Triplet,
            },
            mine: match self.mining {
                Mining::SemiHard | Mining::Offline => Mine::SemiHard(fallback),
                Mining::BatchHard => Mine::BatchHard,
                Mining::BatchAll => Mine::BatchAll,
                Mining::DistanceWeighted => Mine::DistanceWeighted,
            },
            margin: self.margin.expect("settled before"),
            squared: self.distance == Distance::Squared,
        }
    }

    fn build_settled(&self, run: &RunOptions) -> Result<FaceNetTrainer, Failure> {
        let settled = "settled before";
        let (size, people, faces) =
            (self.size.expect(settled), self.people.expect(settled), self.faces.expect(settled));
        let source = Self::source(run)?;
        let pairs = self.listed_pairs(&source)?;
        let examined = pairs.as_ref().map(Pairs::people).unwrap_or_default();
        let (data, trainable) = self.trainable(&source, &examined)?;
        trainable.must_have(people, &run.data)?;
        let exam = match pairs {
            Some(Pairs { pictures, pairs, folds }) => {
                let pictures: Arc<dyn Dataset> = Arc::new(pictures);
                Exam::of_pairs(&pictures, pairs, folds, size)?
            }
            None => Exam::new(&people::open(&source, Split::HeldOut, size)?, self.held_out, size)?,
        };
        let order = PeopleByFaces::new(trainable.pictures.clone(), people, faces, run.seed);
        let never = (self.pretrain > 0 && self.pretrain >= run.steps).then(|| {
            format!(
                "--pretrain {}: all {} steps are softmax, none has triplets; make --steps larger or --pretrain smaller",
                self.pretrain, run.steps
            )
        });
        for line in trainable.notices(&run.data, faces).into_iter().chain([order.describe()]).chain(never) {
            tell(&line);
        }
        let batches = (self.mine_from as u64).div_ceil(run.batch as u64);
        let offline = (self.mining == Mining::Offline).then(|| Offline::new(self.mine_every, batches));
        let options = LoaderOptions {
            seed: run.seed,
            augmentation: Augmentation { flip: self.flip, ..Augmentation::default() },
            ..LoaderOptions::new(run.batch, size, 3)
        };
        let order: Box<dyn Order> = Box::new(order);
        let shape = Shape { net: self.net, width: self.width, dimensions: self.dimensions, size };
        let method = match self.optimiser {
            Optimiser::Adagrad => Method::AdaGrad,
            Optimiser::Adam => Method::Adam,
        };
        let net = shape.build(&mut random::generator(run.seed, 0));
        let learning_rate = self.learning_rate.expect(settled);
        Ok(FaceNetTrainer::new(Parts {
            learner: Learner::new(net, method, learning_rate, self.chunk, run.exact),
            shape,
            objective: self.objective(),
            drawing: Hands::new(Drawing::new(Loader::with_order(data, order, options)?)),
            batch: run.batch,
            offline,
            exam,
            pretrain: self.pretrain,
            seed: run.seed,
            exact: run.exact,
        }))
    }
}
