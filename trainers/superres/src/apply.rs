//! `gobelin superres apply`: pictures of any size enlarged, or painted.

use std::path::{Path, PathBuf};

use clap::{ArgMatches, Command};
use gobelin_datasets::Picture;
use gobelin_harness::{
    Error, Place, Tool, apply_arguments, available_memory, given_path, make_each, tell, work,
};

use crate::network::{Network, Shape};

/// The subcommand.
pub(crate) const TOOL: Tool = Tool { command, main };

/// A PNG file has no more rows or columns.
const MOST_PIXELS: usize = i32::MAX as usize;

fn command() -> Command {
    Command::new("apply")
        .about("Enlarge pictures of any size, or paint them, with a trained network")
        .args(apply_arguments("A trained network, or the run directory that holds it"))
}

fn main(matches: &ArgMatches, place: &Place) -> Result<(), Error> {
    let path = |name: &str| given_path(matches, name);
    let work = work(path("input"), path("output"))?;
    let network =
        Network::open(&weights_file(path("weights"))).map_err(|error| Error::Trainer(error.into()))?;
    place.take(&*network.module);
    make_each(&work, |picture| {
        must_fit(&network, &picture, available_memory())?;
        let made = network.make(&picture, place.exact);
        if work.len() == 1 {
            let done = match network.shape {
                Shape::SuperResolution(options) => format!("enlarged {} times to", options.scale),
                Shape::Transform { .. } => "painted:".into(),
            };
            let (width, height) = (picture.width, picture.height);
            tell(&format!("{width}x{height} pixels {done} {}x{}", made.width, made.height));
        }
        Ok(made)
    })
}

/// The file that holds the network.
fn weights_file(weights: &Path) -> PathBuf {
    if weights.is_dir() { weights.join("network.safetensors") } else { weights.to_owned() }
}

/// Refuses a picture that does not fit into memory, before anything is computed. Enlarging takes little beside the pictures
/// themselves; painting keeps a map of the whole picture, whose norms look at all of it.
fn must_fit(network: &Network, picture: &Picture, available: Option<u64>) -> Result<(), Error> {
    let (height, width) = (picture.height, picture.width);
    let needed = network.bytes([height, width]);
    let gigabytes = |bytes: u64| format!("{:.1} GB", bytes as f64 / 1e9);
    let refuse = |found: String| {
        Err(Error::Trainer(
            format!("a picture of {width}x{height} pixels {found}; give a smaller one").into(),
        ))
    };
    if height.max(width) * network.module.factor() > MOST_PIXELS {
        return refuse("would become larger than a PNG file can be".into());
    }
    match available {
        Some(available) if needed > available => {
            refuse(format!("needs about {}, {} are available", gigabytes(needed), gigabytes(available)))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gobelin_autograd::random;

    #[test]
    fn what_does_not_fit_is_told_before_it_is_tried() {
        let network = Network::new(Shape::Transform { width: 32 }, &mut random::generator(0, 0));
        let picture = Picture::new(1000, 2000, 3, vec![0; 6_000_000]);
        assert!(must_fit(&network, &picture, None).is_ok());
        assert!(must_fit(&network, &picture, Some(2_000_000_000)).is_ok());
        let error = must_fit(&network, &picture, Some(300_000_000)).unwrap_err().to_string();
        assert!(
            error.starts_with("a picture of 2000x1000 pixels needs about 0.")
                && error.contains("0.3 GB are available"),
            "{error}"
        );
    }
}
