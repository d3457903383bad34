//! A folder of folders of pictures: one a person (LFW) or one a class
//! (ImageNet).

use std::path::{Path, PathBuf};

use super::scan::{entries, scan};
use crate::error::shown;
use crate::{DataError, Dataset, Picture, PictureShape, Sample};

/// Pictures labelled by the folder they lie in, folders sorted by name.
#[derive(Debug)]
pub struct Identities {
    folder: PathBuf,
    names: Vec<String>,
    pictures: Vec<(PathBuf, u32)>,
}

impl Identities {
    /// Some pictures below a folder: the files, each with its label, a place among the names.
    ///
    /// # Panics
    /// When a label has no name.
    #[track_caller]
    pub fn chosen(folder: &Path, names: Vec<String>, pictures: Vec<(PathBuf, u32)>) -> Self {
        let most = pictures.iter().map(|&(_, label)| label as usize + 1).max().unwrap_or(0);
        assert!(most <= names.len(), "Identities::chosen: {} names, expected at least {most}", names.len());
        Self { folder: folder.to_owned(), names, pictures }
    }

    /// What a folder should hold.
    pub(crate) const LAYOUT: &str = "one folder a person or class, each with PNG or JPEG pictures";

    /// Lists the folders and their pictures; nothing is decoded yet. Folders
    /// without a picture get no label; loose pictures are refused, because
    /// nothing says whom they show.
    ///
    /// # Errors
    /// A folder that is missing, cannot be read, holds loose pictures or no
    /// folder with pictures.
    pub fn open(folder: &Path) -> Result<Self, DataError> {
        let refuse = |found: String, remedy: &str| DataError::layout(folder, found, Self::LAYOUT, remedy);
        if !folder.is_dir() {
            let found = if folder.exists() { "no folder" } else { "no such folder" };
            return Err(refuse(found.into(), "check the path"));
        }
        let (people, loose): (Vec<_>, Vec<_>) = entries(folder)?.into_iter().partition(|path| path.is_dir());
        let (mut names, mut pictures) = (Vec::new(), Vec::new());
        for person in &people {
            let found = scan(person)?.pictures;
            if !found.is_empty() {
                let label = names.len() as u32;
                names.push(crate::error::one_line(&person.file_name().unwrap_or_default().to_string_lossy()));
                pictures.extend(found.into_iter().map(|path| (path, label)));
            }
        }
        let is_picture = |path: &&PathBuf| {
            let extension = path.extension().and_then(|e| e.to_str()).unwrap_or_default();
            ["png", "jpg", "jpeg"].contains(&extension.to_ascii_lowercase().as_str())
        };
        match loose.iter().find(is_picture) {
            _ if pictures.is_empty() => {
                let found = format!("{} folders and no picture in any", people.len());
                Err(refuse(found, "put each person's or class's pictures in a folder of its own"))
            }
            Some(picture) => Err(refuse(
                format!("the loose picture {}", shown(picture)),
                "move it into the folder of whom it shows, or use folder:DIR",
            )),
            None => Ok(Self { folder: folder.to_owned(), names, pictures }),
        }
    }
}

impl Dataset for Identities {
    fn len(&self) -> usize {
        self.pictures.len()
    }

    fn sample(&self, index: usize) -> Result<Sample, DataError> {
        let (path, label) = &self.pictures[index];
        Ok(Sample { picture: Picture::read(path)?, label: *label, mask: None })
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
        shown(&self.pictures[index].0)
    }

    fn shape(&self) -> Option<PictureShape> {
        None
    }

    fn describe(&self) -> String {
        format!(
            "identities:{}: {} pictures of {} people or classes",
            shown(&self.folder),
            self.len(),
            self.classes()
        )
    }
}
