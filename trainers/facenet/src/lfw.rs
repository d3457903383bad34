//! LFW's list of pairs, pairs.txt (Huang et al. 2007, view 2).
//!
//! The first line has the number of folds and of pairs, 10 and 300; then comes fold after fold, 300 lines `NAME I J`, two
//! pictures of one person, and 300 lines `NAME I OTHER J`, pictures of two. Picture I of NAME lies in
//! `NAME/NAME_000I.jpg` (or .jpeg, .png).

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use gobelin_datasets::{DataError, Dataset, Picture, PictureShape, Sample};
use gobelin_harness::Failure;

use crate::exam::Pair;

/// The pairs of a list, and the pictures that they are of.
pub struct Pairs {
    /// The pictures, each once.
    pub pictures: Listed,
    /// Fold after fold, by the pictures' places.
    pub pairs: Vec<Pair>,
    /// How many folds there are.
    pub folds: usize,
}

/// Pictures named by a list.
pub struct Listed {
    folder: PathBuf,
    names: Vec<String>,
    pictures: Vec<(PathBuf, u32)>,
}

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
            format!("{}: cannot be read ({error}); expected LFW's pairs.txt; check --pairs", list.display())
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
        let numbers: Vec<usize> = first.split_whitespace().map_while(|word| word.parse().ok()).collect();
        let &[folds, length] = &numbers[..] else {
            return Err(reader.refuse(0, first, "the number of folds and of pairs, as `10 300`"));
        };
        if folds < 2 || length == 0 {
            return Err(reader.refuse(0, first, "two folds or more, of a pair or more each"));
        }
        let mut pairs = Vec::new();
        for (number, line) in lines {
            let same = pairs.len() / length % 2 == 0;
            pairs.push(reader.pair(number, line, same)?);
        }
        if pairs.len() != 2 * folds * length {
            return Err(format!(
                "{}: {} pairs; expected {folds} folds of {length} of one person and {length} of two, {} in all; is the file \
                 whole?",
                list.display(),
                pairs.len(),
                2 * folds * length
            )
            .into());
        }
        let pictures = Listed { folder: folder.to_owned(), names: reader.names, pictures: reader.pictures };
        Ok(Self { pictures, pairs, folds })
    }

    /// The people in it.
    pub fn people(&self) -> BTreeSet<String> {
        self.pictures.names.iter().cloned().collect()
    }
}

impl Reader<'_> {
    fn refuse(&self, number: usize, found: &str, expected: &str) -> Failure {
        let found: String = found.chars().take(80).map(|c| if c.is_control() { ' ' } else { c }).collect();
        format!(
            "{}, line {}: `{found}`; expected {expected}; is it LFW's pairs.txt?",
            self.list.display(),
            number + 1
        )
        .into()
    }

    fn pair(&mut self, number: usize, line: &str, same: bool) -> Result<Pair, Failure> {
        let words: Vec<&str> = line.split_whitespace().collect();
        let read = |word: &str| word.parse::<u32>().ok();
        let found = match (same, &words[..]) {
            (true, [name, i, j]) => read(i).zip(read(j)).map(|(i, j)| ((*name, i), (*name, j))),
            (false, [name, i, other, j]) => read(i).zip(read(j)).map(|(i, j)| ((*name, i), (*other, j))),
            _ => None,
        };
        let Some((a, b)) = found else {
            let expected =
                if same { "`NAME I J`, two pictures of one person" } else { "`NAME I OTHER J`, two people" };
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

impl Dataset for Listed {
    fn len(&self) -> usize {
        self.pictures.len()
    }

    fn sample(&self, index: usize) -> Result<Sample, DataError> {
        let (path, label) = &self.pictures[index];
        // A pair whose picture cannot be seen must not be judged by another picture: this is no [`DataError::Picture`],
        // in whose place the next one would be taken.
        let picture = Picture::read(path).map_err(|error| match error {
            DataError::Picture { path, reason } => DataError::System { path, action: "decode", reason },
            other => other,
        })?;
        Ok(Sample { picture, label: *label, mask: None })
    }

    fn label(&self, index: usize) -> u32 {
        self.pictures[index].1
    }

    fn classes(&self) -> usize {
        self.names.len()
    }

    fn class_name(&self, label: u32) -> String {
        self.names[label as usize].clone()
    }

    fn name(&self, index: usize) -> String {
        self.pictures[index].0.display().to_string()
    }

    fn shape(&self) -> Option<PictureShape> {
        None
    }

    fn describe(&self) -> String {
        format!("{}: {} pictures of {} people in pairs", self.folder.display(), self.len(), self.classes())
    }
}
