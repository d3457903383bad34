//! The architectures.

use gobelin_autograd::random;

use super::net::{Net, Size};
use super::{Architecture, CallError, OptionKind, OptionSpec, Values};
use crate::dcgan::{self, DcganDiscriminator, DcganGenerator, Norm, Shape};
use crate::facenet::FaceNetNn2;
use crate::facenet_small::FaceNetSmall;
use crate::patch_discriminator::PatchDiscriminator;
use crate::resnet_generator::{self, ResnetGenerator};
use crate::super_resolution::{self, SuperResolution};
use crate::transform::Transform;
use crate::unet::{self, UNet};
use crate::vgg19::{UnknownWord, Vgg19, View};

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
const DIMENSIONS: OptionSpec = integer("dimensions", "128", 1, 65536, "length of the embedding");
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
        build: |values, seed| {
            let generator = &mut random::generator(seed, 0);
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
        build: |values, seed| {
            let generator = &mut random::generator(seed, 0);
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
        build: |values, seed| {
            let generator = &mut random::generator(seed, 0);
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
        about: "PatchGAN: tells patches of drawn pictures from real ones",
        paper: "Isola et al. 2017",
        input: "(N, channels, H, W) in [-1, 1]",
        output: "(N, 1, H / 2^layers - 2, W / 2^layers - 2), logits",
        options: &[
            WIDTH,
            CHANNELS,
            integer("layers", "3", 1, 3, "patches of 16 (1), 34 (2) or 70 (3) pixels a side"),
        ],
        build: |values, seed| {
            let generator = &mut random::generator(seed, 0);
            let (channels, layers) = (values.number("channels"), values.number("layers"));
            let net = PatchDiscriminator::with_layers(layers, values.number("width"), channels, generator);
            Ok(Net::new(net, channels, Size::AtLeast(3 << layers)))
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
        build: |values, seed| {
            let generator = &mut random::generator(seed, 0);
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
        options: &[DIMENSIONS],
        build: |values, seed| {
            let generator = &mut random::generator(seed, 0);
            let net = FaceNetNn2::new(values.number("dimensions"), generator);
            Ok(Net::new(net, 3, Size::AtLeast(1)))
        },
    },
    Architecture {
        name: "facenet-small",
        about: "a small net after FaceNet's plan: embeds faces of 32 to 64 pixels",
        paper: "after Schroff et al. 2015",
        input: "(N, 3, H, W) in [-1, 1]",
        output: "(N, dimensions), of length 1",
        options: &[
            integer("width", "32", 1, 512, "channels of the widest map; narrower maps have more"),
            DIMENSIONS,
        ],
        build: |values, seed| {
            let generator = &mut random::generator(seed, 0);
            let net = FaceNetSmall::new(values.number("width"), values.number("dimensions"), generator);
            Ok(Net::new(net, 3, Size::AtLeast(1)))
        },
    },
    Architecture {
        name: "transform",
        about: "the image transformation network of fast style transfer",
        paper: "Johnson et al. 2016; Ulyanov et al. 2016",
        input: "(N, 3, H, W) in [-1, 1]; H and W multiples of 4 come out as they went in",
        output: "(N, 3, H, W) in [-1, 1]",
        options: &[integer("width", "32", 1, 512, "channels of the widest map; narrower maps have more")],
        build: |values, seed| {
            let generator = &mut random::generator(seed, 0);
            Ok(Net::new(Transform::new(values.number("width"), generator), 3, Size::AtLeast(5)))
        },
    },
    Architecture {
        name: "super-resolution",
        about: "enlarges pictures",
        paper: "Johnson et al. 2016; Odena et al. 2016 (resize); Kim et al. 2016 (bicubic)",
        input: "(N, 3, H, W) in [-1, 1]",
        output: "(N, 3, scale H, scale W)",
        options: &[
            OptionSpec {
                name: "scale",
                default: "4",
                help: "how many pixels a pixel becomes on a side",
                kind: OptionKind::Choice(&["4", "8"]),
            },
            integer("width", "64", 1, 512, "channels of every map"),
            integer("blocks", "4", 0, 64, "residual blocks"),
            UPSAMPLE,
            OptionSpec {
                name: "skip",
                default: "none",
                help: "what is added to the output: nothing, or the picture enlarged by interpolation",
                kind: OptionKind::Choice(&["none", "bicubic"]),
            },
        ],
        build: |values, seed| {
            let generator = &mut random::generator(seed, 0);
            let options = super_resolution::Options {
                scale: values.number("scale"),
                width: values.number("width"),
                blocks: values.number("blocks"),
                upsampling: values.upsampling(),
                skip: values.word("skip") == "bicubic",
            };
            Ok(Net::new(SuperResolution::new(options, generator), 3, Size::AtLeast(5)))
        },
    },
    Architecture {
        name: "vgg19",
        about: "VGG-19's convolutions, whose features losses compare pictures by",
        paper: "Simonyan and Zisserman 2015, configuration E",
        input: "(N, 3, H, W)",
        output: "(N, 512, H / 32, W / 32), pool5; taps are named conv1_1, relu1_1, pool1, ...",
        options: &[
            OptionSpec {
                name: "images",
                default: "normalised",
                help: "pictures as they are, or in [0, 1] or [-1, 1] and normalised inside",
                kind: OptionKind::Choice(&["normalised", "unit", "signed"]),
            },
            OptionSpec {
                name: "pool",
                default: "max",
                help: "what ends a block",
                kind: OptionKind::Choice(&["max", "average"]),
            },
            OptionSpec {
                name: "normalisation",
                default: "imagenet",
                help: "what the weights were trained on",
                kind: OptionKind::Choice(&["imagenet", "caffe"]),
            },
        ],
        build: |values, seed| {
            let unknown = |error: UnknownWord| CallError(error.to_string());
            let view = View {
                images: values.word("images").parse().map_err(unknown)?,
                normalisation: values.word("normalisation").parse().map_err(unknown)?,
                pooling: values.word("pool").parse().map_err(unknown)?,
            };
            Ok(Net::vgg19(Vgg19::random(seed).viewed(view), seed))
        },
    },
];
