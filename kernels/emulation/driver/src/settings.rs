//! What the machine is like, and what fails on it: the environment variable `GOBELIN_DRIVER`, words such as `memory=64`.

use std::path::PathBuf;

use cudarc::driver::sys::CUresult;
use gobelin_emulation::{MEMORY, Order};

use crate::codes;

/// The environment variable.
pub const VARIABLE: &str = "GOBELIN_DRIVER";

/// What it says.
#[derive(Debug)]
pub struct Settings {
    /// `version=12020`: the newest CUDA that the driver knows.
    pub version: i32,
    /// `cards=2`: how many there are.
    pub cards: usize,
    /// `capability=7.5`: of each card.
    pub capability: (i32, i32),
    /// `multiprocessors=24`: of each card.
    pub multiprocessors: i32,
    /// `memory=64`: bytes of each card, given in MiB.
    pub memory: usize,
    /// `order=backwards`: the order of threads and blocks, and which streams are late.
    pub order: Order,
    /// `fail=CALL:TIME:CODE`, as often as wanted.
    pub faults: Vec<Fault>,
}

/// What fails.
#[derive(Debug)]
pub struct Fault {
    call: String,
    time: Time,
    code: CUresult,
}

/// When a call fails.
#[derive(Debug)]
enum Time {
    /// `cuMemAlloc_v2:5:OUT_OF_MEMORY`: the fifth time alone.
    At(u64),
    /// `cuMemAlloc_v2:5+:OUT_OF_MEMORY`: from then on.
    From(u64),
    /// `cuMemAlloc_v2:run/checkpoint.previous:OUT_OF_MEMORY`: while there is such a file.
    While(PathBuf),
}

impl Time {
    fn new(word: &str) -> Self {
        match (word.parse(), word.trim_end_matches('+').parse()) {
            (Ok(time), _) => Self::At(time),
            (_, Ok(time)) => Self::From(time),
            _ => Self::While(word.into()),
        }
    }

    fn is(&self, time: u64) -> bool {
        match self {
            Self::At(at) => time == *at,
            Self::From(first) => time >= *first,
            Self::While(path) => path.exists(),
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            version: 13_000,
            cards: 1,
            capability: (8, 0),
            multiprocessors: 2,
            memory: MEMORY,
            order: Order::Forwards,
            faults: Vec::new(),
        }
    }
}

impl Settings {
    /// From the environment.
    ///
    /// # Panics
    /// If the variable says something else.
    pub fn get() -> Self {
        let words = std::env::var(VARIABLE).unwrap_or_default();
        Self::parse(&words).unwrap_or_else(|word| panic!("{VARIABLE}: {word} is not understood"))
    }

    /// From such words.
    ///
    /// # Errors
    /// The first that is not understood.
    pub fn parse(words: &str) -> Result<Self, &str> {
        let mut settings = Self::default();
        for word in words.split_whitespace() {
            settings.set(word).ok_or(word)?;
        }
        Ok(settings)
    }

    fn set(&mut self, word: &str) -> Option<()> {
        let (key, value) = word.split_once('=')?;
        match key {
            "version" => self.version = value.parse().ok()?,
            "cards" => self.cards = value.parse().ok()?,
            "capability" => {
                let (major, minor) = value.split_once('.')?;
                self.capability = (major.parse().ok()?, minor.parse().ok()?);
            }
            "multiprocessors" => self.multiprocessors = value.parse().ok()?,
            "memory" => self.memory = value.parse::<usize>().ok()? << 20,
            "order" => self.order = (value == "backwards").then_some(Order::Backwards)?,
            "fail" => {
                let mut parts = value.split(':');
                let (call, time, code) = (parts.next()?, parts.next()?, parts.next()?);
                let (call, time, code) = (call.to_owned(), Time::new(time), codes::named(code)?);
                self.faults.push(Fault { call, time, code });
            }
            _ => return None,
        }
        Some(())
    }

    /// What a call fails with that is made for the time with this number, from 1 on.
    pub fn fault(&self, call: &str, time: u64) -> Option<CUresult> {
        let found = self.faults.iter().find(|fault| fault.call == call && fault.time.is(time));
        found.map(|fault| fault.code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_understood_or_named() {
        let given = "version=12020 capability=7.5 memory=64 fail=cuInit:2:UNKNOWN fail=cuMemAlloc_v2:3+:OUT_OF_MEMORY";
        let settings = Settings::parse(given).unwrap();
        assert_eq!((settings.version, settings.capability, settings.memory), (12_020, (7, 5), 64 << 20));
        let failing = |call| (1..5).filter(|&time| settings.fault(call, time).is_some()).collect::<Vec<_>>();
        assert_eq!((failing("cuInit"), failing("cuMemAlloc_v2")), (vec![2], vec![3, 4]));
        for wrong in ["memory", "memory=x", "fail=cuInit:1:NO_SUCH_CODE", "order=sideways", "colour=red"] {
            assert_eq!(Settings::parse(wrong).unwrap_err(), wrong);
        }
    }
}
