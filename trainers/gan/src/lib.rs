//! GANs: `gobelin gan`.
//!
//! Nets of DCGAN (Radford et al. 2016), and the losses of [`gobelin_losses::gan`]: min-max, non-saturating, least
//! squares, Wasserstein with a clipped critic, hinge; gradient penalties, spectral norm, an average of the generator.
//! [`game`] holds the two nets and their updates, [`chance`] what they draw, [`trainer`] the order of play, [`judge`] how good the pictures are.

pub mod chance;
pub mod game;
pub mod judge;
mod options;
pub mod trainer;
mod trouble;

pub use options::GanOptions;
