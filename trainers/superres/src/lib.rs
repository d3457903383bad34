//! Super-resolution, and style transfer in one pass: `gobelin superres`.
//!
//! Johnson, Alahi and Fei-Fei, "Perceptual losses for real-time style transfer and super-resolution", 2016: a network is trained
//! by what VGG-19 sees in the pictures it makes, not by their pixels alone. [`degrade`] makes low-resolution pictures as the paper
//! does, [`network`] is the network as it is used, [`objective`] what it minimises, [`lessons`] what it learns from, [`learner`] one update, [`adversary`] the
//! discriminator of `--loss perceptual+gan`; [`judge`] tells how near enlarged pictures come to the true ones, [`gallery`] how
//! well pictures are painted.

pub mod adversary;
pub mod apply;
pub mod degrade;
pub mod gallery;
pub mod judge;
pub mod learner;
pub mod lessons;
pub mod network;
pub mod objective;
mod options;
mod panels;
mod trainer;
mod trouble;

pub use options::SuperresOptions;
pub use trainer::SuperresTrainer;
