//! Walking a folder for pictures.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};

use crate::DataError;

/// What a folder holds.
#[derive(Debug, Default)]
pub(super) struct Scan {
    /// PNG and JPEG files, below the folder at any depth, sorted by path.
    pub pictures: Vec<PathBuf>,
    /// How many files of picture formats that are not read, by extension.
    pub others: BTreeMap<String, usize>,
}

/// Formats people keep pictures in that are not read here; finding only these
/// deserves a better message than an empty folder.
const OTHER_FORMATS: [&str; 8] = ["webp", "gif", "bmp", "tif", "tiff", "avif", "heic", "ppm"];

/// Finds the pictures below a folder. Links are followed, each folder once;
/// names that begin with a dot are left out.
pub(super) fn scan(folder: &Path) -> Result<Scan, DataError> {
    let mut scan = Scan::default();
    walk(folder, &mut HashSet::new(), &mut scan)?;
    scan.pictures.sort_unstable();
    Ok(scan)
}

fn walk(folder: &Path, visited: &mut HashSet<PathBuf>, scan: &mut Scan) -> Result<(), DataError> {
    let place = folder.canonicalize().map_err(|error| DataError::read(folder, &error))?;
    if !visited.insert(place) {
        return Ok(());
    }
    for path in entries(folder)? {
        if path.is_dir() {
            walk(&path, visited, scan)?;
            continue;
        }
        let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
        let extension = extension.to_ascii_lowercase();
        if matches!(extension.as_str(), "png" | "jpg" | "jpeg") {
            scan.pictures.push(path);
        } else if OTHER_FORMATS.contains(&extension.as_str()) {
            *scan.others.entry(extension).or_default() += 1;
        }
    }
    Ok(())
}

/// The paths in a folder, sorted by name, hidden ones left out.
pub(super) fn entries(folder: &Path) -> Result<Vec<PathBuf>, DataError> {
    let unreadable = |error: std::io::Error| DataError::read(folder, &error);
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        if !entry.file_name().as_encoded_bytes().starts_with(b".") {
            paths.push(entry.path());
        }
    }
    paths.sort_unstable();
    Ok(paths)
}

impl Scan {
    /// What was found, for a message about too little of it.
    pub fn found(&self) -> String {
        let others: Vec<String> =
            self.others.iter().map(|(extension, count)| format!("{count} .{extension}")).collect();
        let others = if others.is_empty() { String::new() } else { format!(" ({})", others.join(", ")) };
        format!("{} PNG or JPEG pictures{others}", self.pictures.len())
    }
}
