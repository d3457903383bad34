//! The threads that decode and augment.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};

use super::augment::{Augmentation, Square};
use super::order::BatchPlan;
use super::skip_limit;
use crate::{DataError, Dataset, Sample};

/// What all workers of a loader share.
pub(super) struct Shared {
    pub dataset: Arc<dyn Dataset>,
    pub square: Square,
    pub augmentation: Augmentation,
    pub seed: u64,
    /// Raised by a seek and by the end; jobs of an earlier one are abandoned.
    pub generation: AtomicU64,
}

/// A batch to make.
pub(super) struct Job {
    pub generation: u64,
    pub position: u64,
    pub plan: BatchPlan,
    /// Buffers from an earlier batch, to be filled anew.
    pub buffers: Buffers,
}

/// What is decoded of a batch's pictures.
#[derive(Default)]
pub(super) struct Buffers {
    pub pictures: Vec<u8>,
    pub masks: Vec<u8>,
}

/// A batch made.
pub(super) struct Decoded {
    pub epoch: u64,
    pub buffers: Buffers,
    pub labels: Vec<u32>,
    pub indices: Vec<usize>,
    /// Pictures that did not decode, and why.
    pub skipped: Vec<(usize, DataError)>,
}

/// What became of a job.
pub(super) enum Outcome {
    Made(Decoded),
    Failed(DataError),
    /// A seek came in between.
    Abandoned,
    /// A mistake in a dataset's code, to be raised again where batches are
    /// taken.
    Panicked(Box<dyn Any + Send>),
}

/// A job's outcome, with what places it.
pub(super) struct Done {
    pub generation: u64,
    pub position: u64,
    pub outcome: Outcome,
}

/// Takes jobs until there will be no more.
pub(super) fn work(shared: &Shared, jobs: &Mutex<Receiver<Job>>, done: &Sender<Done>) {
    // A pool of this thread alone: a thread that waits for a batch may be the only one of the program's own.
    let _alone = rayon::ThreadPoolBuilder::new().num_threads(1).use_current_thread().build();
    loop {
        // The lock is held while waiting, so the waiting workers queue for it.
        let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = job else { return };
        let (generation, position) = (job.generation, job.position);
        let outcome = catch_unwind(AssertUnwindSafe(|| make(shared, job))).unwrap_or_else(Outcome::Panicked);
        if done.send(Done { generation, position, outcome }).is_err() {
            return;
        }
    }
}

fn make(shared: &Shared, job: Job) -> Outcome {
    let Job { generation, plan, mut buffers, .. } = job;
    buffers.masks.clear();
    buffers.pictures.clear();
    buffers.pictures.reserve_exact(plan.indices.len() * shared.square.bytes());
    let (mut labels, mut indices, mut skipped) = (Vec::new(), Vec::new(), Vec::new());
    for asked in plan.indices {
        if shared.generation.load(Ordering::Relaxed) != generation {
            return Outcome::Abandoned;
        }
        let (index, sample) = match sample_or_next(&*shared.dataset, asked, &mut skipped) {
            Ok(found) => found,
            Err(error) => return Outcome::Failed(error),
        };
        let square = shared.square.augmented(&sample, shared.augmentation, shared.seed, plan.epoch, asked);
        buffers.pictures.extend_from_slice(&square.picture.pixels);
        buffers.masks.extend(square.mask.iter().flat_map(|mask| &mask.pixels));
        labels.push(sample.label);
        indices.push(index);
    }
    Outcome::Made(Decoded { epoch: plan.epoch, buffers, labels, indices, skipped })
}

/// Picture `asked`, or the first after it that decodes, going round at the
/// end. What did not decode is added to `skipped`.
pub(super) fn sample_or_next(
    dataset: &dyn Dataset,
    asked: usize,
    skipped: &mut Vec<(usize, DataError)>,
) -> Result<(usize, Sample), DataError> {
    let (mut index, mut tries) = (asked, 0);
    loop {
        match dataset.sample(index) {
            Ok(sample) => return Ok((index, sample)),
            Err(error @ DataError::Picture { .. }) => skipped.push((index, error)),
            Err(error) => return Err(error),
        }
        tries += 1;
        if tries > skip_limit(dataset.len()) || tries == dataset.len() {
            return Err(too_many(dataset, tries, skipped.swap_remove(skipped.len() - tries).1));
        }
        index = (index + 1) % dataset.len();
    }
}

/// The error of a dataset with too many pictures that do not decode.
pub(super) fn too_many(dataset: &dyn Dataset, skipped: usize, first: DataError) -> DataError {
    DataError::TooManySkipped {
        source_name: dataset.describe(),
        skipped,
        limit: skip_limit(dataset.len()),
        pictures: dataset.len(),
        first: Box::new(first),
    }
}
