//! `gobelin loss`: any loss of given tensors, and its gradients.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{ArgMatches, Args, Command, FromArgMatches};
use gobelin_autograd::{Tape, Tensor, Var, ops};
use gobelin_harness::{Compute, Error, Place, VggOptions, features, on_device, tell};
use gobelin_losses::catalogue::{Given, LOSSES, LossEntry, Outcome, loss};
use gobelin_losses::features::Features;
use gobelin_nets::vgg19::{Images, Pooling, Vgg19};
use gobelin_nets::weights::{Stored, Weights};

use crate::catalogue;
use crate::shell::{self, path, wrong};

/// The subcommand's name.
pub const NAME: &str = "loss";

/// The subcommand.
pub fn command() -> Command {
    let grad = path("grad", "OUT.safetensors").help(
        "The file to write: the gradient of each float tensor under its name, of the sum with reduction=none",
    );
    let command = catalogue::with_arguments(Command::new(NAME), "loss").arg(grad);
    // Descriptions last, since those of the options would take their place.
    VggOptions::augment_args(command).about("Compute a loss of given tensors, and its gradients").after_help(format!(
        "{} `value` is one number, or with --set reduction=none lists within lists, an axis each. What a loss counts on the \
         way, such as the triplets found, follows by name. No algorithms that round differently are used (no Winograd, no \
         TF32), so that losses that look through VGG-19 round as PyTorch does.",
        catalogue::NUMBERS
    ))
}

/// Runs the subcommand.
///
/// # Errors
/// A wrong call, or a file that cannot be written.
pub fn main(matches: &ArgMatches) -> Result<ExitCode, Error> {
    let Some(entry) = catalogue::entry(matches, "loss", LOSSES, loss, true)? else {
        return Ok(ExitCode::SUCCESS);
    };
    let place = Compute { exact: true, ..Compute::new(matches) }.begin()?;
    let options = shell::options(matches)?;
    let words = entry.options(&options).map_err(wrong)?;
    let vgg = VggOptions::from_arg_matches(matches).map_err(wrong)?;
    let input = catalogue::input(matches, entry)?;
    let grad = matches.get_one::<PathBuf>("grad");
    if let Some(grad) = grad {
        let read = [("input", input)].into_iter().chain(vgg.vgg.as_deref().map(|path| ("vgg", path)));
        shell::keep_apart(("grad", grad), &read.collect::<Vec<_>>())?;
    }

    let (fields, gradients, notes) = on_device(|| {
        let tape = Tape::new();
        let tensors = catalogue::read(input, entry, |tensor| given(tensor, &place, grad.map(|_| &tape)))?;
        let (network, notes) = network(entry, &vgg, &words)?.unzip();
        let look = network.as_ref().map(features);
        let look = look.as_ref().map(|look| look as &dyn Features);
        let found = entry.call(&tensors, &options, look).map_err(|error| catalogue::told(input, &error))?;
        let gradients = grad.map(|_| gradients(&tape, &found.value, entry, &tensors));
        Ok((told(entry, &found), gradients, notes))
    })?;
    if let (Some(grad), Some(gradients)) = (grad, gradients) {
        shell::write(grad, &gradients)?;
    }
    notes.iter().flatten().for_each(|note| tell(note));
    shell::print(&catalogue::line(&fields));
    Ok(ExitCode::SUCCESS)
}

/// A tensor there where the loss is to be computed, tracked where there is a tape.
fn given(tensor: Tensor, place: &Place, tape: Option<&Tape>) -> Var {
    match tape {
        Some(tape) => tape.leaf(place.bring(tensor)),
        None => place.bring(tensor).into(),
    }
}

/// What is printed.
fn told(entry: &LossEntry, found: &Outcome) -> Vec<(&'static str, String)> {
    let value = catalogue::json_values(found.value.shape(), found.value.tensor().data());
    let mut fields = vec![("loss", format!("\"{}\"", entry.name)), ("value", value)];
    fields.extend(found.counts.iter().map(|(name, count)| (*name, count.to_string())));
    fields
}

/// The VGG-19 that a loss looks through, as the call's options see it, and what is to be told about it.
fn network(
    entry: &LossEntry,
    vgg: &VggOptions,
    words: &BTreeMap<&'static str, String>,
) -> Result<Option<(Vgg19, Vec<String>)>, Error> {
    if !entry.vgg {
        return match &vgg.vgg {
            None => Ok(None),
            Some(_) => {
                Err(Error::Call(format!("--vgg: {} looks through no network; leave it out", entry.name)))
            }
        };
    }
    let images = words.get("images").map_or(Ok(Images::Unit), |word| word.parse()).map_err(wrong)?;
    let pooling = words.get("pool").map_or(Ok(Pooling::Max), |word| word.parse()).map_err(wrong)?;
    let (network, notes) = vgg.open_quietly(images, pooling).map_err(wrong)?;
    Ok(Some((network.exact(), notes)))
}

/// The gradient of every tensor that has one, by name.
fn gradients(tape: &Tape, value: &Var, entry: &LossEntry, tensors: &BTreeMap<String, Given>) -> Weights {
    let wanted = entry.tensors.iter().filter(|spec| spec.gradient).filter_map(|spec| {
        match tensors.get(spec.name)? {
            Given::Float(leaf) => Some((spec.name, leaf)),
            Given::Integer { .. } => None,
        }
    });
    let (names, leaves): (Vec<&str>, Vec<&Var>) = wanted.unzip();
    let gradients = tape.gradients(&ops::sum(value), &leaves);
    names.into_iter().map(str::to_owned).zip(gradients.iter().map(Stored::of)).collect()
}
