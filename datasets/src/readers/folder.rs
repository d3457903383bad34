//! A folder of pictures, at any depth, without labels.

use std::path::{Path, PathBuf};

use super::scan::scan;
use crate::error::shown;
use crate::{DataError, Dataset, Picture, PictureShape, Sample};

/// PNG and JPEG files below a folder, sorted by path, decoded when asked for.
#[derive(Debug)]
pub struct Folder {
    folder: PathBuf,
    pictures: Vec<PathBuf>,
}

impl Folder {
    /// What a folder should hold.
    pub(crate) const LAYOUT: &str = "PNG or JPEG pictures, in it or in folders below it";

    /// Lists a folder; nothing is decoded yet.
    ///
    /// # Errors
    /// A folder that is missing, cannot be read or holds no picture.
    pub fn open(folder: &Path) -> Result<Self, DataError> {
        if !folder.is_dir() {
            let found = if folder.exists() { "no folder" } else { "no such folder" };
            return Err(DataError::layout(folder, found, Self::LAYOUT, "check the path"));
        }
        let scan = scan(folder)?;
        if scan.pictures.is_empty() {
            let remedy = "check the path, or convert the pictures to PNG or JPEG";
            return Err(DataError::layout(folder, scan.found(), Self::LAYOUT, remedy));
        }
        Ok(Self { folder: folder.to_owned(), pictures: scan.pictures })
    }

    /// The pictures' files, sorted by path; each path begins with the folder's.
    pub fn paths(&self) -> &[PathBuf] {
        &self.pictures
    }
}

impl Dataset for Folder {
    fn len(&self) -> usize {
        self.pictures.len()
    }

    fn sample(&self, index: usize) -> Result<Sample, DataError> {
        Ok(Sample { picture: Picture::read(&self.pictures[index])?, label: 0, mask: None })
    }

    fn label(&self, _index: usize) -> u32 {
        0
    }

    fn classes(&self) -> usize {
        1
    }

    fn name(&self, index: usize) -> String {
        shown(&self.pictures[index])
    }

    fn shape(&self) -> Option<PictureShape> {
        None
    }

    fn describe(&self) -> String {
        format!("folder:{}: {} pictures", shown(&self.folder), self.len())
    }
}
