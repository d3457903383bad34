//! `gobelin segment apply`: the mask of a picture.

use std::path::{Path, PathBuf};

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use gobelin_autograd::random;
use gobelin_datasets::Picture;
use gobelin_harness::{Error, Tool, tell};
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
    let path = |name: &'static str, value: &'static str, help: &'static str| {
        Arg::new(name)
            .long(name)
            .value_name(value)
            .required(true)
            .value_parser(value_parser!(PathBuf))
            .help(help)
    };
    Command::new("apply")
        .about("Find the mask of a picture of any size")
        .arg(path("weights", "W.safetensors", "A trained network, as a run leaves it in unet.safetensors"))
        .arg(path("input", "PICTURE", "The picture: a PNG or JPEG file"))
        .arg(path("output", "MASK.png", "Where the mask is written: 255 where it is set, else 0"))
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
        .arg(
            Arg::new("exact").long("exact").action(ArgAction::SetTrue).help("No algorithms that trade digits for speed"),
        )
}

fn main(matches: &ArgMatches) -> Result<(), Error> {
    let path = |name: &str| matches.get_one::<PathBuf>(name).expect("clap requires it").as_path();
    let refine = matches.get_one::<u64>("refine").map(|count| *count as usize);
    let segmenter = load(path("weights"), refine)?;
    let picture = Picture::read(path("input")).map_err(|error| Error::Trainer(error.into()))?;
    let answers = segmenter.probabilities(&picture, matches.get_flag("exact"));
    let last = answers.last().expect("at least one answer");
    let byte = |probability: &f32| match matches.get_flag("probability") {
        true => (probability * 255.0 + 0.5) as u8,
        false if *probability >= THRESHOLD => 255,
        false => 0,
    };
    let mask = Picture::new(picture.height, picture.width, 1, last.iter().map(byte).collect());
    mask.write_png(path("output")).map_err(|error| Error::Trainer(error.into()))?;
    let set = last.iter().filter(|probability| **probability >= THRESHOLD).count() as f64 / last.len() as f64;
    tell(&format!(
        "{}: {:.1}% of {}x{} pixels set",
        path("output").display(),
        100.0 * set,
        picture.height,
        picture.width
    ));
    Ok(())
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
