//! What can be wrong with a call.

/// A call that does not fit a loss or metric; one line that says what was found and what is expected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// No entry, option or value has this name.
    #[error("no {what} `{found}`{nearest}; expected one of {expected}")]
    Unknown {
        /// What was looked for.
        what: String,
        /// The name.
        found: String,
        /// The name it may have meant, as a question.
        nearest: String,
        /// All names.
        expected: String,
    },
    /// A tensor that is needed is not there.
    #[error("no tensor `{name}` (found {found}); expected {expected}")]
    MissingTensor {
        /// Its name.
        name: String,
        /// The tensors that are there.
        found: String,
        /// What it should be.
        expected: String,
    },
    /// A tensor of another type, shape or content.
    #[error("tensor `{name}` is {found}, expected {expected}")]
    Tensor {
        /// Its name.
        name: String,
        /// Its type, shape or a value in it.
        found: String,
        /// What it should be.
        expected: String,
    },
    /// A value that an option does not take.
    #[error("{name}={found}: expected {expected}")]
    Value {
        /// The option.
        name: String,
        /// The value.
        found: String,
        /// What it takes.
        expected: String,
    },
    /// Features are needed and were not given.
    #[error("{0} looks through VGG-19, which was not given")]
    NoFeatures(&'static str),
}

impl CallError {
    /// That `found` is none of `known`, and which of them it may have meant.
    pub(super) fn unknown(
        what: impl Into<String>,
        found: &str,
        known: impl Iterator<Item = &'static str>,
    ) -> Self {
        let known: Vec<&str> = known.collect();
        let near = known.iter().map(|name| (distance(found, name), name)).min();
        // Farther than that, a guess is no help.
        let nearest = match near {
            Some((edits, name)) if edits <= 1 + name.len() / 3 => format!(", did you mean `{name}`?"),
            _ => String::new(),
        };
        let expected = if known.is_empty() { "none".into() } else { known.join(", ") };
        Self::Unknown { what: what.into(), found: found.into(), nearest, expected }
    }

    /// That the tensor `name` holds something it must not.
    pub(crate) fn tensor(name: &str, found: impl Into<String>, expected: impl Into<String>) -> Self {
        Self::Tensor { name: name.into(), found: found.into(), expected: expected.into() }
    }
}

/// How many letters must be put in, taken out or changed to make `b` of `a` (Levenshtein 1966).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, letter) in a.chars().enumerate() {
        let mut corner = row[0];
        row[0] = i + 1;
        for j in 0..b.len() {
            let changed = corner + usize::from(letter != b[j]);
            corner = row[j + 1];
            row[j + 1] = changed.min(corner + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_are_counted() {
        let cases = [
            ("", "abc", 3),
            ("hubber", "huber", 1),
            ("mes", "mse", 2),
            ("dice", "dice", 0),
            ("kitten", "sitting", 3),
        ];
        for (a, b, edits) in cases {
            assert_eq!((distance(a, b), distance(b, a)), (edits, edits), "{a} {b}");
        }
    }

    #[test]
    fn only_near_names_are_suggested() {
        let message = |found| CallError::unknown("loss", found, ["mse", "huber"].into_iter()).to_string();
        assert_eq!(message("hubber"), "no loss `hubber`, did you mean `huber`?; expected one of mse, huber");
        assert_eq!(message("wasserstein"), "no loss `wasserstein`; expected one of mse, huber");
    }
}
