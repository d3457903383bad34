//! config.toml: everything needed to run a run again.
//!
//! `trainer`, and one key for each flag, with the flag's name.

use crate::error::{Error, one_line};
use crate::files;
use crate::options::{FREE_KEYS, Given, RunOptions};
use crate::trainer::Recipe;
use serde::Serialize;
use std::fs;
use std::path::{Path, PathBuf};
use toml::{Table, Value};

/// The configuration of one run.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    table: Table,
}

impl Config {
    /// The configuration made of options.
    ///
    /// # Errors
    /// A number is too large for TOML, whose largest is 2^63 - 1.
    pub fn of<R: Recipe>(run: &RunOptions, own: &R) -> Result<Config, Error> {
        let mut table = Table::new();
        table.insert("trainer".into(), R::NAME.into());
        for (key, value) in to_table(own)?.into_iter().chain(to_table(run)?) {
            let before = table.insert(key.clone(), value);
            assert!(before.is_none(), "trainer {}: its option {key} is also a shared one", R::NAME);
        }
        Ok(Config { table })
    }

    /// Where the configuration of the run in `directory` lies.
    pub fn path(directory: &Path) -> PathBuf {
        directory.join("config.toml")
    }

    /// Reads the configuration of the run in `directory`, which must be of the
    /// trainer called `trainer`.
    ///
    /// # Errors
    /// There is no run, it is of another trainer, or the file is not TOML.
    pub fn read(directory: &Path, trainer: &str) -> Result<Config, Error> {
        let path = Config::path(directory);
        let text = fs::read_to_string(&path).map_err(|source| match source.kind() {
            std::io::ErrorKind::NotFound => Error::NoRun(directory.to_owned()),
            _ => Error::file("read", &path, source),
        })?;
        let config = Config::parse(&text).map_err(|found| unreadable(&path, found))?;
        match config.table.get("trainer").and_then(Value::as_str) {
            Some(found) if found == trainer => Ok(config),
            Some(found) => Err(Error::OtherTrainer {
                directory: directory.to_owned(),
                found: found.to_owned(),
                expected: trainer.to_owned(),
            }),
            None => Err(unreadable(&path, "it names no trainer".into())),
        }
    }

    fn parse(text: &str) -> Result<Config, String> {
        let table =
            text.parse::<Table>().map_err(|error| format!("not TOML ({})", one_line(error.message())))?;
        Ok(Config { table })
    }

    /// Writes the configuration of the run in `directory`.
    ///
    /// # Errors
    /// The system's refusal.
    pub fn write(&self, directory: &Path) -> Result<(), Error> {
        files::replace_with(&Config::path(directory), self.text().as_bytes())
    }

    /// The file's text.
    pub fn text(&self) -> String {
        self.table.to_string()
    }

    /// The options that made this configuration.
    ///
    /// # Errors
    /// A key is missing, unknown, or has a value that its flag does not take.
    pub fn options<R: Recipe>(&self, directory: &Path) -> Result<(RunOptions, R), Error> {
        let path = Config::path(directory);
        let wrong = |error: toml::de::Error| unreadable(&path, one_line(error.message()));
        let run: RunOptions = self.table.clone().try_into().map_err(wrong)?;
        let own: R = self.table.clone().try_into().map_err(wrong)?;
        let understood = Config::of(&run, &own)?;
        match self.table.keys().find(|key| !understood.table.contains_key(*key)) {
            Some(key) => Err(unreadable(&path, format!("unknown key {key}"))),
            None => Ok((run, own)),
        }
    }

    /// The device that was last computed on, as it would be typed.
    pub fn device(&self) -> String {
        plain(self.table.get("device"))
    }

    /// Takes the flags given on the command line, whose values are in `call`,
    /// where they may change: those no result depends on, another device, and
    /// more steps.
    ///
    /// # Errors
    /// [`Error::Contradiction`] for any other flag that differs.
    pub fn change(&mut self, given: &Given, call: &Config, directory: &Path) -> Result<(), Error> {
        for key in &given.0 {
            let Some(value) = call.table.get(key) else { continue };
            let stored = self.table.get(key);
            let fewer = key == "steps" && value.as_integer() < stored.and_then(Value::as_integer);
            if FREE_KEYS.contains(&key.as_str()) && !fewer {
                self.table.insert(key.clone(), value.clone());
            } else if stored != Some(value) {
                return Err(Error::Contradiction {
                    key: key.clone(),
                    given: plain(Some(value)),
                    stored: plain(stored),
                    config: Config::path(directory),
                });
            }
        }
        Ok(())
    }

    /// Refuses a configuration that was changed by hand since the checkpoint
    /// with the configuration `saved` was written.
    ///
    /// # Errors
    /// The first key that differs and on which results depend.
    pub fn must_agree(&self, saved: &str, directory: &Path) -> Result<(), Error> {
        let path = Config::path(directory);
        let saved = Config::parse(saved).map_err(|found| unreadable(&path, found))?;
        let differs = |key: &&String| {
            !FREE_KEYS.contains(&key.as_str()) && self.table.get(*key) != saved.table.get(*key)
        };
        match self.table.keys().chain(saved.table.keys()).find(differs) {
            None => Ok(()),
            Some(key) => Err(Error::Config {
                path,
                found: format!("{key} is {}", plain(self.table.get(key))),
                advice: format!(
                    "its checkpoint was made with {}: change it back, or begin a new run with another --out",
                    plain(saved.table.get(key))
                ),
            }),
        }
    }
}

fn unreadable(path: &Path, found: String) -> Error {
    let advice = "put back what the program wrote, or begin a new run with another --out".into();
    Error::Config { path: path.to_owned(), found, advice }
}

/// A value as it would be typed on the command line.
fn plain(value: Option<&Value>) -> String {
    match value {
        None => "nothing".into(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

fn to_table(options: &impl Serialize) -> Result<Table, Error> {
    let mut table = Table::try_from(options).map_err(|error| {
        Error::Call(format!("a flag's value cannot be kept in config.toml: {}", one_line(&error.to_string())))
    })?;
    for (_, value) in &mut table {
        if let Value::Float(number) = value {
            *number = shortest(*number);
        }
    }
    Ok(table)
}

/// The number with fewest digits that is the same f32, so that a rate of
/// 0.0002 is written like that and not as 0.00019999999494757503.
fn shortest(number: f64) -> f64 {
    let short = number as f32;
    let decimal: f64 = short.to_string().parse().expect("a number's digits are a number");
    if f64::from(short) == number && decimal as f32 == short { decimal } else { number }
}

#[cfg(test)]
mod tests {
    use super::shortest;

    #[test]
    fn floats_are_written_as_they_were_typed() {
        assert_eq!(shortest(f64::from(2e-4_f32)), 2e-4);
        assert_eq!(shortest(f64::from(0.999_f32)), 0.999);
        assert_eq!(shortest(0.1), 0.1);
        assert_eq!(shortest(0.5), 0.5);
        assert_eq!(shortest(1.0 / 3.0), 1.0 / 3.0);
    }
}
