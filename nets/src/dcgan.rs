//! DCGAN's generator and discriminator (Radford et al. 2016), for 28, 32, 64 and 128 pixels.
//!
//! At 64 pixels and width 64 they are the nets of PyTorch's DCGAN example, and their tensors have its names
//! (`main.0.weight`, ...). Other sizes drop or add a level at the narrow end; at 28 pixels the narrow end is 7 by 7.
//! Convolutions have no biases; weights start from N(0, 0.02), scales of norms from N(1, 0.02).

use std::fmt;

use gobelin_autograd::ops::Window;
use gobelin_autograd::random::Generator;
use gobelin_autograd::{Var, ops};
use serde::{Deserialize, Serialize};

use crate::layers::{Activation, BatchNorm, Conv, ConvTranspose, InstanceNorm, SpectralConv, Upsample};
use crate::module::{Entry, Module, Sequential, join};
use crate::pass::Pass;

const DEVIATION: f32 = 0.02;
const SLOPE: f32 = 0.2;

/// The sizes of pictures these nets exist for.
pub const SIZES: [usize; 4] = [28, 32, 64, 128];

/// What both nets need to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Rows and columns of a picture: one of [`SIZES`].
    pub size: usize,
    /// Channels of a picture.
    pub channels: usize,
    /// Channels of the widest map beside the picture (64 in the paper); each narrower map has twice as many.
    pub width: usize,
    /// Length of the noise (100 in the paper).
    pub noise: usize,
}

impl Shape {
    /// Rows of the narrow end.
    fn end(&self) -> usize {
        if self.size == 28 { 7 } else { 4 }
    }

    /// Channels of the maps between the narrow end and the picture, the narrow end's first.
    fn maps(&self) -> Vec<usize> {
        let levels = (self.size / self.end()).ilog2();
        (0..levels).rev().map(|level| self.width << level).collect()
    }
}

/// A picture size there is no net for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("size {0}: DCGAN draws pictures of 28, 32, 64 or 128 pixels; choose one of them")]
pub struct UnknownSize(pub usize);

/// How a generator doubles its maps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Upsampling {
    /// A transposed convolution, 4 by 4 with stride 2 (the paper's).
    #[default]
    Deconv,
    /// Nearest-neighbour upsampling and a 3 by 3 convolution, which leaves no checkerboard (Odena et al. 2016).
    Resize,
}

/// What a discriminator normalises its maps with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Norm {
    /// Batch norm (the paper's).
    #[default]
    Batch,
    /// Instance norm with scale and shift: what a gradient penalty wants, which looks at each picture alone.
    Instance,
    /// Spectral norm of the weights instead of a norm of the maps (Miyato et al. 2018).
    Spectral,
}

impl fmt::Display for Norm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Batch => "batch",
            Self::Instance => "instance",
            Self::Spectral => "spectral",
        })
    }
}

/// Draws pictures `(N, size, size, channels)` in [-1, 1] from noise `(N, 1, 1, noise)`.
pub struct DcganGenerator {
    main: Sequential,
}

impl DcganGenerator {
    /// A generator with fresh weights.
    ///
    /// # Errors
    /// If there is no such size.
    pub fn new(shape: Shape, upsampling: Upsampling, generator: &mut Generator) -> Result<Self, UnknownSize> {
        if !SIZES.contains(&shape.size) {
            return Err(UnknownSize(shape.size));
        }
        let mut main = Sequential::new();
        let mut channels = shape.noise;
        for (level, map) in shape.maps().into_iter().enumerate() {
            up(&mut main, level, [channels, map], &shape, upsampling, generator);
            main.push(BatchNorm::new(map, DEVIATION, generator)).push(Activation::Relu);
            channels = map;
        }
        up(&mut main, 1, [channels, shape.channels], &shape, upsampling, generator);
        main.push(Activation::Tanh);
        Ok(Self { main })
    }
}

/// One step towards the picture: from noise to the narrow end at level 0, to twice the size elsewhere.
fn up(
    main: &mut Sequential,
    level: usize,
    channels: [usize; 2],
    shape: &Shape,
    upsampling: Upsampling,
    generator: &mut Generator,
) {
    if level == 0 {
        main.push(ConvTranspose::new(channels, Window::square(shape.end(), 1, 0), 0, DEVIATION, generator));
        return;
    }
    match upsampling {
        Upsampling::Deconv => {
            main.push(ConvTranspose::new(channels, Window::square(4, 2, 1), 0, DEVIATION, generator));
        }
        Upsampling::Resize => {
            main.push(Upsample(2)).push(Conv::new(channels, Window::square(3, 1, 1), DEVIATION, generator));
        }
    }
}

impl Module for DcganGenerator {
    fn forward(&self, pass: &Pass, x: &Var) -> Var {
        pass.run("main", &self.main, x)
    }

    fn list(&self, prefix: &str, entries: &mut Vec<Entry>) {
        self.main.list(&join(prefix, "main"), entries);
    }
}

/// Judges pictures `(N, size, size, channels)`: one logit each, `(N)`.
pub struct DcganDiscriminator {
    main: Sequential,
}

impl DcganDiscriminator {
    /// A discriminator with fresh weights.
    ///
    /// # Errors
    /// If there is no such size.
    pub fn new(shape: Shape, norm: Norm, generator: &mut Generator) -> Result<Self, UnknownSize> {
        if !SIZES.contains(&shape.size) {
            return Err(UnknownSize(shape.size));
        }
        let mut main = Sequential::new();
        let mut channels = shape.channels;
        for (level, map) in shape.maps().into_iter().rev().enumerate() {
            let window = Window::square(4, 2, 1);
            if norm == Norm::Spectral {
                main.push(SpectralConv::new([channels, map], window, DEVIATION, generator));
            } else {
                main.push(Conv::new([channels, map], window, DEVIATION, generator));
            }
            match norm {
                Norm::Batch if level > 0 => {
                    main.push(BatchNorm::new(map, DEVIATION, generator));
                }
                Norm::Instance if level > 0 => {
                    main.push(InstanceNorm::with_affine(map));
                }
                _ => {}
            }
            main.push(Activation::LeakyRelu(SLOPE));
            channels = map;
        }
        let window = Window::square(shape.end(), 1, 0);
        if norm == Norm::Spectral {
            main.push(SpectralConv::new([channels, 1], window, DEVIATION, generator));
        } else {
            main.push(Conv::new([channels, 1], window, DEVIATION, generator));
        }
        Ok(Self { main })
    }
}

impl Module for DcganDiscriminator {
    fn forward(&self, pass: &Pass, x: &Var) -> Var {
        let logits = pass.run("main", &self.main, x);
        ops::reshape(&logits, &[x.shape()[0]])
    }

    fn list(&self, prefix: &str, entries: &mut Vec<Entry>) {
        self.main.list(&join(prefix, "main"), entries);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gobelin_autograd::{Tensor, random};

    fn shape(size: usize) -> Shape {
        Shape { size, channels: 3, width: 4, noise: 10 }
    }

    #[test]
    fn every_size_goes_there_and_back() {
        let mut numbers = random::generator(1, 0);
        for size in SIZES {
            for upsampling in [Upsampling::Deconv, Upsampling::Resize] {
                let generator = DcganGenerator::new(shape(size), upsampling, &mut numbers).unwrap();
                let noise = random::normal(&[2, 1, 1, 10], 0.0, 1.0, &mut numbers);
                let picture = generator.forward(&Pass::frozen(), &noise.into());
                assert_eq!(picture.shape(), [2, size, size, 3]);
                assert!(picture.tensor().data().iter().all(|v| v.abs() <= 1.0));
                for norm in [Norm::Batch, Norm::Instance, Norm::Spectral] {
                    let judge = DcganDiscriminator::new(shape(size), norm, &mut numbers).unwrap();
                    assert_eq!(judge.forward(&Pass::frozen(), &picture).shape(), [2]);
                }
            }
        }
        assert_eq!(
            DcganGenerator::new(shape(48), Upsampling::Deconv, &mut numbers).err(),
            Some(UnknownSize(48))
        );
    }

    #[test]
    fn names_and_shapes_are_those_of_the_example() {
        let shape = Shape { size: 64, channels: 3, width: 64, noise: 100 };
        let mut numbers = random::generator(1, 0);
        let generator = DcganGenerator::new(shape, Upsampling::Deconv, &mut numbers).unwrap();
        let names: Vec<String> = generator.entries().into_iter().map(|entry| entry.name).collect();
        assert_eq!(names[..3], ["main.0.weight", "main.1.weight", "main.1.bias"]);
        assert_eq!(names.last().unwrap(), "main.12.weight");
        assert_eq!(names.len(), 5 + 4 * 5);
        let judge = DcganDiscriminator::new(shape, Norm::Batch, &mut numbers).unwrap();
        let count: usize = judge.entries().iter().map(|entry| entry.parameter.borrow().len()).sum();
        // 2,765,568 weights as in the example, and the running statistics of 3 norms.
        assert_eq!(count, 2_765_568 + 2 * (128 + 256 + 512) + 3);
    }

    #[test]
    fn running_statistics_serve_evaluation() {
        let mut numbers = random::generator(1, 0);
        let generator = DcganGenerator::new(shape(28), Upsampling::Deconv, &mut numbers).unwrap();
        let noise: Var = random::normal(&[64, 1, 1, 10], 0.0, 1.0, &mut numbers).into();
        for _ in 0..150 {
            generator.forward(&Pass::frozen(), &noise);
        }
        let (train, test) =
            (generator.forward(&Pass::frozen(), &noise), generator.forward(&Pass::evaluation(), &noise));
        let difference = |a: &Tensor, b: &Tensor| {
            a.data().iter().zip(b.data()).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
        };
        assert!(difference(train.tensor(), test.tensor()) < 2e-3);
        // A picture alone is the same as in a batch.
        let one = Var::constant(Tensor::new(&[1, 1, 1, 10], &noise.tensor().data()[..10]));
        let alone = generator.forward(&Pass::evaluation(), &one);
        let first = Tensor::new(alone.shape(), &test.tensor().data()[..alone.tensor().len()]);
        assert!(difference(alone.tensor(), &first) < 1e-5);
    }
}
