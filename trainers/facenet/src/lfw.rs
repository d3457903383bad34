//! LFW's lists of pairs (Huang et al. 2007).
//!
//! View 2, which results are told by, is pairs.txt: the first line has the number of folds and of pairs, 10 and 300; then comes
//! fold after fold, 300 lines `NAME I J`, two pictures of one person, and 300 lines `NAME I OTHER J`, pictures of two. View 1,
//! which models are chosen by, is pairsDevTrain.txt and pairsDevTest.txt: one number, then so many lines of the one kind and as many
//! of the other. Picture I of NAME lies in `NAME/NAME_000I.jpg` (or .jpeg, .png).

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use gobelin_datasets::{DataError, Dataset, Identities, Sample, View};
use gobelin_harness::Failure;

use crate::exam::{FOLDS, Pair};

/// The pairs of a list, and the pictures that they are of.
pub struct Pairs {
    /// The pictures, each once.
    pub pictures: Listed,
    /// Fold after fold, by the pictures' places.
    pub pairs: Vec<Pair>,
    /// How many folds there are.
    pub folds: usize,
}

/// Pictures named by a list. A pair whose picture cannot be seen must not be judged by another picture: one that does not
/// decode stops the run, where a loader would skip it.
pub struct Listed(Identities);

/// A list that is being read.
struct Reader<'a> {
    list: &'a Path,
    folder: &'a Path,
    names: Vec<String>,
    labels: HashMap<String, u32>,
    pictures: Vec<(PathBuf, u32)>,
    places: HashMap<(String, u32), usize>,
}

impl Pairs {
    /// Reads a list, whose pictures lie below `folder`.
    ///
    /// # Errors
    /// The list cannot be read or has another form, or a picture is missing.
    pub fn read(list: &Path, folder: &Path) -> Result<Self, Failure> {
        let text = std::fs::read_to_string(list).map_err(|error| {
            format!(
                "{}: cannot be read ({error}); expected one of LFW's lists of pairs; check --pairs",
                list.display()
            )
        })?;
        if !folder.is_dir() {
            let message =
                "no such folder; expected LFW's pictures, a folder for each person; check --pairs-data";
            return Err(format!("{}: {message}", folder.display()).into());
        }
        let mut reader = Reader {
            list,
            folder,
            names: Vec::new(),
            labels: HashMap::new(),
            pictures: Vec::new(),
            places: HashMap::new(),
        };
        let mut lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
        let first = lines.next().map_or("", |(_, line)| line);
        let words = first.split_whitespace();
        let numbers: Vec<usize> = words.map(str::parse).collect::<Result<_, _>>().unwrap_or_default();
        let (folds, length) = match numbers[..] {
            [folds, length] if folds >= 2 && length >= 1 => (folds, length),
            [length] if length >= 2 => (1, length),
            _ => {
                let expected = "the number of folds and of pairs, as `10 300`, or of pairs alone, as `500`";
                return Err(reader.refuse(0, first, expected));
            }
        };
        let mut pairs = Vec::new();
        for (number, line) in lines {
            let same = pairs.len() / length % 2 == 0;
            pairs.push(reader.pair(number, line, same)?);
        }
        if Some(pairs.len()) != folds.checked_mul(length).and_then(|half| half.checked_mul(2)) {
            let each = if folds > 1 { format!("{folds} folds of ") } else { String::new() };
            return Err(format!(
                "{}: {} pairs; expected {each}{length} of one person and {length} of two; is the file whole?",
                list.display(),
                pairs.len(),
            )
            .into());
        }
        let pictures = Listed(Identities::chosen(folder, reader.names, reader.pictures));
        if folds > 1 {
            return Ok(Self { pictures, pairs, folds });
        }
        // View 1 has no folds: its pairs make them in their order, as many of each kind in each.
        let (same, different) = pairs.split_at(length);
        let pairs = same.iter().zip(different).flat_map(|(same, different)| [*same, *different]).collect();
        Ok(Self { pictures, pairs, folds: FOLDS.min(length) })
    }

    /// The people in it.
    pub fn people(&self) -> BTreeSet<String> {
        let Listed(people) = &self.pictures;
        (0..people.classes() as u32).map(|label| people.class_name(label)).collect()
    }
}

impl Reader<'_> {
    fn refuse(&self, number: usize, found: &str, expected: &str) -> Failure {
        let found: String = found.chars().take(80).map(|c| if c.is_control() { ' ' } else { c }).collect();
        format!(
            "{}, line {}: `{found}`; expected {expected}; is it one of LFW's lists of pairs?",
            self.list.display(),
            number + 1
        )
        .into()
    }

    fn pair(&mut self, number: usize, line: &str, same: bool) -> Result<Pair, Failure> {
        let words: Vec<&str> = line.split_whitespace().collect();
        let read = |word: &str| word.parse::<u32>().ok();
        let found = match (same, &words[..]) {
            (true, [name, i, j]) if read(i) != read(j) => {
                read(i).zip(read(j)).map(|(i, j)| ((*name, i), (*name, j)))
            }
            (false, [name, i, other, j]) if name != other => {
                read(i).zip(read(j)).map(|(i, j)| ((*name, i), (*other, j)))
            }
            _ => None,
        };
        let Some((a, b)) = found else {
            let expected = if same {
                "`NAME I J`, two pictures of one person"
            } else {
                "`NAME I OTHER J`, pictures of two"
            };
            return Err(self.refuse(number, line, expected));
        };
        Ok(Pair { a: self.place(number, a)?, b: self.place(number, b)?, same })
    }

    fn place(&mut self, number: usize, (name, picture): (&str, u32)) -> Result<usize, Failure> {
        if let Some(&place) = self.places.get(&(name.to_owned(), picture)) {
            return Ok(place);
        }
        let path = |extension| self.folder.join(name).join(format!("{name}_{picture:04}.{extension}"));
        // A name with parts of a path in it would lead elsewhere.
        let plain = Path::new(name).components().count() == 1 && !name.starts_with('.');
        let Some(path) = ["jpg", "jpeg", "png"].map(path).into_iter().find(|path| plain && path.is_file())
        else {
            return Err(format!(
                "{}, line {}: {} is missing (nor .jpeg, .png); expected every picture named; check --pairs-data",
                self.list.display(),
                number + 1,
                path("jpg").display()
            )
            .into());
        };
        let next = self.names.len() as u32;
        let label = *self.labels.entry(name.to_owned()).or_insert(next);
        if label == next {
            self.names.push(name.to_owned());
        }
        self.places.insert((name.to_owned(), picture), self.pictures.len());
        self.pictures.push((path, label));
        Ok(self.pictures.len() - 1)
    }
}

impl View for Listed {
    fn whole(&self) -> &dyn Dataset {
        &self.0
    }

    fn see(&self, index: usize) -> Result<Sample, DataError> {
        self.0.sample(index).map_err(|error| match error {
            DataError::Picture { path, reason } => DataError::Needed { path, reason },
            other => other,
        })
    }
}
