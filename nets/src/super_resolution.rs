//! The super-resolution network (Johnson et al. 2016, supplement, tables 2 and 3): c9s1-64, four residual blocks of 64,
//! a convolution of 64 with stride 1/2 for every doubling, c9s1-3 and tanh; batch norms, mirrored borders.
//!
//! Two departures are options: maps doubled by nearest neighbours (Odena et al. 2016), and the enlarged picture added to
//! what the network makes, so that it draws only what interpolation cannot (Kim et al. 2016). Its tensors are named by
//! place in the sequence (`1.weight` the first convolution's, `4.b.1.weight` in the first block, ...), below `residual` if
//! the enlarged picture is added.

use std::collections::BTreeMap;

use gobelin_autograd::ops::Window;
use gobelin_autograd::random::{self, Generator};
use gobelin_autograd::{Tensor, Var, ops};

use crate::dcgan::Upsampling;
use crate::layers::{
    Activation, BatchNorm, Conv, ConvTranspose, ReflectionPad, ResidualBlock, Upsample, he_deviation,
};
use crate::module::{Entry, Module, Sequential, join};
use crate::pass::Pass;
use crate::tiles::{self, Local, Source, Tiled};
use crate::weights::stored_shape;

/// Rows and columns of the outer convolutions.
const OUTER: usize = 9;

/// What the network looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// How many pixels a pixel becomes on a side: 4 or 8, or another power of two.
    pub scale: usize,
    /// Channels of every map (64 in the paper).
    pub width: usize,
    /// Residual blocks (4 in the paper).
    pub blocks: usize,
    /// How maps are doubled.
    pub upsampling: Upsampling,
    /// Whether the picture, enlarged by bicubic interpolation, is added.
    pub skip: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { scale: 4, width: 64, blocks: 4, upsampling: Upsampling::Deconv, skip: false }
    }
}

impl Options {
    /// The options of a network by the names and PyTorch's shapes of its tensors; `None` if they are no such network's.
    pub fn of_tensors(tensors: &BTreeMap<String, Vec<usize>>) -> Option<Self> {
        let skip = tensors.contains_key("residual.1.weight");
        let prefix = if skip { "residual." } else { "" };
        let &[width, 3, OUTER, OUTER] = tensors.get(&format!("{prefix}1.weight"))?.as_slice() else {
            return None;
        };
        let is_block = |place: &usize| tensors.contains_key(&format!("{prefix}{place}.b.1.weight"));
        let blocks = (4..4 + tensors.len()).take_while(is_block).count();
        let candidates = [4, 8].into_iter().flat_map(|scale| {
            [Upsampling::Deconv, Upsampling::Resize].map(|upsampling| Self {
                scale,
                width,
                blocks,
                upsampling,
                skip,
            })
        });
        candidates.into_iter().find(|options| {
            let entries = SuperResolution::new(*options, &mut random::generator(0, 0)).entries();
            entries.len() == tensors.len()
                && entries.iter().all(|entry| tensors.get(&entry.name) == Some(&stored_shape(entry).1))
        })
    }
}

/// Enlarges pictures `(N, H, W, 3)` in [-1, 1] of at least 5 pixels a side to `(N, scale H, scale W, 3)`.
pub struct SuperResolution {
    options: Options,
    sequence: Sequential,
}

impl SuperResolution {
    /// A network with fresh weights.
    ///
    /// # Panics
    /// If the scale is no power of two.
    #[track_caller]
    pub fn new(options: Options, generator: &mut Generator) -> Self {
        let Options { scale, width, blocks, upsampling, skip } = options;
        assert!(scale.is_power_of_two(), "super-resolution: scale {scale}, expected a power of two");
        let mut sequence = Sequential::new();
        let outer = Window::square(OUTER, 1, 0);
        let first = Conv::new([3, width], outer, he_deviation(outer, 3), generator);
        sequence.push(ReflectionPad(OUTER / 2)).push(first);
        sequence.push(BatchNorm::plain(width)).push(Activation::Relu);
        let inner = Window::square(3, 1, 0);
        let deviation = he_deviation(inner, width);
        for _ in 0..blocks {
            sequence.push(ResidualBlock::with_batch_norm("b", width, deviation, generator));
        }
        for _ in 0..scale.ilog2() {
            match upsampling {
                Upsampling::Deconv => {
                    // Every output sees a quarter of the filter's values.
                    let window = Window::square(3, 2, 1);
                    let up = ConvTranspose::new([width; 2], window, 1, 2.0 * deviation, generator);
                    sequence.push(up);
                }
                Upsampling::Resize => {
                    let conv = Conv::new([width; 2], inner, deviation, generator);
                    sequence.push(Upsample(2)).push(ReflectionPad(1)).push(conv);
                }
            }
            sequence.push(BatchNorm::plain(width)).push(Activation::Relu);
        }
        // What is added to the enlarged picture begins as nothing: else training spends its first hundreds of steps on undoing it.
        let deviation = if skip { 0.0 } else { he_deviation(outer, width) };
        let last = Conv::new([width, 3], outer, deviation, generator);
        sequence.push(ReflectionPad(OUTER / 2)).push(last.with_bias());
        if !skip {
            sequence.push(Activation::Tanh);
        }
        Self { options, sequence }
    }

    /// What it looks like.
    pub fn options(&self) -> Options {
        self.options
    }
}

impl Module for SuperResolution {
    fn forward(&self, pass: &Pass, x: &Var) -> Var {
        if !self.options.skip {
            return self.sequence.forward(pass, x);
        }
        let size = [1, 2].map(|axis| self.options.scale * x.shape()[axis]);
        ops::add(&ops::resize_bicubic(x, size), &pass.run("residual", &self.sequence, x))
    }

    fn list(&self, prefix: &str, entries: &mut Vec<Entry>) {
        let prefix = if self.options.skip { join(prefix, "residual") } else { prefix.to_owned() };
        self.sequence.list(&prefix, entries);
    }
}

/// In one pass: after training, batch norms take the running statistics and look at nothing.
impl Tiled for SuperResolution {
    fn multiple(&self) -> usize {
        1
    }

    fn factor(&self) -> usize {
        self.options.scale
    }

    fn smallest_side(&self) -> usize {
        OUTER / 2 + 1
    }

    fn kept_bytes(&self) -> usize {
        0
    }

    fn run_in_tiles(
        &self,
        pass: &Pass,
        picture: &Source<'_>,
        side: usize,
        give: &mut dyn FnMut(tiles::Window, &Tensor),
    ) {
        let Options { scale, blocks, .. } = self.options;
        // The first convolution, two of each block, the doublings (1 + 1/2 + 1/4 + ...), the last convolution.
        let reach = OUTER / 2 + 2 * blocks + 2 + (OUTER / 2).div_ceil(scale);
        let local = Local { reach, up: scale, down: 1 };
        local.for_each(&|x| self.forward(pass, x), picture, side, give);
    }
}
