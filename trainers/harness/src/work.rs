//! Pictures that a trained network makes of others: which are read, and which are written.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use clap::{Arg, ArgMatches, value_parser};
use gobelin_datasets::{Folder, Picture};
use gobelin_kernels::cuda;

use crate::error::{Error, one_line};
use crate::progress::tell;
use crate::tool::on_device;

/// A picture to read, and the file that what is made of it goes to.
#[derive(Debug, PartialEq)]
pub struct Work {
    /// The file to read.
    pub input: PathBuf,
    /// The file to write.
    pub output: PathBuf,
}

/// `--weights`, told by `weights`, `--input` and `--output`: what every tool takes that makes pictures of pictures.
pub fn apply_arguments(weights: &'static str) -> [Arg; 3] {
    let path = |name: &'static str, value: &'static str, help: &'static str| {
        Arg::new(name)
            .long(name)
            .value_name(value)
            .required(true)
            .value_parser(value_parser!(PathBuf))
            .help(help)
    };
    [
        path("weights", "W", weights),
        path("input", "PIC|DIR", "A PNG or JPEG picture, or a folder of such pictures"),
        path("output", "PIC|DIR", "The PNG file to write, or the folder to write such files to"),
    ]
}

/// The path of one of [`apply_arguments`].
pub fn given_path<'a>(matches: &'a ArgMatches, name: &str) -> &'a Path {
    matches.get_one::<PathBuf>(name).expect("clap requires it")
}

/// What there is to do: one picture to one PNG file, or every picture below a folder to a PNG file in the same place
/// below another. Nothing that is read is ever written over.
///
/// # Errors
/// A wrong call, or a folder without pictures.
pub fn work(input: &Path, output: &Path) -> Result<Vec<Work>, Error> {
    let refuse = |message: String| Err(Error::Call(message));
    if !input.is_dir() {
        if !input.exists() {
            return refuse(format!("--input {}: no such file or folder; check the path", input.display()));
        }
        must_spare(output, "png", "input", input)?;
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
    let read: HashSet<PathBuf> = folder.paths().iter().filter_map(|path| path.canonicalize().ok()).collect();
    let spoilt = work.iter().find(|work| work.output.canonicalize().is_ok_and(|path| read.contains(&path)));
    if let Some(Work { output: spoilt, .. }) = spoilt {
        return refuse(format!(
            "--output {}: {} there is a picture to read; choose a folder outside of the input",
            output.display(),
            spoilt.display()
        ));
    }
    Ok(work)
}

/// Holds `--output` to the name of one file of a kind, which is not the one that another flag has read.
///
/// # Errors
/// A wrong call.
pub fn must_spare(output: &Path, extension: &str, flag: &str, read: &Path) -> Result<(), Error> {
    let refuse = |what: String| Err(Error::Call(format!("--output {}: {what}", output.display())));
    if output.is_dir() || !has_extension(output, extension) {
        return refuse(format!("expected the name of a .{extension} file to write"));
    }
    if same(read, output) {
        return refuse(format!("is what --{flag} reads; choose another file"));
    }
    Ok(())
}

/// Makes a picture of every picture; of several, those that cannot be used are told and left out, as are those that a graphics
/// card has no memory for.
///
/// # Errors
/// The only picture cannot be used, or some of several could not; a file cannot be written; a graphics card failed.
pub fn make_each(
    work: &[Work],
    mut make: impl FnMut(Picture) -> Result<Picture, Error>,
) -> Result<(), Error> {
    let mut left_out = 0;
    for Work { input, output } in work {
        let read = Picture::read(input).map_err(|error| Error::Trainer(error.into()));
        let made = match on_device(|| read.and_then(&mut make)) {
            Ok(made) => made,
            Err(error) if work.len() == 1 => return Err(error),
            Err(error) => {
                let found = match failed_card(&error) {
                    None => error.to_string(),
                    Some(cuda::Error::OutOfMemory { .. } | cuda::Error::TooLarge { .. }) => {
                        format!("{}: {error}", input.display())
                    }
                    // It would fail with every picture.
                    Some(_) => return Err(error),
                };
                left_out += 1;
                tell(&format!("left out: {}", one_line(&found)));
                continue;
            }
        };
        if let Some(folder) = output.parent() {
            std::fs::create_dir_all(folder).map_err(|source| Error::file("create", folder, source))?;
        }
        std::fs::write(output, made.encode_png()).map_err(|source| Error::file("write", output, source))?;
    }
    if left_out > 0 {
        let message = format!(
            "{left_out} of {} pictures could not be used and were left out; replace or remove them",
            work.len()
        );
        return Err(Error::Trainer(message.into()));
    }
    Ok(())
}

/// What a graphics card failed with.
fn failed_card(error: &Error) -> Option<&cuda::Error> {
    match error {
        Error::Trainer(source) => source.downcast_ref(),
        _ => None,
    }
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
