//! `gobelin segment apply`: the masks of pictures.

use std::path::{Path, PathBuf};

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use gobelin_autograd::random;
use gobelin_datasets::Picture;
use gobelin_harness::{Error, Place, Tool, apply_arguments, given_path, make_each, tell, work};
use gobelin_nets::weights::{self, Weights};

use crate::net::{Segmenter, Shape};
use crate::training::THRESHOLD;

/// The subcommand.
pub(crate) const TOOL: Tool = Tool { command, main };

/// Answers of a network that sees its own, where it is not said how many: the paper's.
const REFINE: usize = 3;
/// More levels than any network that is trained has.
const DEEPEST: usize = 6;

fn command() -> Command {
    Command::new("apply")
        .about("Find the masks of pictures of any size: 255 where they are set, else 0")
        .args(apply_arguments("A trained network, or the run directory that holds it"))
        .arg(
            Arg::new("refine")
                .long("refine")
                .value_name("K")
                .value_parser(value_parser!(u64).range(2..=16))
                .help("Answers of the network, as in its training [default: 3 for a network that sees its own answer]"),
        )
        .arg(
            Arg::new("probability")
                .long("probability")
                .action(ArgAction::SetTrue)
                .help("Write each pixel's probability, from 0 (black) to 1 (white), instead of the mask"),
        )
}

fn main(matches: &ArgMatches, place: &Place) -> Result<(), Error> {
    let path = |name: &str| given_path(matches, name);
    let work = work(path("input"), path("output"))?;
    let refine = matches.get_one::<u64>("refine").map(|count| *count as usize);
    let segmenter = load(&weights_file(path("weights")), refine)?;
    place.take(&segmenter.net);
    let probability = matches.get_flag("probability");
    make_each(&work, |picture| {
        let answers = segmenter.probabilities(&picture, place.exact);
        let last = answers.last().expect("at least one answer");
        let byte = |value: &f32| match probability {
            true => (value * 255.0 + 0.5) as u8,
            false if *value >= THRESHOLD => 255,
            false => 0,
        };
        if work.len() == 1 {
            let set = last.iter().filter(|value| **value >= THRESHOLD).count() as f64 / last.len() as f64;
            tell(&format!("{:.1}% of {}x{} pixels set", 100.0 * set, picture.width, picture.height));
        }
        Ok(Picture::new(picture.height, picture.width, 1, last.iter().map(byte).collect()))
    })
}

/// The file that holds the network.
fn weights_file(weights: &Path) -> PathBuf {
    if weights.is_dir() { weights.join("unet.safetensors") } else { weights.to_owned() }
}

/// Why a file is no trained network.
#[derive(Debug, thiserror::Error)]
#[error("{}: {found}; expected a network that `gobelin segment` trained: unet.safetensors of a run", path.display())]
struct NoSegmenter {
    path: PathBuf,
    found: String,
}

/// A trained network: its shape is read off its tensors.
fn load(path: &Path, refine: Option<usize>) -> Result<Segmenter, Error> {
    let file = weights::read(path).map_err(|error| Error::Trainer(error.into()))?;
    let shape = shape_of(&file, refine).map_err(|found| match found {
        Misfit::File(found) => Error::Trainer(Box::new(NoSegmenter { path: path.to_owned(), found })),
        Misfit::Refine(channels) => Error::Call(format!(
            "--refine: {} sees a picture of {channels} channels alone and gives one answer; leave it out",
            path.display()
        )),
    })?;
    let segmenter = Segmenter::new(shape, &mut random::generator(0, 0));
    weights::load(path, &segmenter.net).map_err(|error| Error::Trainer(error.into()))?;
    Ok(segmenter)
}

/// Why tensors make no network.
enum Misfit {
    File(String),
    /// More than one answer is wanted of a network that sees a picture of so many channels alone.
    Refine(usize),
}

fn shape_of(file: &Weights, refine: Option<usize>) -> Result<Shape, Misfit> {
    let missing = |name: &str| Misfit::File(format!("no tensor `{name}` of four axes"));
    let of = |name: &str| match file.get(name).map(|stored| &stored.shape[..]) {
        Some(&[out, channels, _, _]) if out > 0 => Ok([out, channels]),
        _ => Err(missing(name)),
    };
    let [width, seen] = of("down.0.0.0.weight")?;
    let [classes, _] = of("out.weight")?;
    let depth =
        (0..=DEEPEST).take_while(|level| file.contains_key(&format!("down.{level}.0.0.weight"))).count();
    if ![1, 2].contains(&classes) || depth > DEEPEST || ![1, 2, 3, 4].contains(&seen) || width > 4096 {
        let found = format!("a U-Net of {depth} levels and width {width} from {seen} channels to {classes}");
        return Err(Misfit::File(found));
    }
    let (channels, refine) = match (seen, refine) {
        (1 | 3, Some(_)) => return Err(Misfit::Refine(seen)),
        (1 | 3, None) => (seen, 1),
        _ => (seen - 1, refine.unwrap_or(REFINE)),
    };
    Ok(Shape { channels, classes, width, depth, refine })
}
