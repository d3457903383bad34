//! Style transfer: `gobelin style`.
//!
//! Gatys, Ecker and Bethge, "Image style transfer using convolutional neural networks", 2016: the pixels of a picture are
//! changed until a deep layer of VGG-19 sees the content of one picture, and the Gram matrices of several layers those of another
//! (or of several others). There is nothing to learn but the picture.
//!
//! [`pictures`] reads or draws what goes in, [`aim`] is the loss at one size, [`painter`] changes the picture along it,
//! [`trainer`] goes from coarse to fine; [`colour`] keeps the colours of the content, [`memory`] tells beforehand what a size
//! needs.

pub mod aim;
pub mod colour;
pub mod memory;
mod options;
pub mod painter;
pub mod pictures;
pub mod trainer;

pub use options::StyleOptions;
