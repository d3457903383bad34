//! `gobelin bench`: the time of one training step of each workload.
//!
//! The workloads are those of a PyTorch script, `torch_steps.py`: networks, batches, losses and optimisers are the same,
//! and so are the fields of a row, so that both programs can be run in turn and their rows compared.

mod cyclegan;
mod facenet;
mod gan;
mod measure;
mod perceptual;
mod profile;
mod setup;
mod style;
mod topology;
mod wgan;

use std::process::{Command as Process, ExitCode};

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use gobelin_autograd::{Tensor, random};
use gobelin_harness::{Compute, Device, Error, compute_arguments, on_device};
use gobelin_nets::vgg19::{Images, Layer, Vgg19, View};

use setup::Setup;

/// The subcommand's name.
pub const NAME: &str = "bench";

/// What is timed.
struct Workload {
    name: &'static str,
    about: &'static str,
    /// Makes the nets and the batch where they are computed with; the closure is one step.
    prepare: fn(&Setup) -> Box<dyn FnMut()>,
}

const WORKLOADS: [Workload; 7] = [
    Workload {
        name: "gan",
        about: "DCGAN 64x64, batch 64, non-saturating: one discriminator and one generator update, Adam",
        prepare: gan::prepare,
    },
    Workload {
        name: "wgan",
        about: "WGAN 64x64, batch 64: five clipped critic updates and one generator update, RMSprop",
        prepare: wgan::prepare,
    },
    Workload {
        name: "cyclegan",
        about: "CycleGAN 128x128, 6 blocks, batch 1: least squares + 10 cycle + 5 identity, both sides, Adam",
        prepare: cyclegan::prepare,
    },
    Workload {
        name: "facenet",
        about: "FaceNet NN2 96x96, 8 identities x 4 faces, semi-hard triplets mined from the batch, AdaGrad",
        prepare: facenet::prepare,
    },
    Workload {
        name: "style",
        about: "Gatys 256x256 on VGG-19: content, style of five layers, total variation; Adam on the picture",
        prepare: style::prepare,
    },
    Workload {
        name: "perceptual",
        about: "transformation network 128x128, batch 4, on VGG-19's relu2_2, Adam",
        prepare: perceptual::prepare,
    },
    Workload {
        name: "topology",
        about: "U-Net 128x128, batch 4, cross-entropy + 0.1 topology on three layers of VGG-19, Adam",
        prepare: topology::prepare,
    },
];

/// The subcommand.
pub fn command() -> Command {
    let list = WORKLOADS.map(|workload| format!("  {:<10} {}", workload.name, workload.about)).join("\n");
    Command::new(NAME)
        .about("Time one training step of each workload, a JSON object a line")
        .after_help(format!("Workloads:\n{list}"))
        .arg(Arg::new("names").value_name("NAMES").action(ArgAction::Append).help("Workloads; none: all"))
        .arg(
            Arg::new("seconds")
                .long("seconds")
                .value_name("S")
                .default_value("10")
                .value_parser(value_parser!(f64))
                .help("Time spent on each, after three steps that are not timed"),
        )
        .arg(Arg::new("profile").long("profile").action(ArgAction::SetTrue).help(
            "Prints where the time of a step goes instead: for each op and shape (' on the way back) its milliseconds, share, calls, GB/s and GFLOP/s",
        ))
        .arg(
            Arg::new("small")
                .long("small")
                .action(ArgAction::SetTrue)
                .help("Small nets and batches, to see that all run: their times compare with nothing"),
        )
        .arg(
            Arg::new("eager")
                .long("eager")
                .action(ArgAction::SetTrue)
                .help("On a graphics card, launches the kernels of each step one by one, to compare: else a step is recorded, and replayed"),
        )
        .args(compute_arguments())
}

/// Runs the subcommand.
///
/// # Errors
/// A wrong call, or a workload that failed.
pub fn main(matches: &ArgMatches) -> Result<ExitCode, Error> {
    let seconds = *matches.get_one::<f64>("seconds").expect("has a default");
    if !(seconds.is_finite() && seconds >= 0.0) {
        return Err(Error::Call(format!("--seconds {seconds}: expected a number of seconds of 0 or more")));
    }
    let asked: Vec<&str> =
        matches.get_many::<String>("names").into_iter().flatten().map(String::as_str).collect();
    let chosen = choose(&asked)?;
    let (compute, profiled) = (Compute::new(matches), matches.get_flag("profile"));
    let (is_small, is_eager) = (matches.get_flag("small"), matches.get_flag("eager"));
    if profiled && compute.device != Device::Cpu {
        return Err(Error::Call(format!(
            "--profile --device {}: ops on a graphics card are not timed one by one; leave --profile out, or use --device cpu",
            compute.device
        )));
    }
    if is_eager && compute.device == Device::Cpu {
        return Err(Error::Call(
            "--eager --device cpu: nothing is recorded on the host; leave --eager out, or use --device cuda"
                .into(),
        ));
    }
    if let [workload] = chosen[..] {
        let card = compute.begin()?.card;
        let setup = Setup::new(compute.device.to_string(), card, is_small, is_eager);
        let text = on_device(|| {
            let step = (workload.prepare)(&setup);
            if profiled {
                return Ok(profile::table(workload.name, step, seconds));
            }
            measure::row(workload.name, &setup, step, seconds).map_err(|error| Error::Trainer(error.into()))
        });
        println!("{}", text?);
        return Ok(ExitCode::SUCCESS);
    }
    // Told once, if it cannot be used.
    drop(compute.card()?);
    for workload in chosen {
        let flags = [(profiled, "--profile"), (is_small, "--small"), (is_eager, "--eager")];
        if !alone(workload, seconds, flags.iter().filter_map(|(is, flag)| is.then_some(*flag)), &compute)? {
            return Ok(ExitCode::FAILURE);
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn choose(asked: &[&str]) -> Result<Vec<&'static Workload>, Error> {
    if asked.is_empty() {
        return Ok(WORKLOADS.iter().collect());
    }
    let known = WORKLOADS.map(|workload| workload.name).join(", ");
    let find = |&name: &&str| {
        let found = WORKLOADS.iter().find(|workload| workload.name == name);
        found.ok_or_else(|| Error::Call(format!("unknown workload `{name}`: choose from {known}")))
    };
    asked.iter().map(find).collect()
}

/// One workload in a process of its own, so that its peak of memory is its own; whether it went well.
fn alone<'a>(
    workload: &Workload,
    seconds: f64,
    flags: impl Iterator<Item = &'a str>,
    compute: &Compute,
) -> Result<bool, Error> {
    let failed =
        |error: std::io::Error| Error::Call(format!("{}: cannot start it again: {error}", workload.name));
    let program = std::env::current_exe().map_err(failed)?;
    let mut process = Process::new(program);
    process.args([NAME, workload.name, "--seconds", &seconds.to_string()]).args(compute.arguments());
    process.args(flags);
    Ok(process.status().map_err(failed)?.success())
}

/// A batch of noise in [-1, 1] in place of pictures.
fn pictures(shape: &[usize]) -> Tensor {
    pictures_of(1, shape)
}

/// One of several such batches.
fn pictures_of(stream: u64, shape: &[usize]) -> Tensor {
    random::uniform(shape, -1.0, 1.0, &mut random::generator(0, stream))
}

/// VGG-19 with random weights, which takes pictures as they are.
fn vgg() -> Vgg19 {
    Vgg19::random(0).viewed(View { images: Images::Normalised, ..View::default() })
}

fn layers(names: &[&str]) -> Vec<Layer> {
    names.iter().map(|name| name.parse().expect("a layer of VGG-19")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the parameters of a workload hold after a few steps.
    fn changed(workload: &Workload, card: &gobelin_autograd::Device, is_eager: bool) -> Vec<Vec<f32>> {
        let setup = Setup::new("cuda".into(), Some(card.clone()), true, is_eager);
        let mut step = (workload.prepare)(&setup);
        let before = setup.values();
        for _ in 0..4 {
            gobelin_autograd::attempt(&mut step).expect(workload.name);
        }
        let after = setup.values();
        assert_ne!(before, after, "{}", workload.name);
        after
    }

    #[test]
    fn a_recorded_step_changes_what_an_eager_one_changes() {
        let Some(card) = gobelin_emulation::asked_for() else { return };
        for workload in &WORKLOADS {
            let before = card.replayed_nodes();
            let expected = changed(workload, &card, true);
            assert_eq!(card.replayed_nodes(), before, "{}", workload.name);
            assert!(changed(workload, &card, false) == expected, "{}", workload.name);
            assert!(card.replayed_nodes() > before, "{}", workload.name);
        }
    }
}
