//! Every architecture by name: its options, what it takes and gives, and how to make it. What `gobelin net` knows.

mod net;
mod table;

use std::fmt;

use crate::dcgan::Upsampling;

pub use net::{Net, NetTensor};
pub use table::ALL;

/// A kind of net.
pub struct Architecture {
    /// What it is called.
    pub name: &'static str,
    /// What it does.
    pub about: &'static str,
    /// Where it comes from.
    pub paper: &'static str,
    /// What it takes, in PyTorch's order of axes.
    pub input: &'static str,
    /// What it gives, in PyTorch's order of axes.
    pub output: &'static str,
    /// What can be chosen.
    pub options: &'static [OptionSpec],
    build: fn(&Values<'_>, u64) -> Result<Net, CallError>,
}

/// Something that can be chosen about an architecture.
#[derive(Clone, Copy)]
pub struct OptionSpec {
    /// What it is called.
    pub name: &'static str,
    /// Its value where none is given.
    pub default: &'static str,
    /// What it means.
    pub help: &'static str,
    /// Which values there are.
    pub kind: OptionKind,
}

/// The values an option takes.
#[derive(Clone, Copy)]
pub enum OptionKind {
    /// A whole number from this to this.
    Integer(usize, usize),
    /// One of these words.
    Choice(&'static [&'static str]),
}

impl fmt::Display for OptionKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Integer(least, most) => write!(f, "a whole number from {least} to {most}"),
            Self::Choice(words) => f.write_str(&words.join(" or ")),
        }
    }
}

/// A call that cannot be served, in one line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct CallError(String);

impl Architecture {
    /// The architecture of this name.
    ///
    /// # Errors
    /// If there is none.
    pub fn named(name: &str) -> Result<&'static Self, CallError> {
        ALL.iter().find(|architecture| architecture.name == name).ok_or_else(|| {
            let known: Vec<&str> = ALL.iter().map(|architecture| architecture.name).collect();
            CallError(format!("unknown network `{name}`: choose from {}", known.join(", ")))
        })
    }

    /// A net of this architecture with these options, each a name and a value, and fresh weights from this seed.
    ///
    /// # Errors
    /// If there is no such option or value.
    pub fn build(&self, given: &[(String, String)], seed: u64) -> Result<Net, CallError> {
        for (name, value) in given {
            let Some(option) = self.options.iter().find(|option| option.name == name) else {
                let known: Vec<&str> = self.options.iter().map(|option| option.name).collect();
                let message = format!("{}: no option `{name}`: choose from {}", self.name, known.join(", "));
                return Err(CallError(message));
            };
            if !option.takes(value) {
                return Err(CallError(format!("{}: {name}={value}: expected {}", self.name, option.kind)));
            }
        }
        (self.build)(&Values { options: self.options, given }, seed)
    }
}

impl OptionSpec {
    fn takes(&self, value: &str) -> bool {
        match self.kind {
            OptionKind::Integer(least, most) => {
                value.parse().is_ok_and(|number: usize| (least..=most).contains(&number))
            }
            OptionKind::Choice(words) => words.contains(&value),
        }
    }
}

/// The options of a call, checked.
struct Values<'a> {
    options: &'static [OptionSpec],
    given: &'a [(String, String)],
}

impl Values<'_> {
    /// The value given, or the default.
    fn word(&self, name: &str) -> &str {
        let given = self.given.iter().find(|(given, _)| given == name);
        let default =
            || self.options.iter().find(|option| option.name == name).expect("an option of its own").default;
        given.map_or_else(default, |(_, value)| value)
    }

    fn number(&self, name: &str) -> usize {
        self.word(name).parse().expect("checked before")
    }

    fn upsampling(&self) -> Upsampling {
        if self.word("upsample") == "resize" { Upsampling::Resize } else { Upsampling::Deconv }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pass::Pass;
    use gobelin_autograd::{Tensor, Var};
    use net::Size;

    fn build(name: &str, given: &[(&str, &str)]) -> Result<Net, CallError> {
        let given: Vec<_> = given.iter().map(|&(key, value)| (key.to_owned(), value.to_owned())).collect();
        Architecture::named(name)?.build(&given, 1)
    }

    #[test]
    fn every_net_runs_on_the_smallest_input_it_takes() {
        for architecture in ALL {
            let narrow = architecture.options.iter().any(|option| option.name == "width");
            let net = build(architecture.name, if narrow { &[("width", "2")] } else { &[] }).unwrap();
            let side = match net.size {
                Size::Exactly(size) | Size::AtLeast(size) | Size::MultipleOf(size) => size,
            };
            net.check_input(&[1, net.channels, side, side]).unwrap();
            let x = Var::constant(Tensor::full(&[1, side, side, net.channels], 0.5));
            let given = net.run(&Pass::evaluation(), &x, &[]).unwrap();
            let (name, y) = &given[0];
            assert!(
                given.len() == 1 && name == "output" && y.tensor().data().iter().all(|v| v.is_finite()),
                "{}",
                architecture.name
            );
            let refused = net.check_input(&[1, net.channels, side - 1, side]).is_err();
            assert!(refused, "{}: {} rows", architecture.name, side - 1);
        }
    }

    #[test]
    fn what_cannot_be_is_named() {
        let message = |name: &str, given: &[(&str, &str)]| build(name, given).err().unwrap().to_string();
        assert!(
            message("resnet", &[]).starts_with("unknown network `resnet`: choose from dcgan-generator, ")
        );
        assert_eq!(
            message("patch-discriminator", &[("blocks", "3")]),
            "patch-discriminator: no option `blocks`: choose from width, channels, layers"
        );
        assert_eq!(
            message("resnet-generator", &[("blocks", "-1")]),
            "resnet-generator: blocks=-1: expected a whole number from 0 to 64"
        );
        assert_eq!(
            message("resnet-generator", &[("upsample", "bilinear")]),
            "resnet-generator: upsample=bilinear: expected deconv or resize"
        );
        let unet = build("unet", &[("depth", "3")]).unwrap();
        assert_eq!(
            unet.check_input(&[2, 3, 24, 20]).unwrap_err().to_string(),
            "shape [2, 3, 24, 20], expected [N, 3, H, W] with H and W multiples of 8"
        );
        assert!(unet.check_input(&[2, 3, 24]).is_err() && unet.check_input(&[0, 3, 8, 8]).is_err());
    }
}
