//! Shapes in words, such as `(N, C, ...)`, and whether tensors have them together.
//!
//! A letter stands for one length, the same in all tensors of a call; `...` for any number of them, the same in all; a number for
//! itself; `*` for anything at all, whatever follows it. Shapes between ` or ` are alternatives, and may be followed by words for the reader.

use std::collections::BTreeMap;

/// What the letters of a call's shapes stand for.
#[derive(Clone, Debug, Default)]
pub(super) struct Lengths {
    letters: BTreeMap<&'static str, usize>,
    rest: Option<Vec<usize>>,
}

impl Lengths {
    /// Whether `shape` has the form of a `pattern`, given the letters met so far; its letters are remembered.
    pub fn meet(&mut self, pattern: &'static str, shape: &[usize]) -> bool {
        for alternative in pattern.split(" or ") {
            let mut lengths = self.clone();
            if lengths.meet_one(alternative, shape) {
                *self = lengths;
                return true;
            }
        }
        false
    }

    fn meet_one(&mut self, pattern: &'static str, shape: &[usize]) -> bool {
        let mut left = shape;
        for word in words(pattern) {
            match (word, left.split_first()) {
                ("*", _) => return true,
                ("...", _) => {
                    if self.rest.get_or_insert_with(|| left.to_vec()) != left {
                        return false;
                    }
                    left = &[];
                }
                (word, Some((&length, rest))) => {
                    let expected = match word.parse() {
                        Ok(number) => number,
                        Err(_) => *self.letters.entry(word).or_insert(length),
                    };
                    if expected != length {
                        return false;
                    }
                    left = rest;
                }
                _ => return false,
            }
        }
        left.is_empty()
    }

    /// The pattern, and the lengths it stands for where all are known: `(N, ...), here (2, 7, 5)`.
    pub fn describe(&self, pattern: &'static str) -> String {
        let each: Vec<String> = pattern.split(" or ").map(|one| self.describe_one(one)).collect();
        each.join(" or ")
    }

    fn describe_one(&self, pattern: &'static str) -> String {
        let mut lengths = Vec::new();
        for word in words(pattern) {
            match word {
                "..." => match &self.rest {
                    Some(rest) => lengths.extend(rest.iter().copied()),
                    None => return pattern.into(),
                },
                word => match word.parse().ok().or_else(|| self.letters.get(word).copied()) {
                    Some(length) => lengths.push(length),
                    None => return pattern.into(),
                },
            }
        }
        format!("{pattern}, here {lengths:?}")
    }
}

/// Whether a shape of this pattern is channels first: `C`, or a number of channels, after the pictures.
pub(super) fn is_channels_first(pattern: &str) -> bool {
    let mut words = words(pattern);
    words.next().is_some_and(|word| word.len() == 1 && word != "*")
        && words.next().is_some_and(|word| word == "C" || word.parse::<usize>().is_ok())
        && words.next().is_some()
}

fn words(pattern: &str) -> impl Iterator<Item = &str> {
    let inside = pattern.trim_start_matches('(').split(')').next().unwrap_or_default();
    inside.split(", ").filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_mean_the_same_in_all_tensors() {
        let mut lengths = Lengths::default();
        assert!(lengths.meet("(N, C, ...)", &[2, 3, 7, 5]));
        assert!(lengths.meet("(N, ...)", &[2, 7, 5]));
        assert!(!lengths.meet("(N, ...)", &[2, 5, 7]));
        assert!(lengths.meet("(C)", &[3]) && !lengths.meet("(C)", &[4]));
        assert!(lengths.meet("(N, ...) classes or (N, C, ...) masks", &[2, 3, 7, 5]));
        assert_eq!(lengths.describe("(N, ...)"), "(N, ...), here [2, 7, 5]");
        assert_eq!(lengths.describe("(K, C)"), "(K, C)");
    }

    #[test]
    fn lengths_that_do_not_fit_leave_nothing_behind() {
        let mut lengths = Lengths::default();
        assert!(!lengths.meet("(N, D)", &[2]) && !lengths.meet("(N, D)", &[2, 3, 4]));
        assert!(lengths.meet("(N, D)", &[5, 6]));
        assert!(lengths.meet("(N, 3, *)", &[5, 3, 9, 9]) && !lengths.meet("(N, 3, *)", &[5, 4]));
        assert!(Lengths::default().meet("(...)", &[]) && Lengths::default().meet("*", &[1, 2]));
    }

    #[test]
    fn pictures_are_told_by_their_channels() {
        assert!(is_channels_first("(N, C, ...)") && is_channels_first("(N, 3, H, W)"));
        assert!(["(N, D)", "(...)", "(N, C)", "(N, ...)"].iter().all(|pattern| !is_channels_first(pattern)));
    }
}
