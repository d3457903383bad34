//! Triplets drawn ahead ("offline"): every n steps a stock of pictures is embedded with the net as it then is, triplets
//! are chosen among them, and trained on until the next stock.
//!
//! The first of the two ways that Schroff et al. 2015 (section 3.2) name, and what online mining replaced. Its price: the
//! stock must be embedded besides, the triplets grow stale as the net moves on, and a batch of B pictures holds B / 3 triplets, where
//! online mining finds (K - 1) B among the same pictures.

use gobelin_autograd::random::Generator;
use gobelin_autograd::{Tensor, Var, ops};
use gobelin_datasets::{Batch, DataError, Loader};
use gobelin_harness::{State, StateError};
use gobelin_losses::mining::{Labels, Triplet};
use rand::Rng;
use rand::seq::SliceRandom;

use crate::learner::Learner;
use crate::objective::Objective;

/// A stock of pictures and the triplets drawn from it.
pub struct Offline {
    /// Steps on a stock.
    every: u64,
    /// Batches of the loader in a stock.
    batches: u64,
    /// The loader's position before the stock.
    start: u64,
    /// Steps done on the stock.
    done: u64,
    /// What was drawn, in the order of training.
    triplets: Vec<Triplet>,
    /// The pictures; missing after a resumption, until they are read again.
    stock: Option<Stock>,
}

struct Stock {
    size: usize,
    pixels: Vec<f32>,
    people: Vec<i64>,
    indices: Vec<usize>,
    epoch: u64,
}

/// A batch of triplets: pictures of all anchors, then of all positives, then of all negatives.
pub struct OfflineBatch {
    /// (3 T, size, size, 3).
    pub pictures: Tensor,
    /// Whose pictures they are.
    pub people: Vec<i64>,
    /// The pictures' places in the data.
    pub indices: Vec<usize>,
    /// How many times the data had been gone through.
    pub epoch: u64,
}

impl Offline {
    /// Draws from `batches` batches of a loader for `every` steps.
    pub fn new(every: u64, batches: u64) -> Self {
        // The first step finds its stock used up.
        Self { every, batches, start: 0, done: every, triplets: Vec::new(), stock: None }
    }

    /// The next batch of at most `most` triplets. Where the stock is used up, another is drawn with the net as it is.
    ///
    /// # Errors
    /// Pictures cannot be read.
    pub fn next(
        &mut self,
        most: usize,
        loader: &mut Loader,
        learner: &Learner,
        objective: Objective,
        numbers: &mut Generator,
    ) -> Result<OfflineBatch, DataError> {
        if self.done == self.every {
            self.start = loader.position();
            self.done = 0;
            let stock = self.read(loader)?;
            self.draw(&stock, learner, objective, numbers);
            self.stock = Some(stock);
        }
        if self.stock.is_none() {
            loader.seek(self.start);
            self.stock = Some(self.read(loader)?);
        }
        let stock = self.stock.as_ref().expect("read above");
        let first = self.done as usize * most;
        // Of fewer triplets than the steps want, the first come again.
        let chosen: Vec<Triplet> =
            self.triplets.iter().cycle().skip(first).take(most.min(self.triplets.len())).copied().collect();
        self.done += 1;
        Ok(stock.batch(&chosen))
    }

    fn read(&self, loader: &mut Loader) -> Result<Stock, DataError> {
        let mut stock =
            Stock { size: 0, pixels: Vec::new(), people: Vec::new(), indices: Vec::new(), epoch: 0 };
        let mut batch = Batch::default();
        for _ in 0..self.batches {
            loader.fill(&mut batch)?;
            stock.pixels.extend_from_slice(&batch.pixels);
            stock.people.extend(batch.labels.iter().map(|&label| i64::from(label)));
            stock.indices.extend_from_slice(&batch.indices);
            (stock.size, stock.epoch) = (batch.size, batch.epoch);
        }
        Ok(stock)
    }

    /// Embeds the stock as training does, batch by batch of a size, and draws triplets in random order.
    fn draw(&mut self, stock: &Stock, learner: &Learner, objective: Objective, numbers: &mut Generator) {
        let picture = stock.size * stock.size * 3;
        let each = stock.people.len().div_ceil(self.batches as usize);
        let embed = |pixels: &[f32]| -> Var {
            let shape = [pixels.len() / picture, stock.size, stock.size, 3];
            learner.embed(&learner.faces(Tensor::new(&shape, pixels))).into()
        };
        let parts: Vec<Var> = stock.pixels.chunks(each * picture).map(embed).collect();
        let embeddings = ops::concat(&parts.iter().collect::<Vec<_>>(), 0).into_tensor();
        let labels = Labels::new(&stock.people, numbers.next_u64());
        let chosen = objective.triplets(&embeddings, &labels);
        self.triplets = chosen.expect("offline mining chooses");
        self.triplets.shuffle(numbers);
    }

    /// Stores what was drawn; the pictures are read again.
    pub fn save(&self, state: &mut State) {
        state.put_integer("offline/start", self.start as i64);
        state.put_integer("offline/done", self.done as i64);
        let numbers = |t: &Triplet| [t.anchor, t.positive, t.negative].map(i64::from);
        let numbers: Vec<i64> = self.triplets.iter().flat_map(numbers).collect();
        state.put_integer("offline/count", self.triplets.len() as i64);
        state.put_integers("offline/triplets", &[self.triplets.len(), 3], numbers);
    }

    /// Takes it back.
    ///
    /// # Errors
    /// It is missing.
    pub fn load(&mut self, state: &State) -> Result<(), StateError> {
        let count = state.integer("offline/count")? as usize;
        let numbers = state.integers("offline/triplets", &[count, 3])?;
        let triplet = |numbers: &[i64]| Triplet {
            anchor: numbers[0] as u32,
            positive: numbers[1] as u32,
            negative: numbers[2] as u32,
        };
        self.triplets = numbers.chunks_exact(3).map(triplet).collect();
        self.start = state.integer("offline/start")? as u64;
        self.done = state.integer("offline/done")? as u64;
        self.stock = None;
        Ok(())
    }
}

impl Stock {
    fn batch(&self, chosen: &[Triplet]) -> OfflineBatch {
        let roles: [fn(&Triplet) -> u32; 3] = [|t| t.anchor, |t| t.positive, |t| t.negative];
        let places: Vec<usize> =
            roles.iter().flat_map(|role| chosen.iter().map(|triplet| role(triplet) as usize)).collect();
        let picture = self.size * self.size * 3;
        let pictures = Tensor::build(&[places.len(), self.size, self.size, 3], |out| {
            for (out, &place) in out.chunks_exact_mut(picture).zip(&places) {
                out.copy_from_slice(&self.pixels[place * picture..][..picture]);
            }
        });
        OfflineBatch {
            pictures,
            people: places.iter().map(|&place| self.people[place]).collect(),
            indices: places.iter().map(|&place| self.indices[place]).collect(),
            epoch: self.epoch,
        }
    }
}
