//! Options by name: text, checked once, then read as what it stands for.

use std::collections::BTreeMap;

use super::CallError;

/// An option of an entry.
#[derive(Clone, Copy, Debug)]
pub struct OptionSpec {
    /// Its name.
    pub name: &'static str,
    /// What values it takes.
    pub kind: OptionKind,
    /// Its value where none is given.
    pub default: &'static str,
    /// One line: what it does.
    pub help: &'static str,
}

/// What values an option takes.
#[derive(Clone, Copy, Debug)]
pub enum OptionKind {
    /// A finite number.
    Number(Domain),
    /// A finite number, or `none`.
    NumberOrNone(Domain),
    /// A whole number.
    Integer {
        /// The smallest allowed.
        at_least: i64,
        /// The largest allowed: what stands for memory or time is bounded, so that a slip of the keyboard is an error.
        at_most: i64,
    },
    /// `true` or `false`.
    Flag,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// Words between commas. Which ones is the entry's to check.
    Words,
    /// Finite numbers between commas, or `default`.
    Numbers,
}

/// Which numbers make sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Domain {
    /// All.
    Any,
    /// 0 and above.
    NonNegative,
    /// Above 0.
    Positive,
    /// 0 to 1.
    Share,
}

impl OptionSpec {
    /// `reduction`, which most losses have.
    pub const REDUCTION: Self = Self {
        name: "reduction",
        kind: OptionKind::Choice(crate::reduction::Reduction::NAMES),
        default: "mean",
        help: "mean or sum of the values, or none: each value stays",
    };
}

impl Domain {
    fn holds(self, number: f32) -> bool {
        match self {
            Self::Any => true,
            Self::NonNegative => number >= 0.0,
            Self::Positive => number > 0.0,
            Self::Share => (0.0..=1.0).contains(&number),
        }
    }
}

impl OptionKind {
    /// The values in words.
    pub fn describe(self) -> String {
        let number = |domain| match domain {
            Domain::Any => "a number",
            Domain::NonNegative => "a number of at least 0",
            Domain::Positive => "a number above 0",
            Domain::Share => "a number from 0 to 1",
        };
        match self {
            Self::Number(domain) => number(domain).into(),
            Self::NumberOrNone(domain) => format!("{} or none", number(domain)),
            Self::Integer { at_least: i64::MIN, .. } => "a whole number".into(),
            Self::Integer { at_least, at_most: i64::MAX } => format!("a whole number of at least {at_least}"),
            Self::Integer { at_least, at_most } => format!("a whole number from {at_least} to {at_most}"),
            Self::Flag => "true or false".into(),
            Self::Choice(words) => words.join(", "),
            Self::Words => "words between commas".into(),
            Self::Numbers => "numbers between commas".into(),
        }
    }

    fn takes(self, text: &str) -> bool {
        let number =
            |text: &str, domain: Domain| parse_number(text).is_some_and(|number| domain.holds(number));
        match self {
            Self::Number(domain) => number(text, domain),
            Self::NumberOrNone(domain) => text == "none" || number(text, domain),
            Self::Integer { at_least, at_most } => {
                text.parse::<i64>().is_ok_and(|number| (at_least..=at_most).contains(&number))
            }
            Self::Flag => matches!(text, "true" | "false"),
            Self::Choice(words) => words.contains(&text),
            Self::Words => text.split(',').all(|word| !word.trim().is_empty()),
            Self::Numbers => {
                text == "default" || text.split(',').all(|part| number(part.trim(), Domain::Any))
            }
        }
    }
}

/// A finite number.
pub(super) fn parse_number(text: &str) -> Option<f32> {
    text.parse::<f32>().ok().filter(|number| number.is_finite())
}

/// The options' values by name: those given, else the defaults.
pub(super) fn check(
    entry: &'static str,
    specs: &'static [OptionSpec],
    given: &[(String, String)],
) -> Result<BTreeMap<&'static str, String>, CallError> {
    let mut options: BTreeMap<_, _> = specs.iter().map(|spec| (spec.name, spec.default.to_owned())).collect();
    for (name, value) in given {
        let Some(spec) = specs.iter().find(|spec| spec.name == name) else {
            let what = format!("option of {entry}");
            return Err(CallError::unknown(what, name, specs.iter().map(|spec| spec.name)));
        };
        if !spec.kind.takes(value) {
            let expected = match spec.kind {
                OptionKind::Choice(_) => format!("one of {}", spec.kind.describe()),
                kind => kind.describe(),
            };
            return Err(CallError::Value { name: name.clone(), found: value.clone(), expected });
        }
        options.insert(spec.name, value.clone());
    }
    Ok(options)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_takes_what_it_says() {
        let cases: [(OptionKind, &[&str], &[&str]); 8] = [
            (
                OptionKind::Number(Domain::Positive),
                &["1", "1e-3", "0.5"],
                &["0", "-1", "x", "", "nan", "inf", "1e40"],
            ),
            (OptionKind::NumberOrNone(Domain::Share), &["none", "0", "1"], &["1.5", "None"]),
            (OptionKind::Integer { at_least: 0, at_most: i64::MAX }, &["0", "255"], &["-1", "2.5", ""]),
            (OptionKind::Integer { at_least: 2, at_most: 9 }, &["2", "9"], &["1", "10"]),
            (OptionKind::Flag, &["true", "false"], &["True", "1"]),
            (OptionKind::Choice(&["a", "b"]), &["a", "b"], &["c", ""]),
            (OptionKind::Words, &["a", "a,b"], &["", "a,,b"]),
            (OptionKind::Numbers, &["default", "1", "1, 0.5"], &["1,", "1,x"]),
        ];
        for (kind, good, bad) in cases {
            assert!(good.iter().all(|text| kind.takes(text)), "{kind:?}");
            for text in bad {
                assert!(!kind.takes(text), "{kind:?} {text}");
            }
        }
    }
}
