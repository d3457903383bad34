//! CycleGAN (Zhu et al. 2017, "Unpaired image-to-image translation using cycle-consistent adversarial networks"):
//! `gobelin cyclegan`.
//!
//! Two generators translate pictures of domain A to B and back, two discriminators tell translations from real pictures,
//! and the cycle loss asks that a picture taken there and back is the same. [`game`] holds the nets and their updates,
//! [`pool`] the translations of earlier steps, [`trainer`] the order of play, [`judge`] how good the translations are,
//! [`apply`] uses them.

pub mod apply;
pub mod game;
pub mod judge;
mod options;
pub mod pool;
pub mod trainer;
mod trouble;

pub use options::CycleGanOptions;
