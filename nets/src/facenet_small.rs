//! A small net for faces of 32 to 64 pixels, after FaceNet's plan: convolutions, the mean over pixels, a unit embedding.
//!
//! | stage | maps at 32 pixels, width 32 | tensors |
//! |---|---|---|
//! | 3x3 | 32x32x32 | `body.0` |
//! | 3x3 stride 2, 3x3 | 16x16x64 | `body.1`, `body.2` |
//! | 3x3 stride 2, 3x3 | 8x8x128 | `body.3`, `body.4` |
//! | 3x3 stride 2, 3x3 | 4x4x256 | `body.5`, `body.6` |
//! | linear map of the mean over pixels | dimensions | `fc.weight` (dimensions, 256), `fc.bias` |
//!
//! Each convolution is followed by batch norm and ReLU; its tensors are named as in [`crate::facenet`].

use gobelin_autograd::Var;
use gobelin_autograd::random::Generator;

use crate::facenet::unit_embedding;
use crate::layers::{Linear, conv_norm_relu};
use crate::module::{Entry, Module, Sequential, join};
use crate::pass::Pass;

/// How often the size is halved, and the width doubled.
const HALVINGS: usize = 3;

/// Embeds pictures `(N, H, W, 3)` as vectors of length 1, `(N, dimensions)`.
pub struct FaceNetSmall {
    body: Sequential,
    linear: Linear,
}

impl FaceNetSmall {
    /// A network with fresh weights, whose widest map has `width` channels.
    pub fn new(width: usize, dimensions: usize, generator: &mut Generator) -> Self {
        let mut body = Sequential::new();
        body.push(conv_norm_relu([3, width], 3, 1, generator));
        let mut channels = width;
        for _ in 0..HALVINGS {
            body.push(conv_norm_relu([channels, 2 * channels], 3, 2, generator));
            channels *= 2;
            body.push(conv_norm_relu([channels, channels], 3, 1, generator));
        }
        let deviation = (1.0 / channels as f32).sqrt();
        Self { body, linear: Linear::new([channels, dimensions], deviation, generator) }
    }
}

impl Module for FaceNetSmall {
    fn forward(&self, pass: &Pass, x: &Var) -> Var {
        unit_embedding(pass, &pass.run("body", &self.body, x), &self.linear)
    }

    fn list(&self, prefix: &str, entries: &mut Vec<Entry>) {
        self.body.list(&join(prefix, "body"), entries);
        self.linear.list(&join(prefix, "fc"), entries);
    }
}
