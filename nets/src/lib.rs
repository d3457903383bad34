//! Layers, architectures and weight files.
//!
//! A [`Module`] maps a picture batch `(N, H, W, C)` to another under a [`Pass`], which says whether its parameters are
//! tracked and which statistics its norms use. Its [`Entry`]s name every tensor it holds as PyTorch users know them, so
//! that [`weights`] can write and read files that PyTorch's `load_state_dict(strict=True)` takes.

pub mod catalogue;
pub mod dcgan;
pub mod facenet;
pub mod facenet_small;
pub mod layers;
mod module;
mod pass;
pub mod patch_discriminator;
pub mod resnet_generator;
pub mod super_resolution;
mod taps;
pub mod tiles;
pub mod transform;
pub mod unet;
pub mod vgg19;
pub mod weights;

pub use module::{Entry, Kind, Module, Sequential, buffers, parameters, to_device};
pub use pass::{Pass, Statistics};
pub use taps::Taps;
