//! Which pictures are read, and which are written.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use gobelin_datasets::Folder;
use gobelin_harness::Error;

/// A picture to read, and the file its translation goes to.
#[derive(Debug, PartialEq)]
pub(super) struct Work {
    pub input: PathBuf,
    pub output: PathBuf,
}

/// What there is to do: one picture to one PNG file, or every picture below a folder to a PNG file in the same place
/// below another. Nothing that is read is ever written over.
pub(super) fn work(input: &Path, output: &Path) -> Result<Vec<Work>, Error> {
    let refuse = |message: String| Err(Error::Call(message));
    if !input.is_dir() {
        if !input.exists() {
            return refuse(format!("--input {}: no such file or folder; check the path", input.display()));
        }
        if output.is_dir() || !has_extension(output, "png") {
            return refuse(format!(
                "--output {}: expected the name of a .png file to write",
                output.display()
            ));
        }
        if same(input, output) {
            return refuse(format!(
                "--output {}: is the input itself; choose another file",
                output.display()
            ));
        }
        return Ok(vec![Work { input: input.to_owned(), output: output.to_owned() }]);
    }
    if output.exists() && !output.is_dir() {
        return refuse(format!("--output {}: is no folder; the input is one", output.display()));
    }
    if same(input, output) {
        return refuse(format!("--output {}: is the input itself; choose another folder", output.display()));
    }
    let folder = Folder::open(input).map_err(|error| Error::Trainer(error.into()))?;
    let mut work = Vec::new();
    let mut taken: HashMap<PathBuf, &Path> = HashMap::new();
    for path in folder.paths() {
        let place = path.strip_prefix(input).unwrap_or(path).with_extension("png");
        let output = output.join(&place);
        if let Some(other) = taken.insert(place, path) {
            return refuse(format!(
                "--input {}: {} and {} would both become {}; rename one of them",
                input.display(),
                other.display(),
                path.display(),
                output.display()
            ));
        }
        work.push(Work { input: path.clone(), output });
    }
    Ok(work)
}

fn has_extension(path: &Path, wanted: &str) -> bool {
    path.extension().is_some_and(|found| found.eq_ignore_ascii_case(wanted))
}

/// Whether both lead to one file or folder.
fn same(input: &Path, output: &Path) -> bool {
    match (input.canonicalize(), output.canonicalize()) {
        (Ok(input), Ok(output)) => input == output,
        _ => false,
    }
}
