//! Readers of real data, one file a layout.

mod cifar10;
mod folder;
mod identities;
mod idx;
mod scan;
mod subset;
pub(crate) mod unpaired;

pub use cifar10::Cifar10;
pub use folder::Folder;
pub use identities::Identities;
pub use idx::Idx;
pub(crate) use subset::Subset;
