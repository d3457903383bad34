//! VGG-19 and the losses that look through it against tests/reference.

mod features;
mod losses;
mod weights;
