//! U-Net (Ronneberger et al. 2015) with padded convolutions and batch norms.
//!
//! Going down, two 3 by 3 convolutions a level and a max pool; going up, a 2 by 2 transposed convolution, the level's map beside
//! it, two convolutions again. Tensors: `down.LEVEL.0.0.weight` (first convolution of a level), `down.LEVEL.0.1.weight` (its norm),
//! `mid.0.0.weight`, `up.0.weight` (the narrowest first, as in `dec`), `dec.0.0.0.weight`, `out.weight`.

use gobelin_autograd::ops::Window;
use gobelin_autograd::random::Generator;
use gobelin_autograd::{Var, ops};

use crate::layers::{Conv, ConvTranspose, Pool, conv_norm_relu, he_deviation};
use crate::module::{Entry, Module, Sequential, join};
use crate::pass::Pass;

/// What a U-Net looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Channels of a picture.
    pub channels: usize,
    /// Channels of the output: classes, or 1 for a mask.
    pub classes: usize,
    /// Channels of the widest map (64 in the paper); each narrower map has twice as many.
    pub width: usize,
    /// How often the size is halved (4 in the paper).
    pub depth: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { channels: 3, classes: 1, width: 32, depth: 4 }
    }
}

/// Gives each pixel of pictures `(N, H, W, channels)` its logits `(N, H, W, classes)`; rows and columns are multiples of 2 to
/// the depth.
pub struct UNet {
    down: Vec<Sequential>,
    mid: Sequential,
    up: Vec<ConvTranspose>,
    decode: Vec<Sequential>,
    out: Conv,
}

impl UNet {
    /// A network with fresh weights.
    pub fn new(options: Options, generator: &mut Generator) -> Self {
        let Options { channels, classes, width, depth } = options;
        let above = |level: usize| if level == 0 { channels } else { width << (level - 1) };
        let down = (0..depth).map(|level| twice(above(level), width << level, generator)).collect();
        let mid = twice(above(depth), width << depth, generator);
        let window = Window::square(2, 2, 0);
        let up = |level: usize| {
            // Each output pixel of a 2 by 2 transposed convolution with stride 2 has one tap.
            let deviation = he_deviation(Window::square(1, 1, 0), width << (level + 1));
            ConvTranspose::new([width << (level + 1), width << level], window, 0, deviation, generator)
                .with_bias()
        };
        let up = (0..depth).rev().map(up).collect();
        let decode =
            (0..depth).rev().map(|level| twice(width << (level + 1), width << level, generator)).collect();
        let pointwise = Window::square(1, 1, 0);
        let out =
            Conv::new([width, classes], pointwise, he_deviation(pointwise, width), generator).with_bias();
        Self { down, mid, up, decode, out }
    }
}

/// Two convolutions with norms.
fn twice(channels_in: usize, channels_out: usize, generator: &mut Generator) -> Sequential {
    let mut both = Sequential::new();
    for channels_in in [channels_in, channels_out] {
        both.push(conv_norm_relu([channels_in, channels_out], 3, 1, generator));
    }
    both
}

impl Module for UNet {
    fn forward(&self, pass: &Pass, x: &Var) -> Var {
        let mut x = x.clone();
        let mut maps = Vec::new();
        for (level, down) in self.down.iter().enumerate() {
            let map = pass.run(&format!("down.{level}"), down, &x);
            x = Pool::Max(Window::square(2, 2, 0)).forward(pass, &map);
            maps.push(map);
        }
        x = pass.run("mid", &self.mid, &x);
        for (step, (up, decode)) in self.up.iter().zip(&self.decode).enumerate() {
            let map = maps.pop().expect("as many up as down");
            let wider = pass.run(&format!("up.{step}"), up, &x);
            x = pass.run(&format!("dec.{step}"), decode, &ops::concat(&[&map, &wider], 3));
        }
        pass.run("out", &self.out, &x)
    }

    fn list(&self, prefix: &str, entries: &mut Vec<Entry>) {
        list_all(&self.down, &join(prefix, "down"), entries);
        self.mid.list(&join(prefix, "mid"), entries);
        list_all(&self.up, &join(prefix, "up"), entries);
        list_all(&self.decode, &join(prefix, "dec"), entries);
        self.out.list(&join(prefix, "out"), entries);
    }
}

fn list_all<M: Module>(modules: &[M], prefix: &str, entries: &mut Vec<Entry>) {
    for (number, module) in modules.iter().enumerate() {
        module.list(&join(prefix, &number.to_string()), entries);
    }
}
