//! Every architecture by name: its options, what it takes and gives, and how to make it. What `gobelin net` knows.

use std::fmt;

use gobelin_autograd::random::Generator;

use crate::dcgan::{self, DcganDiscriminator, DcganGenerator, Norm, Shape, Upsampling};
use crate::facenet::FaceNetNn2;
use crate::module::Module;
use crate::patch_discriminator::PatchDiscriminator;
use crate::resnet_generator::{self, ResnetGenerator};
use crate::transform::Transform;
use crate::unet::{self, UNet};

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
    build: fn(&Values<'_>, &mut Generator) -> Result<Net, CallError>,
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

/// A net and what it takes.
pub struct Net {
    /// The net.
    pub module: Box<dyn Module>,
    channels: usize,
    size: Size,
}

/// Rows and columns of an input.
#[derive(Clone, Copy)]
enum Size {
    Exactly(usize),
    AtLeast(usize),
    MultipleOf(usize),
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

    /// A net of this architecture with fresh weights and these options, each a name and a value.
    ///
    /// # Errors
    /// If there is no such option or value.
    pub fn build(&self, given: &[(String, String)], generator: &mut Generator) -> Result<Net, CallError> {
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
        (self.build)(&Values { options: self.options, given }, generator)
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
    /// The last value given, or the default.
    fn word(&self, name: &str) -> &str {
        let given = self.given.iter().rev().find(|(given, _)| given == name);
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

impl Net {
    fn new(module: impl Module + 'static, channels: usize, size: Size) -> Self {
        Self { module: Box::new(module), channels, size }
    }

    /// Whether the net takes an input of this shape, in PyTorch's order of axes.
    ///
    /// # Errors
    /// If it does not.
    pub fn check_input(&self, shape: &[usize]) -> Result<(), CallError> {
        let fits = |side: usize| match self.size {
            Size::Exactly(size) => side == size,
            Size::AtLeast(least) => side >= least,
            Size::MultipleOf(of) => side > 0 && side.is_multiple_of(of),
        };
        match *shape {
            [batch, channels, height, width]
                if batch > 0 && channels == self.channels && fits(height) && fits(width) =>
            {
                Ok(())
            }
            _ => Err(CallError(format!("shape {shape:?}, expected {}", self.expected()))),
        }
    }

    fn expected(&self) -> String {
        let channels = self.channels;
        match self.size {
            Size::Exactly(size) => format!("[N, {channels}, {size}, {size}]"),
            Size::AtLeast(least) => format!("[N, {channels}, H, W] with H and W of {least} or more"),
            Size::MultipleOf(of) => format!("[N, {channels}, H, W] with H and W multiples of {of}"),
        }
    }
}

const fn integer(
    name: &'static str,
    default: &'static str,
    least: usize,
    most: usize,
    help: &'static str,
) -> OptionSpec {
    OptionSpec { name, default, help, kind: OptionKind::Integer(least, most) }
}

const CHANNELS: OptionSpec = integer("channels", "3", 1, 64, "channels of a picture");
const WIDTH: OptionSpec =
    integer("width", "64", 1, 512, "channels of the widest map; narrower maps have more");
const SIZE: OptionSpec = OptionSpec {
    name: "size",
    default: "64",
    help: "rows and columns of a picture",
    kind: OptionKind::Choice(&["28", "32", "64", "128"]),
};
const NOISE: OptionSpec = integer("noise", "100", 1, 65536, "length of the noise");
const UPSAMPLE: OptionSpec = OptionSpec {
    name: "upsample",
    default: "deconv",
    help: "how maps are doubled: transposed convolutions, or nearest neighbours and a convolution",
    kind: OptionKind::Choice(&["deconv", "resize"]),
};

fn dcgan_shape(values: &Values<'_>) -> Shape {
    let noise =
        if values.options.iter().any(|option| option.name == "noise") { values.number("noise") } else { 1 };
    let [size, channels, width] = ["size", "channels", "width"].map(|name| values.number(name));
    Shape { size, channels, width, noise }
}

fn unknown_size(error: dcgan::UnknownSize) -> CallError {
    CallError(error.to_string())
}

/// All architectures.
pub const ALL: &[Architecture] = &[
    Architecture {
        name: "dcgan-generator",
        about: "draws pictures from noise",
        paper: "Radford et al. 2016",
        input: "(N, noise, 1, 1), normal",
        output: "(N, channels, size, size) in [-1, 1]",
        options: &[SIZE, CHANNELS, WIDTH, NOISE, UPSAMPLE],
        build: |values, generator| {
            let shape = dcgan_shape(values);
            let net = DcganGenerator::new(shape, values.upsampling(), generator).map_err(unknown_size)?;
            Ok(Net::new(net, shape.noise, Size::Exactly(1)))
        },
    },
    Architecture {
        name: "dcgan-discriminator",
        about: "tells drawn pictures from real ones",
        paper: "Radford et al. 2016",
        input: "(N, channels, size, size) in [-1, 1]",
        output: "(N), logits",
        options: &[
            SIZE,
            CHANNELS,
            WIDTH,
            OptionSpec {
                name: "norm",
                default: "batch",
                help: "the norm of its maps, or of its weights",
                kind: OptionKind::Choice(&["batch", "instance", "spectral"]),
            },
        ],
        build: |values, generator| {
            let shape = dcgan_shape(values);
            let norm = match values.word("norm") {
                "instance" => Norm::Instance,
                "spectral" => Norm::Spectral,
                _ => Norm::Batch,
            };
            let net = DcganDiscriminator::new(shape, norm, generator).map_err(unknown_size)?;
            Ok(Net::new(net, shape.channels, Size::Exactly(shape.size)))
        },
    },
    Architecture {
        name: "resnet-generator",
        about: "CycleGAN's generator: translates pictures",
        paper: "Zhu et al. 2017; Johnson et al. 2016",
        input: "(N, channels, H, W) in [-1, 1]; H and W multiples of 4 come out as they went in",
        output: "(N, channels, H, W) in [-1, 1]",
        options: &[
            integer("blocks", "9", 0, 64, "residual blocks: 6 for 128 pixels, 9 for more"),
            WIDTH,
            CHANNELS,
            UPSAMPLE,
        ],
        build: |values, generator| {
            let options = resnet_generator::Options {
                blocks: values.number("blocks"),
                width: values.number("width"),
                channels: values.number("channels"),
                upsampling: values.upsampling(),
            };
            Ok(Net::new(ResnetGenerator::new(options, generator), options.channels, Size::AtLeast(5)))
        },
    },
    Architecture {
        name: "patch-discriminator",
        about: "the 70x70 PatchGAN: tells patches of drawn pictures from real ones",
        paper: "Isola et al. 2017",
        input: "(N, channels, H, W) in [-1, 1]",
        output: "(N, 1, H / 8 - 2, W / 8 - 2), logits",
        options: &[WIDTH, CHANNELS],
        build: |values, generator| {
            let channels = values.number("channels");
            let net = PatchDiscriminator::new(values.number("width"), channels, generator);
            Ok(Net::new(net, channels, Size::AtLeast(24)))
        },
    },
    Architecture {
        name: "unet",
        about: "U-Net: labels pixels",
        paper: "Ronneberger et al. 2015",
        input: "(N, channels, H, W)",
        output: "(N, classes, H, W), logits",
        options: &[
            CHANNELS,
            integer("classes", "1", 1, 4096, "channels of the output"),
            integer(
                "width",
                "32",
                1,
                512,
                "channels of the widest map (64 in the paper); narrower maps have more",
            ),
            integer("depth", "4", 1, 8, "how often the size is halved"),
        ],
        build: |values, generator| {
            let options = unet::Options {
                channels: values.number("channels"),
                classes: values.number("classes"),
                width: values.number("width"),
                depth: values.number("depth"),
            };
            Ok(Net::new(
                UNet::new(options, generator),
                options.channels,
                Size::MultipleOf(1 << options.depth),
            ))
        },
    },
    Architecture {
        name: "facenet-nn2",
        about: "FaceNet's NN2: embeds faces",
        paper: "Schroff et al. 2015, table 2",
        input: "(N, 3, H, W) in [-1, 1]",
        output: "(N, dimensions), of length 1",
        options: &[integer("dimensions", "128", 1, 65536, "length of the embedding")],
        build: |values, generator| {
            let net = FaceNetNn2::new(values.number("dimensions"), generator);
            Ok(Net::new(net, 3, Size::AtLeast(1)))
        },
    },
    Architecture {
        name: "transform",
        about: "the image transformation network of fast style transfer",
        paper: "Johnson et al. 2016; Ulyanov et al. 2016",
        input: "(N, 3, H, W); H and W multiples of 4 come out as they went in",
        output: "(N, 3, H, W)",
        options: &[integer("width", "32", 1, 512, "channels of the widest map; narrower maps have more")],
        build: |values, generator| {
            Ok(Net::new(Transform::new(values.number("width"), generator), 3, Size::AtLeast(5)))
        },
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pass::Pass;
    use gobelin_autograd::{Tensor, Var, random};

    fn build(name: &str, given: &[(&str, &str)]) -> Result<Net, CallError> {
        let given: Vec<_> = given.iter().map(|&(key, value)| (key.to_owned(), value.to_owned())).collect();
        Architecture::named(name)?.build(&given, &mut random::generator(1, 0))
    }

    #[test]
    fn every_net_runs_on_the_smallest_input_it_takes() {
        for architecture in ALL {
            let width: &[(&str, &str)] =
                if architecture.name == "facenet-nn2" { &[] } else { &[("width", "2")] };
            let net = build(architecture.name, width).unwrap();
            let side = match net.size {
                Size::Exactly(size) | Size::AtLeast(size) | Size::MultipleOf(size) => size,
            };
            net.check_input(&[1, net.channels, side, side]).unwrap();
            let x = Var::constant(Tensor::full(&[1, side, side, net.channels], 0.5));
            let y = net.module.forward(&Pass::evaluation(), &x);
            assert!(y.tensor().data().iter().all(|v| v.is_finite()), "{}", architecture.name);
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
            "patch-discriminator: no option `blocks`: choose from width, channels"
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
