//! What has been seen: counted from the batches as they were, not as they were planned.

use std::collections::BTreeSet;
use std::sync::Arc;

use gobelin_datasets::Dataset;
use gobelin_harness::{State, StateError};

/// Of a picture: never seen, seen in an earlier epoch, seen in this one.
const NEVER: u8 = 0;
const BEFORE: u8 = 1;
const NOW: u8 = 2;

/// Which pictures were trained on.
pub struct Coverage {
    data: Arc<dyn Dataset>,
    epoch: u64,
    seen: Vec<u8>,
}

/// How much of the data is covered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Covered {
    /// People.
    pub people: usize,
    /// Pictures.
    pub pictures: usize,
}

impl Coverage {
    /// Nothing of the data seen.
    pub fn new(data: Arc<dyn Dataset>) -> Self {
        let seen = vec![NEVER; data.len()];
        Self { data, epoch: 0, seen }
    }

    /// Takes note of a batch. Where it begins an epoch, the line on the one before.
    pub fn take(&mut self, epoch: u64, indices: &[usize]) -> Option<String> {
        let line = (epoch != self.epoch).then(|| {
            let line = self.line();
            self.epoch = epoch;
            self.seen.iter_mut().filter(|seen| **seen == NOW).for_each(|seen| *seen = BEFORE);
            line
        });
        for &index in indices {
            self.seen[index] = NOW;
        }
        line
    }

    /// What was seen since training began.
    pub fn ever(&self) -> Covered {
        self.count(BEFORE)
    }

    /// What was seen in the present epoch.
    pub fn now(&self) -> Covered {
        self.count(NOW)
    }

    fn count(&self, at_least: u8) -> Covered {
        let pictures = || self.seen.iter().enumerate().filter(|(_, seen)| **seen >= at_least);
        let people: BTreeSet<u32> = pictures().map(|(index, _)| self.data.label(index)).collect();
        Covered { people: people.len(), pictures: pictures().count() }
    }

    fn line(&self) -> String {
        let (now, ever) = (self.now(), self.ever());
        format!(
            "epoch {}: saw {} of {} people and {} of {} pictures; since the beginning {} and {}",
            self.epoch + 1,
            now.people,
            self.data.classes(),
            now.pictures,
            self.data.len(),
            ever.people,
            ever.pictures
        )
    }

    /// Stores what was seen.
    pub fn save(&self, state: &mut State) {
        state.put_integer("coverage/epoch", self.epoch as i64);
        state.put_bytes("coverage/seen", self.seen.as_slice());
    }

    /// Takes it back.
    ///
    /// # Errors
    /// It is missing, or of other data.
    pub fn load(&mut self, state: &State) -> Result<(), StateError> {
        let seen = state.bytes("coverage/seen")?;
        if seen.len() != self.data.len() {
            return Err(StateError::Unexpected {
                name: "coverage/seen".into(),
                found: format!("of {} pictures", seen.len()),
                expected: format!("of the data's {}", self.data.len()),
            });
        }
        self.epoch = state.integer("coverage/epoch")? as u64;
        self.seen = seen.to_vec();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gobelin_datasets::{Faces, FacesOptions};

    #[test]
    fn what_was_seen_is_counted_once() {
        let faces = FacesOptions { size: 16, channels: 1, identities: 0..4, per_identity: 5, seed: 0 };
        let mut coverage = Coverage::new(Arc::new(Faces::new(faces)));
        assert_eq!(coverage.take(0, &[0, 1, 5]), None);
        assert_eq!(coverage.take(0, &[1, 6, 6]), None);
        assert_eq!((coverage.now(), coverage.now()), (Covered { people: 2, pictures: 4 }, coverage.ever()));
        let mut state = State::new();
        coverage.save(&mut state);
        let line = "epoch 1: saw 2 of 4 people and 4 of 20 pictures; since the beginning 2 and 4";
        assert_eq!(coverage.take(1, &[0, 19]).as_deref(), Some(line));
        assert_eq!(coverage.now(), Covered { people: 2, pictures: 2 });
        assert_eq!(coverage.ever(), Covered { people: 3, pictures: 5 });
        coverage.load(&state).unwrap();
        assert_eq!(coverage.ever(), Covered { people: 2, pictures: 4 });
    }
}
