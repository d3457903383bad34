//! `gobelin net`: runs a network on a tensor, writes fresh weights, and lists what there is.
//!
//! Files hold pictures as PyTorch has them, (N, C, H, W); they are turned here.

mod list;

use std::path::Path;
use std::process::ExitCode;

use clap::{Arg, ArgMatches, Command, value_parser};
use gobelin_autograd::Tensor;
use gobelin_autograd::ops::permute_tensor;
use gobelin_harness::{Compute, Error, Place, compute_arguments, exact_argument, on_device, tell};
use gobelin_nets::Pass;
use gobelin_nets::catalogue::{Architecture, Net};
use gobelin_nets::weights::{self, Stored};

use crate::shell::{self, flag, path, wrong};

/// The subcommand's name.
pub const NAME: &str = "net";
/// The tensor a network is run on.
const INPUT: &str = "input";

/// The subcommand.
pub fn command() -> Command {
    Command::new(NAME)
        .about("Run a network on a tensor, or write fresh weights")
        .arg(Arg::new("name").value_name("NAME").help("The network; --list names them"))
        .arg(shell::set("An option of the network"))
        .arg(path("weights", "W.safetensors").help("Its weights, under PyTorch's names"))
        .arg(path("input", "X.safetensors").help("A file with the tensor `input`, pictures as (N, C, H, W)"))
        .arg(path("output", "Y.safetensors").help("The file to write: the tensor `output`, and each tap"))
        .arg(Arg::new("taps").long("taps").value_name("A,B,...").value_delimiter(',').help(
            "Modules whose outputs are written too, by PyTorch's names (model.10); \
                 layers of vgg19 (conv1_2, relu2_2, pool4)",
        ))
        .arg(flag("train").help("Norms use the batch's statistics, as in training; no weight changes"))
        .arg(exact_argument())
        .arg(
            Arg::new("init")
                .long("init")
                .value_name("SEED")
                .value_parser(value_parser!(u64))
                .conflicts_with_all(["input", "output", "taps", "train", "device"])
                .help("Writes fresh weights to --weights"),
        )
        .arg(
            flag("list")
                .conflicts_with_all(["threads", "device"])
                .help("Names the networks (or NAME alone) with their options and tensors"),
        )
        .arg(flag("json").requires("list").help("With --list: as JSON"))
        .args(compute_arguments())
}

/// Runs the subcommand.
///
/// # Errors
/// A wrong call, or files that cannot be read or written.
pub fn main(matches: &ArgMatches) -> Result<ExitCode, Error> {
    let name = matches.get_one::<String>("name");
    let options = shell::options(matches)?;
    if matches.get_flag("list") {
        let text = list::list(name.map(String::as_str), &options, matches.get_flag("json"));
        shell::print(&text.map_err(wrong)?);
        return Ok(ExitCode::SUCCESS);
    }
    let name = name.ok_or_else(|| Error::Call("expected the NAME of a network: --list names them".into()))?;
    let place = Compute::new(matches).begin()?;
    let architecture = Architecture::named(name).map_err(wrong)?;
    let seed = matches.get_one::<u64>("init").copied();
    let mut net = architecture.build(&options, seed.unwrap_or(0)).map_err(wrong)?;
    let file = |flag| shell::file(matches, flag, "a safetensors file");
    if seed.is_some() {
        shell::write(file("weights")?, &net.weights())?;
        return Ok(ExitCode::SUCCESS);
    }
    let (weights, input, output) = (file("weights")?, file("input")?, file("output")?);
    shell::keep_apart(("output", output), &[("weights", weights), ("input", input)])?;
    let notes = net.load(weights).map_err(wrong)?;
    let x = picture_order(&read_input(input, &net)?);
    let taps: Vec<String> = matches.get_many("taps").into_iter().flatten().cloned().collect();
    let pass = if matches.get_flag("train") { Pass::sampling() } else { Pass::evaluation() };
    let pass = pass.exact(place.exact);
    let given = on_device(|| run(&net, &pass, &x, &taps, &place))?;
    let given = given.into_iter().map(|(name, value)| (name, Stored::of(&file_order(&value))));
    shell::write(output, &given.collect())?;
    for note in &notes {
        tell(note);
    }
    Ok(ExitCode::SUCCESS)
}

/// What the net gives there where it is to be computed, on the host in the end.
fn run(
    net: &Net,
    pass: &Pass,
    x: &Tensor,
    taps: &[String],
    place: &Place,
) -> Result<Vec<(String, Tensor)>, Error> {
    if let Some(card) = &place.card {
        net.to_device(card);
    }
    let given = net.run(pass, &place.bring(x.clone()).into(), taps).map_err(wrong)?;
    Ok(given.into_iter().map(|(name, value)| (name, value.tensor().to_host())).collect())
}

fn read_input(path: &Path, net: &Net) -> Result<Tensor, Error> {
    let refuse = |what: String| Error::Call(format!("{}: {what}", path.display()));
    let tensors = weights::read(path).map_err(wrong)?;
    let Some(stored) = tensors.get(INPUT) else {
        let names: Vec<&str> = tensors.keys().map(String::as_str).collect();
        return Err(refuse(format!(
            "no tensor `{INPUT}`, only [{}]; expected one of that name",
            names.join(", ")
        )));
    };
    let Some(values) = stored.floats() else {
        return Err(refuse(format!("tensor `{INPUT}` is {:?}, expected F32", stored.dtype)));
    };
    let fits = net.check_input(&stored.shape);
    fits.map_err(|error| refuse(format!("tensor `{INPUT}` has {error}")))?;
    Ok(Tensor::new(&stored.shape, values))
}

/// (N, C, H, W) to (N, H, W, C).
fn picture_order(tensor: &Tensor) -> Tensor {
    permute_tensor(tensor, &[0, 2, 3, 1])
}

/// (N, H, W, C) to (N, C, H, W); anything that is no picture stays as it is.
fn file_order(tensor: &Tensor) -> Tensor {
    if tensor.shape().len() == 4 { permute_tensor(tensor, &[0, 3, 1, 2]) } else { tensor.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gobelin_kernels::cuda::Precision;

    /// On the emulated card: every norm, both kinds of convolution, and what is tapped.
    #[test]
    fn a_net_gives_the_same_on_a_card() {
        let Some(card) = gobelin_emulation::asked_for() else { return };
        for (name, set, shape, tap) in [
            ("dcgan-generator", "size=28 width=2 noise=5", [3, 5, 1, 1], Some("main.2")),
            ("dcgan-discriminator", "size=32 width=2", [2, 3, 32, 32], Some("main.2")),
            ("resnet-generator", "width=2 blocks=1", [1, 3, 12, 20], None),
            ("patch-discriminator", "width=2 channels=1", [2, 1, 24, 40], None),
            ("unet", "width=2 depth=2 classes=4", [1, 3, 8, 12], None),
            ("transform", "width=2", [1, 3, 16, 20], None),
        ] {
            let set = set.split(' ').filter_map(|pair| pair.split_once('='));
            let options: Vec<_> = set.map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
            let net = Architecture::named(name).unwrap().build(&options, 1).unwrap();
            let taps: Vec<String> = tap.into_iter().map(str::to_owned).collect();
            net.check_input(&shape).unwrap();
            let numbers = (0..shape.iter().product()).map(|i: usize| (i % 37) as f32 / 18.5 - 1.0);
            let x = picture_order(&Tensor::new(&shape, numbers.collect::<Vec<f32>>()));
            for (pass, tolerance) in [(Pass::sampling().exact(true), 1e-4), (Pass::evaluation(), 0.01)] {
                let on_host = run(&net, &pass, &x, &taps, &Place::default()).unwrap();
                let precision = if pass.is_exact() { Precision::F32 } else { Precision::Tf32 };
                let card = Some(card.clone().with_precision(precision));
                let on_card = run(&net, &pass, &x, &taps, &Place { card, exact: pass.is_exact() }).unwrap();
                for ((name, expected), (_, found)) in on_host.iter().zip(&on_card) {
                    let largest = expected.data().iter().fold(0.0f32, |largest, v| largest.max(v.abs()));
                    for (found, expected) in found.data().iter().zip(expected.data()) {
                        assert!(
                            (found - expected).abs() <= tolerance * largest,
                            "{name}: {found}, not {expected}"
                        );
                    }
                }
            }
        }
    }
}
