//! Readers of real data, one file a layout.

mod cifar10;
mod folder;
mod identities;
mod idx;
mod pairs;
mod scan;
pub(crate) mod unpaired;

pub use cifar10::Cifar10;
pub use folder::Folder;
pub use identities::Identities;
pub use idx::Idx;
pub use pairs::Pairs;
