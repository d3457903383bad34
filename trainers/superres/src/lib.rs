//! Super-resolution and feed-forward style transfer: `gobelin superres`.
//!
//! The networks and losses of Johnson et al. 2016: a network that enlarges pictures four or eight times, trained on squared
//! errors, on VGG-19's features, or on those and a discriminator (Ledig et al. 2017); and one that paints a picture in the
//! style of another. [`restoration`] and [`painting`] hold a task's networks, their updates and what is measured,
//! [`trainer`] feeds them with squares cut from [`pictures`], and `gobelin superres apply` uses what was trained.

mod apply;
pub mod degrade;
mod judge;
mod memory;
mod options;
pub mod painting;
pub mod pictures;
pub mod restoration;
mod side;
pub mod trainer;

pub use options::SuperresOptions;
