//! metrics.jsonl: one object a logged step.
//!
//! `step`, `seconds` of training so far, the losses and diagnostics under
//! their names, and `warnings` where there were any. The line of the whole
//! training's metrics has `"summary": true`.

use crate::error::Error;
use serde::ser::{Serialize, SerializeMap, Serializer};
use std::fs::{self, File, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// One line of the file.
pub struct Line<'a> {
    /// Steps done.
    pub step: u64,
    /// Seconds of training, over all sittings.
    pub seconds: f64,
    /// Numbers by name; one that is not finite is written as null.
    pub scalars: Vec<&'a (String, f64)>,
    /// The kinds of the step's warnings.
    pub warnings: Vec<&'static str>,
    /// Whether this is the line of the whole training.
    pub summary: bool,
}

impl Serialize for Line<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("step", &self.step)?;
        map.serialize_entry("seconds", &((self.seconds * 1e3).round() / 1e3))?;
        if self.summary {
            map.serialize_entry("summary", &true)?;
        }
        for (name, value) in &self.scalars {
            // What was an f32 is written with an f32's digits: 0.1 and not
            // 0.10000000149011612.
            match *value as f32 {
                short if f64::from(short) == *value => map.serialize_entry(name, &short)?,
                _ => map.serialize_entry(name, value)?,
            }
        }
        if !self.warnings.is_empty() {
            map.serialize_entry("warnings", &self.warnings)?;
        }
        map.end()
    }
}

/// The open file.
pub struct Metrics {
    file: File,
    path: PathBuf,
    seconds: f64,
}

impl Metrics {
    /// Opens metrics.jsonl in `directory` as it was after `step` steps: later
    /// lines, a line cut short, and the summary are removed.
    ///
    /// # Errors
    /// The system's refusal.
    pub fn open(directory: &Path, step: u64) -> Result<Metrics, Error> {
        let path = directory.join("metrics.jsonl");
        let open = || {
            let mut file =
                OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path)?;
            let (length, seconds) = kept(&fs::read(&path)?, step);
            file.set_len(length)?;
            file.seek(SeekFrom::End(0))?;
            Ok((file, seconds))
        };
        let (file, seconds) = open().map_err(|source| Error::file("open", &path, source))?;
        Ok(Metrics { file, path, seconds })
    }

    /// Seconds of training told by the last line that was kept.
    pub fn seconds(&self) -> f64 {
        self.seconds
    }

    /// Adds a line.
    ///
    /// # Errors
    /// The system's refusal.
    pub fn write(&mut self, line: &Line) -> Result<(), Error> {
        let mut text = serde_json::to_vec(line).expect("names and numbers are JSON");
        text.push(b'\n');
        // In one call, so that a killed process leaves whole lines.
        self.file.write_all(&text).map_err(|source| Error::file("write", &self.path, source))
    }

    /// Makes the lines durable.
    ///
    /// # Errors
    /// The system's refusal.
    pub fn sync(&self) -> Result<(), Error> {
        self.file.sync_data().map_err(|source| Error::file("write", &self.path, source))
    }
}

/// How many bytes hold the lines up to `step`, and the last one's seconds.
fn kept(bytes: &[u8], step: u64) -> (u64, f64) {
    let (mut length, mut seconds) = (0, 0.0);
    for line in bytes.split_inclusive(|byte| *byte == b'\n').filter(|line| line.ends_with(b"\n")) {
        let Ok(object) = serde_json::from_slice::<serde_json::Value>(line) else { break };
        let within = object["step"].as_u64().is_some_and(|of| of <= step);
        if !within || !object["summary"].is_null() {
            break;
        }
        length += line.len() as u64;
        seconds = object["seconds"].as_f64().unwrap_or(seconds);
    }
    (length, seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_one_object_with_short_numbers() {
        let scalars = [("loss".to_owned(), f64::from(0.1_f32)), ("bad".to_owned(), f64::NAN)];
        let line = Line {
            step: 3,
            seconds: 1.23456,
            scalars: scalars.iter().collect(),
            warnings: vec!["flat"],
            summary: false,
        };
        let text = serde_json::to_string(&line).unwrap();
        assert_eq!(text, r#"{"step":3,"seconds":1.235,"loss":0.1,"bad":null,"warnings":["flat"]}"#);
    }

    #[test]
    fn later_lines_torn_lines_and_the_summary_are_cut() {
        let whole = "{\"step\":1,\"seconds\":0.5}\n{\"step\":2,\"seconds\":1.5}\n";
        let summary = "{\"step\":2,\"seconds\":1.5,\"summary\":true}\n";
        let third = "{\"step\":3,\"seconds\":2.5}\n";
        let length = |text: &str, step| kept(text.as_bytes(), step).0 as usize;
        assert_eq!(kept(whole.as_bytes(), 2), (whole.len() as u64, 1.5));
        assert_eq!(length(whole, 1), whole.len() / 2);
        assert_eq!(length(whole, 0), 0);
        assert_eq!(length(&format!("{whole}{summary}"), 2), whole.len());
        assert_eq!(length(&format!("{whole}{third}"), 2), whole.len());
        for cut in 1..third.len() {
            assert_eq!(length(&format!("{whole}{}", &third[..cut]), 9), whole.len());
        }
    }
}
