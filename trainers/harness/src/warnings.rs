//! Signs of trouble, each told when it begins.

use std::collections::BTreeMap;

/// A sign that stays away for so many steps and comes back is told again.
/// Fewer, and one that flickers from batch to batch fills the screen.
const QUIET: u64 = 500;

/// When each kind of sign was last seen.
#[derive(Debug, Default)]
pub struct Warnings {
    seen: BTreeMap<&'static str, u64>,
}

impl Warnings {
    /// The texts, of a step's signs, that are to be told.
    pub fn begun<'a>(&mut self, step: u64, warnings: &'a [(&'static str, String)]) -> Vec<&'a str> {
        let is_new = |(kind, _): &&(&'static str, String)| {
            self.seen.insert(kind, step).is_none_or(|before| step - before > QUIET)
        };
        warnings.iter().filter(is_new).map(|(_, text)| text.as_str()).collect()
    }
}
