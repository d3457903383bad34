//! What a trained net is used for: `gobelin facenet embed`, `compare` and `search`.

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::{Arg, ArgMatches, Command, value_parser};
use gobelin_autograd::Tensor;
use gobelin_datasets::{DataError, Dataset, Folder};
use gobelin_harness::{Error, Failure, Place, Tool, must_spare, tell};
use gobelin_nets::weights::{self, Metadata, Stored, Weights};
use rayon::prelude::*;

use crate::embedder::{Embedder, prepared, squared_distance};

/// Pictures decoded and embedded at a time.
const BATCH: usize = 64;

/// The tools.
pub const TOOLS: &[Tool] = &[
    Tool { command: embed_command, main: |matches, place| embed(matches, place).map_err(Error::of_trainer) },
    Tool {
        command: compare_command,
        main: |matches, place| compare(matches, place).map_err(Error::of_trainer),
    },
    Tool {
        command: search_command,
        main: |matches, place| search(matches, place).map_err(Error::of_trainer),
    },
];

fn path(name: &'static str, value: &'static str, help: &'static str) -> Arg {
    Arg::new(name).value_name(value).required(true).value_parser(value_parser!(PathBuf)).help(help)
}

fn weights_argument() -> Arg {
    path("weights", "W.safetensors", "embedder.safetensors of a run").long("weights")
}

fn embed_command() -> Command {
    Command::new("embed")
        .about("Writes the embeddings of a picture, or of all pictures below a folder")
        .arg(weights_argument())
        .arg(path("input", "PIC-or-DIR", "A picture, or a folder of them").long("input"))
        .arg(
            path(
                "output",
                "E.safetensors",
                "The file to write: the tensor `embeddings` (N, D), and in the metadata `names`, a path a line",
            )
            .long("output"),
        )
}

fn compare_command() -> Command {
    Command::new("compare")
        .about("Tells whether two pictures show one person")
        .arg(path("a", "A", "A picture"))
        .arg(path("b", "B", "Another"))
        .arg(weights_argument())
}

fn search_command() -> Command {
    Command::new("search")
        .about("Ranks the pictures below a folder by their distance to a picture")
        .arg(path("picture", "PIC", "A picture"))
        .arg(path("folder", "DIR", "Where to search"))
        .arg(weights_argument())
        .arg(
            Arg::new("count")
                .long("count")
                .value_name("N")
                .value_parser(value_parser!(u32).range(1..))
                .default_value("10")
                .help("How many are listed"),
        )
}

fn of<'a>(matches: &'a ArgMatches, name: &str) -> &'a Path {
    matches.get_one::<PathBuf>(name).expect("clap requires it")
}

fn embed(matches: &ArgMatches, place: &Place) -> Result<(), Failure> {
    let (weights, input, output) = (of(matches, "weights"), of(matches, "input"), of(matches, "output"));
    must_spare(output, "safetensors", "weights", weights)?;
    let embedder = Embedder::open(weights, place)?;
    let found = if input.is_dir() {
        embed_folder(&embedder, input)?
    } else {
        vec![(input.display().to_string(), embedder.embed_file(input)?)]
    };
    let dimensions = found[0].1.len();
    let values: Vec<f32> = found.iter().flat_map(|(_, embedding)| embedding).copied().collect();
    let mut file = Weights::new();
    file.insert("embeddings".into(), Stored::of(&Tensor::new(&[found.len(), dimensions], values)));
    let names: Vec<&str> = found.iter().map(|(name, _)| name.as_str()).collect();
    weights::set_metadata(&mut file, &Metadata::from([("names".into(), names.join("\n"))]));
    weights::write(output, &file)?;
    let pictures = if found.len() == 1 { "picture" } else { "pictures" };
    print(&format!("{} {pictures}, {dimensions} numbers each, in {}", found.len(), output.display()));
    Ok(())
}

fn compare(matches: &ArgMatches, place: &Place) -> Result<(), Failure> {
    let embedder = Embedder::open(of(matches, "weights"), place)?;
    let [a, b] = [embedder.embed_file(of(matches, "a"))?, embedder.embed_file(of(matches, "b"))?];
    let distance = squared_distance(&a, &b);
    let verdict = if distance < embedder.threshold { "same person" } else { "different people" };
    print(&format!("{verdict}: squared distance {distance:.4}, threshold {:.4}", embedder.threshold));
    Ok(())
}

fn search(matches: &ArgMatches, place: &Place) -> Result<(), Failure> {
    let embedder = Embedder::open(of(matches, "weights"), place)?;
    let wanted = embedder.embed_file(of(matches, "picture"))?;
    let found = embed_folder(&embedder, of(matches, "folder"))?;
    let mut ranked: Vec<(f64, &str)> =
        found.iter().map(|(name, embedding)| (squared_distance(&wanted, embedding), name.as_str())).collect();
    ranked.sort_by(|x, y| x.0.total_cmp(&y.0).then(x.1.cmp(y.1)));
    let count = *matches.get_one::<u32>("count").expect("has a default") as usize;
    for (rank, (distance, name)) in ranked.iter().take(count).enumerate() {
        let verdict = if *distance < embedder.threshold { "same" } else { "different" };
        print(&format!("{:>4}  {distance:.4}  {verdict:<9}  {name}", rank + 1));
    }
    Ok(())
}

/// Name and embedding of every picture below a folder, in the order of their paths. Those that do not decode are told and left
/// out; at least one must.
fn embed_folder(embedder: &Embedder, folder: &Path) -> Result<Vec<(String, Vec<f32>)>, Failure> {
    let pictures = Folder::open(folder)?;
    let size = embedder.size();
    let mut found = Vec::new();
    let mut first_broken = None;
    for start in (0..pictures.len()).step_by(BATCH) {
        let end = pictures.len().min(start + BATCH);
        let decoded: Vec<Result<Vec<f32>, DataError>> = (start..end)
            .into_par_iter()
            .map(|index| Ok(prepared(&pictures.sample(index)?.picture, size)))
            .collect();
        let (mut names, mut batch) = (Vec::new(), Vec::new());
        for (index, pixels) in (start..end).zip(decoded) {
            match pixels {
                Ok(pixels) => {
                    names.push(pictures.name(index));
                    batch.extend(pixels);
                }
                Err(error) => {
                    tell(&format!("skipped: {error}"));
                    first_broken.get_or_insert(error);
                }
            }
        }
        if !names.is_empty() {
            let embeddings = embedder.embed(&batch);
            let rows = embeddings.data().chunks_exact(embeddings.shape()[1]).map(<[f32]>::to_vec);
            found.extend(names.into_iter().zip(rows));
        }
    }
    match first_broken {
        Some(error) if found.is_empty() => Err(error.into()),
        _ => Ok(found),
    }
}

/// A reader that has gone away, as `| head` does, is no error.
fn print(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}
