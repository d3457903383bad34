//! The complete state of a trainer as named entries, which is what a
//! checkpoint holds and what an exported file of weights is made of.

use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One named piece of a trainer's state.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Entry {
    /// Numbers in row-major order; `data.len()` is the product of `shape`.
    Floats {
        /// Sizes of the axes, outermost first; empty for a single number.
        shape: Vec<usize>,
        /// The numbers.
        data: Vec<f32>,
    },
    /// Whole numbers in row-major order: counters, positions, permutations.
    Integers {
        /// Sizes of the axes, outermost first; empty for a single number.
        shape: Vec<usize>,
        /// The numbers.
        data: Vec<i64>,
    },
    /// Bytes, as of a pool of pictures.
    Bytes(Vec<u8>),
    /// Text, as of a schedule's name.
    Text(String),
    /// A random generator at its place in its stream.
    Generator {
        /// The 256-bit seed.
        seed: [u8; 32],
        /// Which of the seed's streams.
        stream: u64,
        /// How many 32-bit words of the stream have been drawn.
        word_position: u128,
    },
}

impl Entry {
    fn kind(&self) -> String {
        match self {
            Entry::Floats { shape, .. } => format!("floats {shape:?}"),
            Entry::Integers { shape, .. } => format!("integers {shape:?}"),
            Entry::Bytes(bytes) => format!("{} bytes", bytes.len()),
            Entry::Text(_) => "text".into(),
            Entry::Generator { .. } => "a random generator".into(),
        }
    }

    /// Equal bit by bit: unlike `==`, -0.0 differs from 0.0, and a NaN equals itself.
    fn same(&self, other: &Entry) -> bool {
        match (self, other) {
            (Entry::Floats { shape: a, data: x }, Entry::Floats { shape: b, data: y }) => {
                a == b && x.iter().map(|v| v.to_bits()).eq(y.iter().map(|v| v.to_bits()))
            }
            _ => self == other,
        }
    }
}

/// An entry that is missing or is not what the trainer expects.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StateError {
    /// No entry has this name.
    #[error("it has no entry {0}")]
    Missing(String),
    /// The entry has another kind or shape.
    #[error("its entry {name} is {found}, expected {expected}")]
    Unexpected {
        /// The entry's name.
        name: String,
        /// Its kind and shape.
        found: String,
        /// The kind and shape that were asked for.
        expected: String,
    },
    /// What an optimiser or an average was given back is not its own.
    #[error("{0}")]
    Learned(#[from] gobelin_autograd::optimiser::StateError),
    /// A file that the run depends on, which is named here, holds something else now.
    #[error("{0} is not what it was when the run began")]
    Changed(String),
}

impl StateError {
    /// Where it comes from, or what to do.
    pub fn advice(&self) -> &'static str {
        match self {
            Self::Changed(_) => "put it back, or begin a new run with another --out",
            _ => "it was made by another version of the program",
        }
    }
}

/// Named entries, ordered by name so that the same state gives the same bytes
/// in whatever order it was put together.
///
/// Names are paths: `generator/main.0.weight`. Storing two entries under one
/// name is a mistake in code and panics.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct State {
    entries: BTreeMap<String, Entry>,
}

impl State {
    /// A state without entries.
    pub fn new() -> State {
        State::default()
    }

    /// Every entry, ordered by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Entry)> {
        self.entries.iter().map(|(name, entry)| (name.as_str(), entry))
    }

    /// Whether there is an entry `name`.
    pub fn contains(&self, name: &str) -> bool {
        self.entries.contains_key(name)
    }

    /// Stores an entry.
    #[track_caller]
    pub fn put(&mut self, name: impl Into<String>, entry: Entry) {
        let name = name.into();
        let expected = match &entry {
            Entry::Floats { shape, data } => Some((shape.iter().product::<usize>(), data.len())),
            Entry::Integers { shape, data } => Some((shape.iter().product::<usize>(), data.len())),
            _ => None,
        };
        if let Some((product, length)) = expected {
            assert!(product == length, "state {name}: {} holds {length} numbers", entry.kind());
        }
        assert!(!self.contains(&name), "state {name}: stored twice");
        self.entries.insert(name, entry);
    }

    /// Stores numbers of the given shape.
    #[track_caller]
    pub fn put_floats(&mut self, name: impl Into<String>, shape: &[usize], data: impl Into<Vec<f32>>) {
        self.put(name, Entry::Floats { shape: shape.to_vec(), data: data.into() });
    }

    /// Stores whole numbers of the given shape.
    #[track_caller]
    pub fn put_integers(&mut self, name: impl Into<String>, shape: &[usize], data: impl Into<Vec<i64>>) {
        self.put(name, Entry::Integers { shape: shape.to_vec(), data: data.into() });
    }

    /// Stores one whole number.
    #[track_caller]
    pub fn put_integer(&mut self, name: impl Into<String>, value: i64) {
        self.put_integers(name, &[], vec![value]);
    }

    /// Stores bytes.
    #[track_caller]
    pub fn put_bytes(&mut self, name: impl Into<String>, bytes: impl Into<Vec<u8>>) {
        self.put(name, Entry::Bytes(bytes.into()));
    }

    /// Stores text.
    #[track_caller]
    pub fn put_text(&mut self, name: impl Into<String>, text: impl Into<String>) {
        self.put(name, Entry::Text(text.into()));
    }

    /// Stores a random generator at its present place in its stream.
    #[track_caller]
    pub fn put_generator(&mut self, name: impl Into<String>, generator: &ChaCha8Rng) {
        self.put(
            name,
            Entry::Generator {
                seed: generator.get_seed(),
                stream: generator.get_stream(),
                word_position: generator.get_word_pos(),
            },
        );
    }

    /// Stores every entry of another state.
    #[track_caller]
    pub fn put_all(&mut self, other: State) {
        for (name, entry) in other.entries {
            self.put(name, entry);
        }
    }

    /// Stores every entry of `part` under `prefix/`.
    #[track_caller]
    pub fn put_part(&mut self, prefix: &str, part: State) {
        for (name, entry) in part.entries {
            self.put(format!("{prefix}/{name}"), entry);
        }
    }

    /// The entries stored under `prefix/`, without the prefix.
    ///
    /// # Errors
    /// [`StateError::Missing`] when there is none.
    pub fn part(&self, prefix: &str) -> Result<State, StateError> {
        let start = format!("{prefix}/");
        let entries: BTreeMap<String, Entry> = self
            .entries
            .range(start.clone()..)
            .take_while(|(name, _)| name.starts_with(&start))
            .map(|(name, entry)| (name[start.len()..].to_owned(), entry.clone()))
            .collect();
        if entries.is_empty() { Err(StateError::Missing(start)) } else { Ok(State { entries }) }
    }

    fn get(&self, name: &str) -> Result<&Entry, StateError> {
        self.entries.get(name).ok_or_else(|| StateError::Missing(name.to_owned()))
    }

    fn unexpected(&self, name: &str, expected: impl Into<String>) -> StateError {
        let found = self.entries[name].kind();
        StateError::Unexpected { name: name.to_owned(), found, expected: expected.into() }
    }

    /// The numbers stored under `name`, which must have this shape.
    ///
    /// # Errors
    /// The entry is missing, or has another kind or shape.
    pub fn floats(&self, name: &str, shape: &[usize]) -> Result<&[f32], StateError> {
        match self.get(name)? {
            Entry::Floats { shape: found, data } if found == shape => Ok(data),
            _ => Err(self.unexpected(name, format!("floats {shape:?}"))),
        }
    }

    /// The whole numbers stored under `name`, which must have this shape.
    ///
    /// # Errors
    /// The entry is missing, or has another kind or shape.
    pub fn integers(&self, name: &str, shape: &[usize]) -> Result<&[i64], StateError> {
        match self.get(name)? {
            Entry::Integers { shape: found, data } if found == shape => Ok(data),
            _ => Err(self.unexpected(name, format!("integers {shape:?}"))),
        }
    }

    /// The whole number stored under `name`.
    ///
    /// # Errors
    /// The entry is missing or of another kind.
    pub fn integer(&self, name: &str) -> Result<i64, StateError> {
        self.integers(name, &[]).map(|data| data[0])
    }

    /// The bytes stored under `name`.
    ///
    /// # Errors
    /// The entry is missing or of another kind.
    pub fn bytes(&self, name: &str) -> Result<&[u8], StateError> {
        match self.get(name)? {
            Entry::Bytes(bytes) => Ok(bytes),
            _ => Err(self.unexpected(name, "bytes")),
        }
    }

    /// The text stored under `name`.
    ///
    /// # Errors
    /// The entry is missing or of another kind.
    pub fn text(&self, name: &str) -> Result<&str, StateError> {
        match self.get(name)? {
            Entry::Text(text) => Ok(text),
            _ => Err(self.unexpected(name, "text")),
        }
    }

    /// The random generator stored under `name`, at the place it had.
    ///
    /// # Errors
    /// The entry is missing or of another kind.
    pub fn generator(&self, name: &str) -> Result<ChaCha8Rng, StateError> {
        match self.get(name)? {
            Entry::Generator { seed, stream, word_position } => {
                let mut generator = ChaCha8Rng::from_seed(*seed);
                // In this order: choosing the stream rewinds it.
                generator.set_stream(*stream);
                generator.set_word_pos(*word_position);
                Ok(generator)
            }
            _ => Err(self.unexpected(name, "a random generator")),
        }
    }

    /// The first entry, by name, that is not bit for bit the same in both.
    pub fn first_difference<'a>(&'a self, other: &'a State) -> Option<&'a str> {
        let changed = self.entries.iter().find(|(name, entry)| {
            !other.entries.get(*name).is_some_and(|counterpart| entry.same(counterpart))
        });
        let added = || other.entries.keys().find(|name| !self.contains(name));
        changed.map(|(name, _)| name).or_else(added).map(String::as_str)
    }

    /// The first number that is not finite, with its entry's name.
    pub fn first_not_finite(&self) -> Option<(&str, f32)> {
        self.iter().find_map(|(name, entry)| match entry {
            Entry::Floats { data, .. } => data.iter().find(|v| !v.is_finite()).map(|v| (name, *v)),
            _ => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::Rng;

    #[test]
    fn a_generator_continues_at_any_position() {
        let drawn_from = |stream, words: usize| {
            let mut generator = ChaCha8Rng::seed_from_u64(5);
            generator.set_stream(stream);
            (0..words).for_each(|_| _ = generator.next_u32());
            generator
        };
        for words in 0..300 {
            let mut original = drawn_from(9, words);
            let mut state = State::new();
            state.put_generator("g", &original);
            let mut restored = state.generator("g").unwrap();
            for _ in 0..100 {
                assert_eq!(original.next_u32(), restored.next_u32(), "after {words} words");
            }
        }
    }

    #[test]
    fn a_part_comes_back_as_it_went_in() {
        let mut part = State::new();
        part.put_floats("w", &[2, 1], [1.0, 2.0]);
        part.put_integer("n", 3);
        let mut state = State::new();
        state.put_part("net", part.clone());
        state.put_text("network", "not in the part");
        assert_eq!(state.part("net").unwrap(), part);
        assert_eq!(state.part("ne").unwrap_err().to_string(), "it has no entry ne/");
        assert_eq!(state.floats("net/w", &[2, 1]).unwrap(), [1.0, 2.0]);
        let error = state.floats("net/w", &[2]).unwrap_err().to_string();
        assert_eq!(error, "its entry net/w is floats [2, 1], expected floats [2]");
    }

    #[test]
    fn differences_are_seen_bit_by_bit() {
        let with = |value: f32| {
            let mut state = State::new();
            state.put_floats("a", &[], [value]);
            state
        };
        assert_eq!(with(0.0).first_difference(&with(-0.0)), Some("a"));
        assert_eq!(with(f32::NAN).first_difference(&with(f32::NAN)), None);
        assert_eq!(with(0.0).first_difference(&State::new()), Some("a"));
        assert_eq!(State::new().first_difference(&with(0.0)), Some("a"));
        assert_eq!(with(f32::INFINITY).first_not_finite(), Some(("a", f32::INFINITY)));
    }
}
