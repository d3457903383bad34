//! CycleGAN's layout: a folder of pictures for each domain and part.

use std::path::Path;
use std::sync::Arc;

use super::Folder;
use super::scan::scan;
use crate::domains::Domains;
use crate::{DataError, Split};

/// What the folder should hold.
pub(crate) const LAYOUT: &str = "the folders trainA, trainB, testA and testB, each with PNG or JPEG pictures in it or in folders below it";

/// Opens one part of both domains; nothing is decoded yet.
///
/// # Errors
/// A folder that is missing, cannot be read or holds no picture.
pub(crate) fn open(folder: &Path, split: Split) -> Result<Domains, DataError> {
    let refuse = |path: &Path, found: String, remedy: &str| DataError::layout(path, found, LAYOUT, remedy);
    if !folder.is_dir() {
        let found = if folder.exists() { "no folder" } else { "no such folder" };
        return Err(refuse(folder, found.into(), "check the path"));
    }
    let all = ["trainA", "trainB", "testA", "testB"];
    let missing: Vec<&str> = all.into_iter().filter(|name| !folder.join(name).is_dir()).collect();
    if !missing.is_empty() {
        let remedy = "put the pictures of each domain to train on and to test with in these folders";
        return Err(refuse(folder, format!("no folder {}", missing.join(", no folder ")), remedy));
    }
    let domain = |name: &str| -> Result<Arc<Folder>, DataError> {
        let path = folder.join(name);
        let found = scan(&path)?;
        if found.pictures.is_empty() {
            let remedy = "add pictures, or convert those that are there to PNG or JPEG";
            return Err(refuse(&path, found.found(), remedy));
        }
        Ok(Arc::new(Folder::open(&path)?))
    };
    let part = match split {
        Split::Train => "train",
        Split::HeldOut => "test",
    };
    Ok(Domains { a: domain(&format!("{part}A"))?, b: domain(&format!("{part}B"))? })
}
