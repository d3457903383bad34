//! FaceNet: `gobelin facenet`.
//!
//! A net maps faces to vectors of length 1 so that two pictures of a person lie nearer to each other than to anybody
//! else's, by a margin (Schroff et al. 2015). What it learns from is mined from its own embeddings:
//!
//! | file | what |
//! |---|---|
//! | [`sampler`] | P people times K faces: which pictures make a batch |
//! | [`objective`] | the loss of a batch: triplets or pairs, and how they are mined |
//! | [`learner`] | one update, in one pass over the batch or in two over its chunks |
//! | [`offline`] | triplets drawn ahead with older embeddings, the way that online mining replaced |
//! | [`pretraining`] | softmax over the people to train on, before triplets |
//! | [`exam`] | verification of people never trained on |
//! | [`lfw`] | LFW's own lists of pairs |
//! | [`drawing`] | the batches that steps learn from |
//! | [`trainer`] | the order of a step, and what a run shows |
//! | [`embedder`] | a trained net in use |

pub mod coverage;
pub mod drawing;
pub mod embedder;
pub mod exam;
pub mod learner;
pub mod lfw;
mod listed;
pub mod objective;
pub mod offline;
mod options;
pub mod people;
mod plot;
pub mod pretraining;
pub mod sampler;
pub mod separation;
mod tools;
pub mod trainer;
mod trouble;

pub use options::FaceNetOptions;
