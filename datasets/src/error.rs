//! What can be wrong with data, each in one line.

use std::path::Path;

/// Something wrong with data that a user can set right.
///
/// The text is always one line: what was found and where, what was expected,
/// what to do. Paths have their control characters replaced, so that a file
/// name cannot break the line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DataError {
    /// The text after `--data` names no kind of data.
    #[error(
        "data source `{text}`: {problem}; expected faces, drawings, membranes, roads, seasons, idx:DIR, cifar10:DIR, \
         folder:DIR, ab:DIR, pairs:DIR or identities:DIR"
    )]
    Source {
        /// What the user wrote.
        text: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A folder or file is not laid out as its kind says.
    #[error("{path}: {found}; expected {expected}; {remedy}")]
    Layout {
        /// The folder or file.
        path: String,
        /// What is there.
        found: String,
        /// What should be there.
        expected: String,
        /// What to do.
        remedy: String,
    },
    /// A file or folder that the system would not read or write.
    #[error("{path}: cannot {action}: {reason}; check the path and its permissions")]
    System {
        /// The file or folder.
        path: String,
        /// What was tried: `read`, `write`.
        action: &'static str,
        /// The system's own words.
        reason: String,
    },
    /// One picture that does not decode, or does not serve. A loader skips it.
    #[error("{path}: {reason}; replace or remove the file")]
    Picture {
        /// The file.
        path: String,
        /// Why it does not serve, and what was expected.
        reason: String,
    },
    /// A picture that must be seen and does not decode. It stops the run.
    #[error("{path}: {reason}; no other picture can take its place: replace the file")]
    Needed {
        /// The file.
        path: String,
        /// Why it does not serve, and what was expected.
        reason: String,
    },
    /// More pictures could not be used than a loader skips.
    #[error(
        "{source_name}: {skipped} of {pictures} pictures could not be used; at most {limit} are skipped, and never all; \
         the first is {first}"
    )]
    TooManySkipped {
        /// The dataset's description.
        source_name: String,
        /// Distinct pictures that could not be used so far.
        skipped: usize,
        /// The most that are skipped.
        limit: usize,
        /// Pictures in the dataset.
        pictures: usize,
        /// The error of the one with the smallest index.
        first: Box<DataError>,
    },
    /// A batch takes more pictures than there are.
    #[error(
        "{source_name}: a batch of {batch} from {pictures} pictures; expected at least {batch} pictures; \
         make the batch smaller or add pictures"
    )]
    BatchTooLarge {
        /// The dataset's description.
        source_name: String,
        /// Pictures asked for in one batch.
        batch: usize,
        /// Pictures in the dataset.
        pictures: usize,
    },
}

impl DataError {
    pub(crate) fn layout(
        path: &Path,
        found: impl Into<String>,
        expected: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self::Layout {
            path: shown(path),
            found: found.into(),
            expected: expected.into(),
            remedy: remedy.into(),
        }
    }

    pub(crate) fn read(path: &Path, error: &std::io::Error) -> Self {
        Self::System { path: shown(path), action: "read", reason: one_line(&error.to_string()) }
    }

    pub(crate) fn write(path: &Path, error: &std::io::Error) -> Self {
        Self::System { path: shown(path), action: "write", reason: one_line(&error.to_string()) }
    }

    pub(crate) fn picture(path: &Path, reason: &str) -> Self {
        Self::Picture {
            path: shown(path),
            reason: format!("{}; expected a whole PNG or JPEG", one_line(reason)),
        }
    }
}

/// A path as it appears in a message.
pub(crate) fn shown(path: &Path) -> String {
    one_line(&path.display().to_string())
}

/// Replaces what would break a line of text.
pub(crate) fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{FFFD}' } else { c }).collect()
}
