//! The image transformation network of feed-forward style transfer (Johnson et al. 2016, supplement), with instance norms
//! (Ulyanov et al. 2016) and nearest-neighbour upsampling, which leaves no checkerboard.
//!
//! c9s1-32, d64, d128, five residual blocks of 128, u64, u32, c9s1-3, with mirrored borders, then a tanh. Its tensors are named by place in
//! the sequence: `1.weight` (first convolution), `2.weight` (its norm), `12.b.1.weight` (in the first block), ...

use std::collections::BTreeMap;

use gobelin_autograd::ops::Window;
use gobelin_autograd::random::{self, Generator};
use gobelin_autograd::{Tensor, Var};

use crate::layers::{Activation, Conv, InstanceNorm, ReflectionPad, ResidualBlock, Upsample, he_deviation};
use crate::module::{Entry, Module, Sequential};
use crate::pass::Pass;
use crate::tiles::{self, Local, Part, Source, Tiled};
use crate::weights::stored_shape;

const BLOCKS: usize = 5;
/// Where the residual blocks begin in the sequence, and where what comes after them does.
const MIDDLE: usize = 12;
const TAIL: usize = MIDDLE + BLOCKS;
const END: usize = TAIL + 13;
/// Deviation of fresh weights of the last convolution, in that of the others: what goes into the tanh is then small enough to pass
/// nearly as it is.
const LAST: f32 = 0.3;
/// Maps of a block's size that lie in memory while one runs.
const MAPS_OF_A_BLOCK: usize = 5;

/// Transforms pictures `(N, H, W, 3)` in [-1, 1] to others in [-1, 1] of the same size, which is a multiple of 4 and at least 8.
pub struct Transform {
    sequence: Sequential,
    width: usize,
}

impl Transform {
    /// The width of a network by the names and PyTorch's shapes of its tensors; `None` if they are no such network's.
    pub fn width_of_tensors(tensors: &BTreeMap<String, Vec<usize>>) -> Option<usize> {
        let &[width, 3, 9, 9] = tensors.get("1.weight")?.as_slice() else { return None };
        let entries = Self::new(width, &mut random::generator(0, 0)).entries();
        let fits = entries.len() == tensors.len()
            && entries.iter().all(|entry| tensors.get(&entry.name) == Some(&stored_shape(entry).1));
        fits.then_some(width)
    }

    /// A network with fresh weights; `width` is the channels of its widest map (32 in the paper).
    pub fn new(width: usize, generator: &mut Generator) -> Self {
        let mut sequence = Sequential::new();
        for (channels, kernel, stride) in
            [([3, width], 9, 1), ([width, 2 * width], 3, 2), ([2 * width, 4 * width], 3, 2)]
        {
            conv_norm_relu(&mut sequence, channels, kernel, stride, generator);
        }
        let deviation = he_deviation(Window::square(3, 1, 0), 4 * width);
        for _ in 0..BLOCKS {
            let block = ResidualBlock::new("b", 4 * width, InstanceNorm::with_affine, deviation, generator);
            sequence.push(block);
        }
        for channels in [[4 * width, 2 * width], [2 * width, width]] {
            sequence.push(Upsample(2));
            conv_norm_relu(&mut sequence, channels, 3, 1, generator);
        }
        let window = Window::square(9, 1, 0);
        let last = Conv::new([width, 3], window, LAST * he_deviation(window, width), generator).with_bias();
        sequence.push(ReflectionPad(4)).push(last).push(Activation::Tanh);
        Self { sequence, width }
    }
}

fn conv(channels: [usize; 2], kernel: usize, stride: usize, generator: &mut Generator) -> Conv {
    let window = Window::square(kernel, stride, 0);
    Conv::new(channels, window, he_deviation(window, channels[0]), generator)
}

fn conv_norm_relu(
    sequence: &mut Sequential,
    channels: [usize; 2],
    kernel: usize,
    stride: usize,
    generator: &mut Generator,
) {
    sequence
        .push(ReflectionPad(kernel / 2))
        .push(conv(channels, kernel, stride, generator).with_cancelled_bias())
        .push(InstanceNorm::with_affine(channels[1]))
        .push(Activation::Relu);
}

impl Module for Transform {
    fn forward(&self, pass: &Pass, x: &Var) -> Var {
        self.sequence.forward(pass, x)
    }

    fn list(&self, prefix: &str, entries: &mut Vec<Entry>) {
        self.sequence.list(prefix, entries);
    }
}

/// The parts before and after the residual blocks go in tiles; the blocks, whose maps are a quarter as high and as wide and
/// take least memory, in one piece.
impl Tiled for Transform {
    fn multiple(&self) -> usize {
        4
    }

    fn factor(&self) -> usize {
        1
    }

    fn smallest_side(&self) -> usize {
        8
    }

    fn kept_bytes(&self) -> usize {
        // The map of `4 width` channels on a sixteenth of the pixels that goes into a block, and what the block makes of it
        // meanwhile: mirrored, convolved, normalised.
        MAPS_OF_A_BLOCK * 4 * self.width * size_of::<f32>() / 16
    }

    fn run_in_tiles(
        &self,
        pass: &Pass,
        picture: &Source<'_>,
        side: usize,
        give: &mut dyn FnMut(tiles::Window, &Tensor),
    ) {
        assert!(
            picture.size.iter().chain([&side]).all(|length| length.is_multiple_of(4)),
            "transform: tiles of {side} of {:?} pixels, expected multiples of 4",
            picture.size
        );
        let local = |reach, up, down| Local { reach, up, down };
        let head = Part {
            sequence: &self.sequence,
            modules: 0..MIDDLE,
            norms: &[(2, local(4, 1, 1)), (6, local(5, 1, 2)), (10, local(7, 1, 4))],
            whole: local(7, 1, 4),
        };
        let [height, width] = picture.size.map(|length| length / 4);
        let mut map = Tensor::zeros(&[1, height, width, 4 * self.width]);
        head.for_each(pass, picture, side, |place, part| place.paste(part, &mut map));
        let map = self.sequence.run(MIDDLE..TAIL, pass, &map.into()).into_tensor();
        let tail = Part {
            sequence: &self.sequence,
            modules: TAIL..END,
            norms: &[(TAIL + 3, local(1, 2, 1)), (TAIL + 8, local(2, 4, 1))],
            whole: local(3, 4, 1),
        };
        let read = Source::of_map(&map);
        tail.for_each(pass, &Source { size: [height, width], read: &read }, side / 4, give);
    }
}
