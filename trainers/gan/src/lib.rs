//! GANs: `gobelin gan`.
//!
//! Nets of DCGAN (Radford et al. 2016), and the losses of [`gobelin_losses::gan`]: min-max, non-saturating, least
//! squares, Wasserstein with a clipped critic, hinge; gradient penalties, spectral norm, an average of the generator.
//! [`game`] is the algorithm, [`trainer`] what surrounds it.

pub mod game;
mod options;
mod report;
pub mod trainer;

pub use options::GanOptions;
