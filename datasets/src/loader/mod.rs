//! Batches made ahead of the step on worker threads.
//!
//! What batch number `n` holds is decided by the seed alone: the order by
//! `(seed, epoch)`, each picture's augmentation by `(seed, epoch, index)`.
//! Workers only decide when it is ready. So the position of a loader is one
//! number, and a loader set to it goes on as if it had never stopped.

mod augment;
mod batch;
mod held_out;
mod order;
mod worker;

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

pub use augment::Augmentation;
use augment::Square;
pub use batch::Batch;
pub use held_out::{HeldOut, HeldOutOptions, held_out_samples};
pub use order::{BatchPlan, Order, Shuffled};
use worker::{Buffers, Decoded, Done, Job, Outcome, Shared};

use crate::{DataError, Dataset};

/// How many pictures that do not decode are skipped before a run is stopped:
/// ten and one in a hundred.
pub fn skip_limit(pictures: usize) -> usize {
    10 + pictures / 100
}

/// What a loader makes of a dataset.
#[derive(Debug, Clone, Copy)]
pub struct LoaderOptions {
    /// Pictures in a batch.
    pub batch: usize,
    /// The side to resize and crop to.
    pub size: usize,
    /// 1 for grey, 3 for RGB.
    pub channels: usize,
    /// Decides order and augmentation.
    pub seed: u64,
    /// Threads that decode; they change nothing but the time.
    pub workers: usize,
    /// What is varied between epochs.
    pub augmentation: Augmentation,
}

impl LoaderOptions {
    /// Batches of squares, seed 0, one worker, no augmentation.
    pub fn new(batch: usize, size: usize, channels: usize) -> Self {
        Self { batch, size, channels, seed: 0, workers: 1, augmentation: Augmentation::default() }
    }
}

/// An endless run of batches.
///
/// At most `workers + 1` batches lie ready or in work. Dropping the loader
/// stops its threads after the picture each is at.
pub struct Loader {
    shared: Arc<Shared>,
    order: Box<dyn Order>,
    /// The number of the next batch to give.
    position: u64,
    /// The number of the next batch to ask of the workers.
    planned: u64,
    /// Jobs sent whose outcome has not been received.
    in_work: usize,
    /// Batches received before their turn.
    ready: HashMap<u64, Outcome>,
    /// Most batches ready or in work.
    ahead: usize,
    /// Buffers of batches given, for batches to come.
    buffers: Vec<Buffers>,
    skipped: BTreeMap<usize, DataError>,
    jobs: Option<SyncSender<Job>>,
    done: Receiver<Done>,
    threads: Vec<JoinHandle<()>>,
}

impl Loader {
    /// A loader that gives every picture once an epoch, in random order; what
    /// does not fill a batch at an epoch's end is dropped.
    ///
    /// # Errors
    /// [`DataError::BatchTooLarge`]; [`DataError::System`] where no thread
    /// can be started.
    ///
    /// # Panics
    /// As [`Loader::with_order`].
    #[track_caller]
    pub fn new(dataset: Arc<dyn Dataset>, options: LoaderOptions) -> Result<Self, DataError> {
        let (pictures, batch) = (dataset.len(), options.batch);
        if batch > pictures {
            return Err(DataError::BatchTooLarge { source_name: dataset.describe(), batch, pictures });
        }
        let order = Shuffled::new(pictures, batch, options.seed);
        Self::with_order(dataset, Box::new(order), options)
    }

    /// A loader in an order of the caller's; `options.batch` is not used.
    ///
    /// # Errors
    /// [`DataError::System`] where no thread can be started.
    ///
    /// # Panics
    /// When sizes or workers are zero, channels are neither 1 nor 3, or
    /// pictures are to be cropped from less than the square.
    #[track_caller]
    pub fn with_order(
        dataset: Arc<dyn Dataset>,
        order: Box<dyn Order>,
        options: LoaderOptions,
    ) -> Result<Self, DataError> {
        let LoaderOptions { size, channels, seed, workers, augmentation, .. } = options;
        assert!(
            size > 0 && workers > 0 && (channels == 1 || channels == 3),
            "Loader: {options:?}, expected numbers above zero and 1 or 3 channels"
        );
        assert!(
            augmentation.crop_from.is_none_or(|from| from >= size),
            "Loader: a square of {size} cropped from {:?}, expected at least {size}",
            augmentation.crop_from
        );
        let square = Square { size, channels };
        let shared = Arc::new(Shared { dataset, square, augmentation, seed, generation: AtomicU64::new(0) });
        let ahead = workers + 1;
        let (jobs, waiting_jobs) = sync_channel(ahead);
        let waiting_jobs = Arc::new(Mutex::new(waiting_jobs));
        let (finished, done) = channel();
        let mut loader = Self {
            shared,
            order,
            position: 0,
            planned: 0,
            in_work: 0,
            ready: HashMap::new(),
            ahead,
            buffers: Vec::new(),
            skipped: BTreeMap::new(),
            jobs: Some(jobs),
            done,
            threads: Vec::new(),
        };
        for number in 0..workers {
            let (shared, jobs, finished) =
                (Arc::clone(&loader.shared), Arc::clone(&waiting_jobs), finished.clone());
            let thread = std::thread::Builder::new()
                .name(format!("loader-{number}"))
                .spawn(move || worker::work(&shared, &jobs, &finished));
            loader.threads.push(thread.map_err(|error| DataError::System {
                path: loader.shared.dataset.describe(),
                action: "start a thread to read",
                reason: error.to_string(),
            })?);
        }
        Ok(loader)
    }

    /// How many batches have been given: all that resuming needs to know.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Goes on at batch number `position`, as if all before had been given.
    pub fn seek(&mut self, position: u64) {
        if position != self.position {
            self.restart(position);
        }
    }

    /// Abandons what is in work and plans from `position` on.
    fn restart(&mut self, position: u64) {
        self.shared.generation.fetch_add(1, Ordering::Relaxed);
        self.ready.clear();
        (self.position, self.planned) = (position, position);
    }

    /// How many batches make an epoch.
    pub fn batches_per_epoch(&self) -> u64 {
        self.order.batches_per_epoch()
    }

    /// The dataset read from.
    pub fn dataset(&self) -> &Arc<dyn Dataset> {
        &self.shared.dataset
    }

    /// The pictures that did not decode in the batches given so far, by index;
    /// each error names its file.
    pub fn skipped(&self) -> &BTreeMap<usize, DataError> {
        &self.skipped
    }

    /// The next batch.
    ///
    /// # Errors
    /// As [`Loader::fill`].
    pub fn next_batch(&mut self) -> Result<Batch, DataError> {
        let mut batch = Batch::default();
        self.fill(&mut batch)?;
        Ok(batch)
    }

    /// The next batch, in the memory of an earlier one.
    ///
    /// # Errors
    /// [`DataError::TooManySkipped`] when more pictures than
    /// [`skip_limit`] did not decode, and whatever else a dataset says; the
    /// position then stays where it is.
    ///
    /// # Panics
    /// When the dataset's code panicked.
    pub fn fill(&mut self, batch: &mut Batch) -> Result<(), DataError> {
        let decoded = match self.receive() {
            Outcome::Made(decoded) => decoded,
            Outcome::Failed(error) => {
                self.restart(self.position);
                return Err(error);
            }
            Outcome::Panicked(panic) => std::panic::resume_unwind(panic),
            Outcome::Abandoned => unreachable!("only jobs of an earlier generation are abandoned"),
        };
        let Decoded { epoch, buffers, labels, indices, skipped } = decoded;
        self.skipped.extend(skipped);
        if let Some((_, first)) = self.skipped.first_key_value()
            && self.skipped.len() > skip_limit(self.shared.dataset.len())
        {
            let error = worker::too_many(&*self.shared.dataset, self.skipped.len(), first.clone());
            self.restart(self.position);
            return Err(error);
        }
        self.position += 1;
        let Square { size, channels } = self.shared.square;
        batch.set_bytes(size, channels, &buffers.pictures, &buffers.masks);
        (batch.labels, batch.indices, batch.epoch) = (labels, indices, epoch);
        self.buffers.push(buffers);
        self.send_jobs();
        Ok(())
    }

    /// Waits for the batch whose turn it is.
    fn receive(&mut self) -> Outcome {
        loop {
            if let Some(outcome) = self.ready.remove(&self.position) {
                return outcome;
            }
            self.send_jobs();
            let done = self.done.recv().expect("workers live as long as the loader");
            self.in_work -= 1;
            if done.generation == self.shared.generation.load(Ordering::Relaxed) {
                self.ready.insert(done.position, done.outcome);
            }
        }
    }

    /// Keeps the workers busy.
    fn send_jobs(&mut self) {
        let Some(jobs) = &self.jobs else { return };
        while self.in_work + self.ready.len() < self.ahead {
            let job = Job {
                generation: self.shared.generation.load(Ordering::Relaxed),
                position: self.planned,
                plan: self.order.batch(self.planned),
                buffers: self.buffers.pop().unwrap_or_default(),
            };
            if jobs.send(job).is_err() {
                return;
            }
            self.planned += 1;
            self.in_work += 1;
        }
    }
}

impl Drop for Loader {
    fn drop(&mut self) {
        self.shared.generation.fetch_add(1, Ordering::Relaxed);
        self.jobs = None;
        for thread in self.threads.drain(..) {
            // A worker's panic was caught and handed on; there is nothing to
            // join but the thread.
            let _ = thread.join();
        }
    }
}
