//! Pictures to train on: readers for real data, drawn faces, scenes and textures, and the loader
//! that decodes and augments ahead of the step.
//!
//! A [`Source`] is what a user writes after `--data`; opening it gives a
//! [`Dataset`]; a [`Loader`] turns a dataset into an endless run of
//! [`Batch`]es whose content depends only on the seed, and [`HeldOut`] walks a
//! fixed choice of pictures for metrics.
//!
//! ```
//! use gobelin_datasets::{Loader, LoaderOptions, OpenOptions, Source, Split};
//!
//! let source: Source = "faces".parse()?;
//! let faces = source.open(&OpenOptions { split: Split::Train, size: 32, channels: 3 })?;
//! let mut loader = Loader::new(faces, LoaderOptions::new(16, 32, 3))?;
//! let batch = loader.next_batch()?;
//! assert_eq!(batch.pixels.len(), 16 * 32 * 32 * 3);
//! # Ok::<(), gobelin_datasets::DataError>(())
//! ```

mod at_least;
mod check;
mod dataset;
pub mod domains;
mod drawing;
mod drawings;
mod error;
pub mod faces;
mod loader;
mod masks;
mod picture;
mod random;
mod readers;
mod remembered;
pub mod scenes;
mod source;
pub mod structures;
mod subset;
pub mod textures;
mod view;

pub use at_least::AtLeast;
pub use check::check;
pub use dataset::{Dataset, PictureShape, Sample};
pub use domains::Domains;
pub use drawings::Drawings;
pub use error::DataError;
pub use faces::{Faces, FacesOptions};
pub use loader::{
    Augmentation, Batch, BatchPlan, HeldOut, HeldOutOptions, Loader, LoaderOptions, Order, Shuffled,
    held_out_samples, skip_limit,
};
pub use masks::set_share;
pub use picture::Picture;
pub use readers::{Cifar10, Folder, Identities, Idx, Pairs};
pub use remembered::Remembered;
pub use source::{OpenOptions, Source, Split};
pub use structures::{Structure, Structures};
pub use subset::Subset;
pub use view::View;
