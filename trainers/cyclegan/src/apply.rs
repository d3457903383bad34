//! `gobelin cyclegan apply`: pictures translated by a trained generator.

mod generator;

use std::path::{Path, PathBuf};

use clap::{Arg, ArgMatches, Command};
use gobelin_harness::{Error, Place, Tool, apply_arguments, given_path, make_each, tell, work};

pub use generator::{Generator, GeneratorError};

/// The subcommand.
pub const TOOL: Tool = Tool { command, main };

const DIRECTIONS: [&str; 2] = ["a-to-b", "b-to-a"];

fn command() -> Command {
    Command::new("apply")
        .about("Translate pictures of any size with a trained generator")
        .args(apply_arguments("A generator's weights, or the run directory that holds them"))
        .arg(
            Arg::new("direction")
                .long("direction")
                .value_name("WAY")
                .value_parser(DIRECTIONS)
                .help("Which way, where --weights is a run directory [default: a-to-b]"),
        )
}

fn main(matches: &ArgMatches, place: &Place) -> Result<(), Error> {
    let path = |name: &str| given_path(matches, name);
    let direction = matches.get_one::<String>("direction").map(String::as_str);
    let work = work(path("input"), path("output"))?;
    let generator = Generator::open(&weights_file(path("weights"), direction)?)
        .map_err(|error| Error::Trainer(error.into()))?;
    generator.notes().iter().for_each(|note| tell(note));
    place.take(&generator.net);
    make_each(&work, |picture| Ok(generator.translate(picture, place.exact)))
}

/// The file that holds the generator asked for.
fn weights_file(weights: &Path, direction: Option<&str>) -> Result<PathBuf, Error> {
    match direction {
        _ if weights.is_dir() => {
            let name = direction.unwrap_or(DIRECTIONS[0]).replace('-', "_");
            Ok(weights.join(format!("generator_{name}.safetensors")))
        }
        Some(given) => Err(Error::Call(format!(
            "--direction {given}: {} is one generator, which goes one way; leave the flag out, or give --weights the run \
             directory",
            weights.display()
        ))),
        None => Ok(weights.to_owned()),
    }
}
