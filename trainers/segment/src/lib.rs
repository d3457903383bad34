//! Segmentation of thin connected structures, as membranes and roads are: `gobelin segment`.
//!
//! A U-Net (Ronneberger et al. 2015) that may refine its own answer (Mosinska et al. 2018), trained on a loss of pixels, what
//! VGG-19 sees in the masks, and soft clDice (Shit et al. 2021). [`net`] is the network as it is used, [`objective`] the
//! sum of losses, [`lessons`] what is learned from, [`learner`] one update, [`judge`] how good the masks are, [`training`] a net
//! with its data, [`compare`] the pixel loss alone against pixel and topology loss.

pub mod apply;
pub mod compare;
pub mod judge;
pub mod learner;
pub mod lessons;
pub mod net;
pub mod objective;
mod options;
mod panels;
mod trainer;
pub mod training;
mod trouble;

pub use options::SegmentOptions;
pub use trainer::SegmentTrainer;
